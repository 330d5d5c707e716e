//! Replays an ended run: its facts, its log and what it waited for, at any moment.
//! Read-only: it calls no probe and no platform.

use std::fs::File;
use std::time::Duration;

use crossterm::event::{Event, EventStream};
use futures_util::StreamExt as _;

use super::log::{FactLines, LogIndex};
use super::{Driver, Signals, input};
use crate::app::App;
use crate::domain::checklist::Tick;
use crate::domain::error::Problem;
use crate::domain::event::Fact;
use crate::domain::ids::RunNumber;
use crate::domain::run_replay::RunReplay;
use crate::domain::time::Timestamp;
use crate::engine::proposal::RUNS_SEARCHED;
use crate::ports::journal::{Journal as _, JournalError};
use crate::tui::effect::{Effect, LogAsk};
use crate::tui::keys::Code;
use crate::tui::model::Model;
use crate::tui::model::environments::{Environment, RunSnapshot};
use crate::tui::msg::{Msg, Stored};
use crate::tui::panes::Pane;
use crate::tui::panes::logs::model::{AROUND, Extent};
use crate::tui::terminal::{Screen, give_back};
use crate::tui::theme::{Looks, Theme};
use crate::tui::update::update;

/// Time between two frames during playback.
const FRAME_LENGTH: Duration = Duration::from_millis(100);
/// Number of latest log lines sent with each frame.
const TAIL_LINES: usize = 240;
/// Playback speeds, as multiples of real time.
const SPEEDS: [u32; 7] = [1, 2, 5, 10, 30, 100, 1000];

/// Replays a run until the user quits; returns the exit code.
pub async fn replay(app: App, run: RunNumber, looks: &Looks) -> Result<u8, Problem> {
    let theme = looks
        .theme(&crate::config::schema::UiConfig::default())
        .unwrap_or_else(|_| Theme::without_colour(looks.ascii));
    replay_in(app, run, theme).await
}

async fn replay_in(app: App, run: RunNumber, theme: Theme) -> Result<u8, Problem> {
    let failed = |e: std::io::Error| {
        Problem::new("the screen cannot be shown")
            .because(e.to_string())
            .try_this(format!("pointsman events {}", run.0))
    };
    let mut replay = Replay::load(&app, run)?;
    let mut signals = Signals::listen().map_err(failed)?;
    let mut screen = Screen::take(app.state.join("crash.txt")).map_err(failed)?;
    let (width, height) = crossterm::terminal::size().map_err(failed)?;
    update(&mut replay.model, Msg::Resize(width, height));
    replay.show();
    let mut events = EventStream::new();
    let mut frame = tokio::time::interval(FRAME_LENGTH);
    loop {
        screen.draw(&replay.model, &theme).map_err(failed)?;
        tokio::select! {
            event = events.next() => match event {
                Some(Ok(event)) => if replay.heard(&event, &theme) { return Ok(0) },
                Some(Err(_)) | None => return Ok(0),
            },
            _ = frame.tick(), if replay.plays => replay.go_on(FRAME_LENGTH),
            _ = signals.window.recv() => {
                if let Some(message) = super::resized() {
                    update(&mut replay.model, message);
                }
            }
            _ = signals.term.recv() => return Ok(super::EXIT_TERMINATED),
            _ = signals.int.recv() => return Ok(0),
            _ = signals.hangup.recv() => return Ok(0),
        }
    }
}

impl Driver {
    /// Replays a run in this terminal. The live model takes what its observers report meanwhile, and calls for attention.
    pub(super) async fn replay(&mut self, run: RunNumber) -> std::io::Result<()> {
        give_back();
        let replayed = {
            let mut replayed = Box::pin(replay_in(self.app.clone(), run, self.theme.clone()));
            loop {
                tokio::select! {
                    ended = &mut replayed => break ended,
                    Some(message) = self.receiver.recv() => {
                        for effect in self.update(message) {
                            match effect {
                                Effect::Ring(text) => self.screen.ring(&text)?,
                                // The replay has the terminal, and no key reaches the live model.
                                Effect::ToClipboard(_)
                                | Effect::Quit
                                | Effect::Suspend
                                | Effect::Theme(_)
                                | Effect::Replay(_)
                                | Effect::Mouse(_)
                                | Effect::Redraw
                                | Effect::Terminal
                                | Effect::Panic => {}
                                effect => self.acts.carry_out(effect),
                            }
                        }
                    }
                }
            }
        };
        self.screen.take_again()?;
        if let Err(problem) = replayed {
            self.update(Msg::Alarm(problem.to_string()));
        }
        if let Some(size) = super::resized() {
            self.update(size);
        }
        Ok(())
    }
}

struct Replay {
    tape: RunReplay,
    book: LogIndex,
    ticks: Vec<Tick>,
    model: Model,
    /// The fact that is shown, by index. Not found by its time: facts of the same millisecond are different facts.
    at: usize,
    /// The point in time that is shown.
    now: Timestamp,
    speed: usize,
    plays: bool,
}

