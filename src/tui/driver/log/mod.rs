//! Reads the followed run's log on a separate thread, so that the screen's event loop never waits for it,
//! however long the log is and however fast it grows.

mod entry;
mod facts;
mod index;
mod kept;
mod shape;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender as Asks, channel};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc::Sender;

pub(super) use self::facts::FactLines;
pub(super) use self::index::LogIndex;
use self::shape::shapes;
use super::poll_backoff::PollBackoff;
use crate::app::{App, SqliteStore, private_folder};
use crate::domain::describe;
use crate::domain::ids::RunNumber;
use crate::ports::journal::Journal as _;
use crate::ports::log::LogLine;
use crate::tui::effect::{LogAsk, LogUse};
use crate::tui::msg::Msg;
use crate::tui::panes::deploy::model::Progress;
use crate::tui::panes::logs::model::{AROUND, Extent, Line};

/// Number of latest lines sent with each update, so that following the log needs no requests.
const TAIL_LINES: usize = 240;
/// Maximum size of a copy in bytes. Its base64 form must fit the OSC 52 limit of terminals.
const MOST_COPIED: usize = 56_000;

/// Starts the thread. It ends when the returned sender is dropped or the screen's message channel closes.
pub(super) fn spawn(app: App, sender: Sender<Msg>) -> Asks<LogAsk> {
    let (asks, receiver) = channel();
    std::thread::spawn(move || Reader::new(app, sender).run(&receiver));
    asks
}

struct Reader {
    app: App,
    sender: Sender<Msg>,
    run: Option<RunNumber>,
    asked: u64,
    book: LogIndex,
    store: Option<(SqliteStore, i64)>,
    fact: u64,
    lines: FactLines,
    /// Target line of the last jump.
    found: Option<usize>,
    /// A run whose log may be on another machine, to be read once what is here is shown.
    fetch: Option<RunNumber>,
    /// Modification time of the progress file at the last read.
    progressed: Option<SystemTime>,
}

/// The error if the screen's message channel is closed.
struct Gone;

impl Reader {
    fn new(app: App, sender: Sender<Msg>) -> Self {
        let (run, asked, store, fact, found) = (None, 0, None, 0, None);
        let (book, progressed, fetch) = (LogIndex::new(None), None, None);
        let lines = FactLines::default();
        Self { app, sender, run, asked, book, store, fact, lines, found, fetch, progressed }
    }

