//! Reads the store, and the log of one run, on a thread of its own.

use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::app::App;
use crate::domain::event::Recorded;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::words;
use crate::ports::journal::{Journal, JournalError};
use crate::ports::log::LogLine;
use crate::tui::model::environments::RunSeen;
use crate::tui::model::logs::Line;
use crate::tui::msg::{Msg, Stored};

/// Between two looks. A look at a store that did not change costs one pragma.
const LOOK: Duration = Duration::from_millis(100);
/// Whether a runner lives is no write to the store, so it is looked at this often in any case.
const ALIVE: u32 = 10;
/// So many lines are sent at once.
const LINES: usize = 2000;

/// Whose log is followed; 0: nobody's.
#[derive(Debug, Default)]
pub(super) struct Following(AtomicU64);

impl Following {
    pub(super) fn follow(&self, run: RunNumber) {
        self.0.store(run.0, Ordering::SeqCst);
    }
}

/// Starts the thread. It ends when nobody listens any more.
pub(super) fn spawn(
    app: App,
    names: Vec<EnvironmentName>,
    sender: Sender<Msg>,
    following: Arc<Following>,
) {
    std::thread::spawn(move || {
        let mut told = String::new();
        while !sender.is_closed() {
            let problem = match read(&app, &names, &sender, &following) {
                Ok(()) => return,
                Err(error) => error.problem(),
            };
            if told != problem.to_string() {
                told = problem.to_string();
                if sender.blocking_send(Msg::Stored(Err(problem))).is_err() {
                    return;
                }
            }
            std::thread::sleep(LOOK * ALIVE);
        }
    });
}

/// Reads until nobody listens, or the store cannot be read.
fn read(
    app: &App,
    names: &[EnvironmentName],
    sender: &Sender<Msg>,
    following: &Following,
) -> Result<(), JournalError> {
    let store = app.store().or_else(|_| app.unwritable_store())?;
    let (mut version, mut log, mut round) = (None, Log::default(), 0_u32);
    loop {
        let now = store.data_version()?;
        let changed = version != Some(now);
        version = Some(now);
        if changed || round.is_multiple_of(ALIVE) {
            let stored = names.iter().map(|name| stored(&store, name)).collect::<Result<_, _>>()?;
            if sender.blocking_send(Msg::Stored(Ok(stored))).is_err() {
                return Ok(());
            }
        }
        let run = RunNumber(following.0.load(Ordering::SeqCst));
        if run.0 > 0
            && let Some(message) = log.more(&store, changed, run, &app.log_file(run))?
            && sender.blocking_send(message).is_err()
        {
            return Ok(());
        }
        if sender.is_closed() {
            return Ok(());
        }
        round = round.wrapping_add(1);
        std::thread::sleep(LOOK);
    }
}

fn stored(store: &dyn Journal, name: &EnvironmentName) -> Result<Stored, JournalError> {
    let latest = store.runs(Some(name), 1)?.pop();
    let lock = store.locked(name)?.map(|lock| format!("{}: {}", lock.actor, lock.reason));
    let run = latest.map(|listed| RunSeen { view: listed.view, runner: listed.runner });
    Ok(Stored { environment: name.clone(), run, lock })
}

/// How far the log of a run was read: its facts and its file.
#[derive(Default)]
struct Log {
    run: Option<RunNumber>,
    fact: u64,
    byte: u64,
}

impl Log {
    /// What came since the last time, in the order of time.
    fn more(
        &mut self,
        store: &dyn Journal,
        changed: bool,
        run: RunNumber,
        file: &Path,
    ) -> Result<Option<Msg>, JournalError> {
        let anew = self.run != Some(run);
        if anew {
            *self = Self { run: Some(run), ..Self::default() };
        }
        let mut lines = self.written(file);
        let facts = if changed || anew { store.facts(run, self.fact)? } else { Vec::new() };
        for fact in facts {
            self.fact = fact.seq;
            let step = fact.step.as_ref().map(|s| format!("{s}: ")).unwrap_or_default();
            let said = match &fact.event {
                Recorded::Known(event) => words::sentence(event),
                Recorded::Unknown { kind, .. } => kind.clone(),
            };
            let (at, source) = (fact.at, "run".to_owned());
            lines.push(Line { at, source, text: format!("{step}{said}") });
        }
        lines.sort_by_key(|line| line.at);
        Ok((anew || !lines.is_empty()).then_some(Msg::Logged(run, anew, lines)))
    }

    /// The whole lines behind the last byte that was read.
    fn written(&mut self, file: &Path) -> Vec<Line> {
        let Ok(mut file) = std::fs::File::open(file) else {
            return Vec::new();
        };
        if file.seek(SeekFrom::Start(self.byte)).is_err() {
            return Vec::new();
        }
        let (mut reader, mut lines, mut text) = (BufReader::new(file), Vec::new(), String::new());
        while lines.len() < LINES {
            text.clear();
            match reader.read_line(&mut text) {
                // A line that is still being written comes next time.
                Ok(length) if length > 0 && text.ends_with('\n') => {
                    self.byte += length as u64;
                    lines.extend(serde_json::from_str::<LogLine>(&text).ok().map(|line| Line {
                        at: line.at,
                        source: line.service.map_or("run".to_owned(), |s| s.to_string()),
                        text: line.text,
                    }));
                }
                _ => break,
            }
        }
        lines
    }
}