impl Replay {
    fn load(app: &App, run: RunNumber) -> Result<Self, Problem> {
        let store = app.readable_store().map_err(JournalError::problem)?;
        let facts = store.facts(run, 0).map_err(JournalError::problem)?;
        let mut book = LogIndex::new(File::open(app.log_file(run)).ok());
        let mut lines = FactLines::default();
        for fact in &facts {
            book.fact(lines.next(fact));
        }
        while book.grow() {}
        while book.sieve() {}
        let tape = RunReplay::of(run, facts)
            .ok_or_else(|| Problem::new(format!("run {run} has no facts")))?;
        let tape = tape.map_err(|illegal| {
            Problem::new(format!("run {run} has contradictory facts"))
                .because(illegal.to_string())
                .try_this(format!("pointsman verify {}", run.0))
        })?;
        let Some((first, view)) = tape.frame(0).cloned() else {
            return Err(Problem::new(format!("run {run} has no facts")));
        };
        let plan = &view.plan;
        let services = plan.members.iter().map(|m| m.service().to_string()).collect();
        let here = Environment::new(plan.environment.clone(), plan.policy.protection, services);
        let ticks = plan.release.as_ref().map(|release| store.ticks(&plan.environment, release));
        let mut model = Model::new(vec![here], Vec::new(), app.actor());
        (model.read_only, model.settled, model.focus) = (true, true, Pane::Deploy);
        let ticks = ticks.and_then(Result::ok).unwrap_or_default();
        // Usual step durations come from earlier runs only.
        let before = store.runs(None, RUNS_SEARCHED).unwrap_or_default().into_iter();
        let before = before.map(|listed| listed.view).filter(|view| view.number < run);
        update(&mut model, Msg::Past(Ok(before.collect::<Vec<_>>().into())));
        let now = first.at;
        Ok(Self { tape, book, ticks, model, at: 0, now, speed: 3, plays: true })
    }

    /// Shows the run as the screen showed it at the current point in time.
    fn show(&mut self) {
        let Some((fact, view)) = self.tape.frame(self.at).cloned() else { return };
        let since = Duration::try_from(self.now.duration_since(view.started)).unwrap_or_default();
        update(&mut self.model, Msg::Tick(self.now, since));
        let seen = |tick: &&Tick| tick.at <= self.now;
        let stored = Stored {
            environment: view.plan.environment.clone(),
            ticks: self.ticks.iter().filter(seen).cloned().collect(),
            lock: None,
            // It is unknown whether the runner was alive then. Show one
            // until the run's end, because the run did continue.
            run: Some(RunSnapshot {
                runner: view.ended.is_none().then_some(0),
                host: None,
                watchers: Vec::new(),
                view,
            }),
        };
        let effects = update(&mut self.model, Msg::Stored(Ok(vec![stored])));
        self.answer(effects);
        self.log();
        self.model.replay = Some(self.told(&fact));
    }

    fn told(&self, fact: &Fact) -> String {
        let sign = if self.plays { "playing" } else { "stopped" };
        format!(
            "REPLAY {sign} ×{} · fact {}/{} of {} · Space plays, . , next and last fact, + - speed, Home End, q",
            SPEEDS[self.speed],
            self.at + 1,
            self.tape.len(),
            fact.at.strftime("%F %H:%M:%SZ")
        )
    }

    /// Number of log lines up to the current point in time. Lines are sorted by time.
    fn written(&self) -> usize {
        let (mut low, mut high) = (0, self.book.extent().shown);
        while low < high {
            let middle = usize::midpoint(low, high);
            let before = self.book.lines(middle, 1).first().is_none_or(|line| line.at <= self.now);
            if before { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn log(&mut self) {
        let Some(run) = self.model.panes.logs.run else { return };
        let count = self.written();
        let extent = Extent { total: count, shown: count, whole: true, ..Extent::default() };
        let tail = self.book.lines(count.saturating_sub(TAIL_LINES), TAIL_LINES.min(count));
        let asked = self.model.panes.logs.asked;
        let effects = update(&mut self.model, Msg::Logged(run, asked, extent, tail));
        self.answer(effects);
    }

    /// Answers the model's requests for log lines, and ignores all other effects.
    fn answer(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if let Effect::Log(LogAsk::Window { asked, from }) = effect {
                let count = self.written().saturating_sub(from).min(AROUND * 2);
                let lines = self.book.lines(from, count);
                update(&mut self.model, Msg::LogWindow(asked, from, lines));
            }
        }
    }

    /// Advances time at the chosen speed, up to the end of the run.
    fn go_on(&mut self, by: Duration) {
        let last = self.tape.frame(usize::MAX).map(|(fact, _)| fact.at);
        let next = self.now.checked_add(by * SPEEDS[self.speed]).unwrap_or(self.now);
        self.now = last.map_or(next, |last| next.min(last));
        self.plays &= last.is_some_and(|last| self.now < last);
        self.at = self.at.max(self.tape.at(self.now));
        self.show();
    }

    /// Pauses the playback and jumps to a fact, by index.
    fn to(&mut self, at: usize) {
        self.plays = false;
        self.at = at.min(self.tape.len().saturating_sub(1));
        if let Some((fact, _)) = self.tape.frame(at) {
            self.now = fact.at;
        }
    }

    /// Handles a key or a new size; `true` if the user quits.
    fn heard(&mut self, event: &Event, theme: &Theme) -> bool {
        if let Some(message) = input::message(event.clone(), &self.model, theme) {
            let key = match &message {
                Msg::Key(key) if self.model.overlay.is_none() => Some(key.code),
                _ => None,
            };
            match key {
                Some(Code::Char('q')) => return true,
                Some(Code::Char(' ')) => self.plays = !self.plays,
                Some(Code::Char('.')) => self.to(self.at + 1),
                Some(Code::Char(',')) => self.to(self.at.saturating_sub(1)),
                Some(Code::Char('+')) => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
                Some(Code::Char('-')) => self.speed = self.speed.saturating_sub(1),
                Some(Code::Home) => self.to(0),
                Some(Code::End) => self.to(usize::MAX),
                _ => {
                    let effects = update(&mut self.model, message);
                    if effects.contains(&Effect::Quit) {
                        return true;
                    }
                    self.answer(effects);
                }
            }
        }
        self.show();
        false
    }
}