    fn run(mut self, asks: &Receiver<LogAsk>) {
        let (mut told, mut busy, mut rounds) = (None, false, 0_u32);
        let mut pace = PollBackoff::default();
        loop {
            let wait = if busy { Duration::ZERO } else { pace.wait() };
            let mut answered = Ok(());
            match asks.recv_timeout(wait) {
                Ok(ask) => {
                    answered = self.answer(ask);
                    for ask in asks.try_iter() {
                        answered = answered.and(self.answer(ask));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            if answered.is_err() || self.sender.is_closed() {
                return;
            }
            busy = self.grow();
            rounds = rounds.wrapping_add(1);
            // Progress changes more slowly than the log, so it is read less often.
            if rounds.is_multiple_of(3) && self.progress().is_err() {
                return;
            }
            let extent = self.book.extent();
            let now = Some((self.run, self.asked, extent));
            pace.looked(now != told);
            if now != told {
                told.clone_from(&now);
                if self.tell().is_err() {
                    return;
                }
            }
            if let Some(run) = self.fetch.take() {
                self.app.read_shared_log(run);
            }
        }
    }

    /// Sends the progress of the current step, if the progress file changed.
    fn progress(&mut self) -> Result<(), Gone> {
        let Some(run) = self.run else { return Ok(()) };
        let file = self.app.progress_file(run);
        let changed = std::fs::metadata(&file).and_then(|about| about.modified()).ok();
        if changed == self.progressed {
            return Ok(());
        }
        self.progressed = changed;
        let said = std::fs::read(&file).unwrap_or_default();
        let words: Vec<LogLine> = serde_json::from_slice(&said).unwrap_or_default();
        let words = words.into_iter().map(|word| Progress {
            step: word.step.to_string(),
            service: word.service.map(|service| service.to_string()),
            text: word.text,
        });
        self.say(Msg::Progress(run, words.collect()))
    }

    /// Indexes new lines and facts; `true` if there is more to process now.
    fn grow(&mut self) -> bool {
        let Some(run) = self.run else { return false };
        if !self.book.has_file()
            && let Ok(file) = File::open(self.app.log_file(run))
        {
            self.book.open(file);
        }
        self.facts(run);
        let more = self.book.grow();
        self.book.sieve() || more
    }

    /// Queues the run's new facts for the index.
    fn facts(&mut self, run: RunNumber) {
        if self.store.is_none() {
            let store = self.app.readable_store();
            self.store = store.ok().map(|store| (store, -1));
        }
        let Some((store, version)) = &mut self.store else { return };
        let Ok(now) = store.data_version() else { return };
        if std::mem::replace(version, now) == now {
            return;
        }
        for fact in store.facts(run, self.fact).unwrap_or_default() {
            self.fact = fact.seq;
            self.book.fact(self.lines.next(&fact));
        }
    }

    fn answer(&mut self, ask: LogAsk) -> Result<(), Gone> {
        match ask {
            LogAsk::Follow { run, asked, query } => {
                (self.run, self.asked, self.fact) = (Some(run), asked, 0);
                self.progressed = None;
                self.book = LogIndex::new(None);
                self.lines = FactLines::default();
                self.book.ask(query);
                if let Some((_, version)) = &mut self.store {
                    *version = -1;
                }
                self.fetch = Some(run);
                Ok(())
            }
            LogAsk::Query { asked, query } => {
                self.asked = asked;
                let known = query.news.map(|run| shapes(&self.app.log_file(run)));
                // If the good run left no log, every line is new.
                self.book.compare_with(known.map(Option::unwrap_or_default));
                self.book.ask(query);
                Ok(())
            }
            LogAsk::Window { asked, from } if asked == self.asked => {
                self.say(Msg::LogWindow(asked, from, self.book.lines(from, AROUND * 2)))
            }
            LogAsk::Find { asked, mark, from, again, forward } if asked == self.asked => {
                // The next mark is known only when the whole log is filtered and searched.
                while self.book.sieve() {}
                let from = if again { self.found } else { from };
                let found = self.book.find(mark, from, forward);
                self.found = found.map(|(at, _)| at);
                self.say(Msg::LogFound(asked, mark, found))
            }
            LogAsk::Use { asked, from, to, what } if asked == self.asked => {
                self.use_lines(from, to, what)
            }
            // Requests of an outdated query are ignored.
            _ => Ok(()),
        }
    }

    fn tell(&self) -> Result<(), Gone> {
        let Some(run) = self.run else { return Ok(()) };
        let extent = Extent { ticks: self.book.ticks(), ..self.book.extent() };
        self.say(Msg::Logged(run, self.asked, extent, self.book.tail(TAIL_LINES)))
    }

    fn say(&self, message: Msg) -> Result<(), Gone> {
        self.sender.blocking_send(message).map_err(|_| Gone)
    }

    fn use_lines(&self, from: usize, to: usize, what: LogUse) -> Result<(), Gone> {
        match what {
            LogUse::Copy => {
                let (mut text, mut count) = (String::new(), 0);
                for line in self.book.lines(from, to.saturating_sub(from)) {
                    if text.len() + line.text.len() > MOST_COPIED {
                        break;
                    }
                    text.push_str(&written(&line));
                    text.push('\n');
                    count += 1;
                }
                // A single line gets no line break, because it is pasted into other text.
                if count == 1 {
                    text.pop();
                }
                self.say(Msg::Clip(text, count))
            }
            LogUse::Save => {
                let saved = self.save(from, to);
                self.say(match saved {
                    Ok((file, count)) => Msg::Tell(format!(
                        "saved {} to {}",
                        describe::counted(count, "line"),
                        file.display()
                    )),
                    Err(error) => Msg::Alarm(format!("the log cannot be saved: {error}")),
                })
            }
        }
    }

    fn save(&self, from: usize, to: usize) -> Result<(PathBuf, usize), String> {
        let folder = self.app.state.join("exports");
        private_folder(&folder).map_err(|problem| problem.to_string())?;
        let run = self.run.map_or(0, |run| run.0);
        let at = self.app.clock.now().strftime("%Y%m%dT%H%M%S");
        let path = folder.join(format!("run-{run}-{at}.log"));
        let mut options = OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let mut file = std::io::BufWriter::new(file.map_err(|e| e.to_string())?);
        let mut count = 0;
        let mut at = from;
        while at < to {
            let lines = self.book.lines(at, index::TURN.min(to - at));
            if lines.is_empty() {
                break;
            }
            (at, count) = (at + lines.len(), count + lines.len());
            for line in lines {
                writeln!(file, "{}", written(&line)).map_err(|e| e.to_string())?;
            }
        }
        file.flush().map_err(|e| e.to_string())?;
        Ok((path, count))
    }
}

/// A line in the format of copies and exports: time, level, source, text.
fn written(line: &Line) -> String {
    let at = line.at.strftime("%H:%M:%S.%3fZ");
    format!("{at} {} {} {}", line.level.letter(), line.source, line.text)
}
