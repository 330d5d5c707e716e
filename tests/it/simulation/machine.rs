//! A machine of the simulation: its console, and its drivers of runs.

use std::sync::{Arc, Mutex};

use pointsman::domain::command::Command;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::plan::Plan;
use pointsman::domain::recover::{Choice, reconcile};
use pointsman::domain::view::RunView;
use pointsman::engine::{EngineError, observe};
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::{Journal as _, JournalError, Listed};
use pointsman::store::SqliteStore;
use tokio::task::JoinHandle;

use super::clock::SimClock;
use super::mortal::{unless_it_died, unless_it_dies};
use super::place::{Driver, Place, Process, Setting};
use super::server::Way;

/// How the work of a driver came out; `None` if its process died.
pub(crate) type Driven = Option<Result<RunView, EngineError>>;

/// A process that drives a run.
pub(crate) struct Drives {
    pub(crate) process: Process,
    run: RunNumber,
    work: JoinHandle<Result<RunView, EngineError>>,
}

impl Drop for Drives {
    fn drop(&mut self) {
        self.work.abort();
    }
}

/// What a process has, that was started between two calls of another machine, and drives from the next moment on.
#[derive(Clone, Default)]
pub(crate) struct Started(Arc<Mutex<Vec<Driver>>>);

impl Started {
    pub(crate) fn push(&self, driver: Driver) {
        self.0.lock().unwrap().push(driver);
    }
}

pub(crate) struct Machine {
    pub(crate) place: Arc<Place>,
    pub(crate) drivers: Vec<Drives>,
    pub(crate) started: Started,
    console: (Process, SqliteStore),
}

impl Machine {
    pub(crate) fn new(
        name: &'static str,
        clock: SimClock,
        way: Option<Arc<Way>>,
        setting: &Setting,
    ) -> Self {
        let place = Place::new(name, clock, way, setting);
        let console = console(&place);
        Self { place, drivers: Vec::new(), started: Started::default(), console }
    }

    /// The runs as its console knows them; none while that is dead.
    pub(crate) fn runs(&self) -> Vec<Listed> {
        self.runs_it_reads().unwrap_or_default()
    }

    fn runs_it_reads(&self) -> Option<Vec<Listed>> {
        unless_it_dies(|| self.console.1.runs(None, 100))?.ok()
    }

    /// Whether its console knows that every run has ended.
    pub(crate) fn is_at_rest(&self) -> bool {
        let runs = self.runs_it_reads();
        runs.is_some_and(|runs| runs.iter().all(|listed| listed.view.ended.is_some()))
    }

    /// Compares the machine's copy with the shared store; `None` if its store is local. A console that dies of it is started
    /// again.
    pub(crate) fn verifies(&mut self) -> Option<Result<(usize, Vec<String>), JournalError>> {
        loop {
            let link = self.console.0.link.clone()?;
            if let Some(read) = unless_it_dies(|| link.verify()) {
                return Some(read);
            }
            self.restarts_console();
        }
    }

    /// A console that died is started again.
    pub(crate) fn restarts_console(&mut self) -> bool {
        let died = self.console.0.life.is_over();
        if died {
            self.console = console(&self.place);
        }
        died
    }

    /// Sends a command from the console.
    pub(crate) fn send(
        &mut self,
        actor: &str,
        view: &RunView,
        command: &Command,
    ) -> Option<Result<u64, JournalError>> {
        let (now, journal) = (self.place.clock.now(), &mut self.console.1);
        unless_it_dies(|| journal.send(view.number, actor, view.last_seq, command, now))
    }

    /// Begins a run in a new process.
    pub(crate) fn begin(
        &mut self,
        plan: &Plan,
        take_over: bool,
    ) -> Option<Result<RunNumber, JournalError>> {
        let begun = unless_it_dies(|| self.place.begun(plan, take_over))?;
        Some(begun.map(|driver| self.drives(driver)))
    }

    fn drives(&mut self, driver: Driver) -> RunNumber {
        let Driver { process, engine, view } = driver;
        let work = tokio::spawn(engine.run());
        self.drivers.push(Drives { process, run: view.number, work });
        view.number
    }

    /// Takes over a run whose process is gone, with one of the safe choices.
    pub(crate) fn resume(
        &mut self,
        run: RunNumber,
        first: bool,
    ) -> Option<Result<(), JournalError>> {
        let claimed = unless_it_dies(|| self.place.claimed(run))?;
        Some(claimed.map(|driver| self.carries_on(driver, first)))
    }

    fn carries_on(&mut self, driver: Driver, first: bool) {
        let Driver { process, mut engine, view } = driver;
        let (run, platform) = (view.number, self.place.platform(&process.life, view.number));
        let chance = self.place.setting.chance.clone();
        let work = async move {
            let observed = observe(&platform, &view).await;
            let observed = observed.map_err(|error| EngineError::CannotCarryOn(error.problem))?;
            let doubt = reconcile(&view, &observed).map_err(EngineError::CannotCarryOn)?;
            let choices: &[Choice] = if first { &doubt.choices[..1] } else { &doubt.choices };
            engine.take_over(&doubt.observed, *chance.one_of(choices), "ben").await?;
            engine.run().await
        };
        self.drivers.push(Drives { process, run, work: tokio::spawn(work) });
    }

    /// Takes a run that is being handed over.
    pub(crate) fn take_on(&mut self, run: RunNumber) -> Option<Result<(), JournalError>> {
        let claimed = unless_it_dies(|| self.place.claimed(run))?;
        Some(claimed.map(|driver| {
            let Driver { process, mut engine, .. } = driver;
            let work = async move {
                engine.take_on("ben")?;
                engine.run().await
            };
            self.drivers.push(Drives { process, run, work: tokio::spawn(work) });
        }))
    }

    /// Processes that were started between two calls of another machine begin to work. Returns the runs that they began.
    pub(crate) fn works(&mut self) -> Vec<RunNumber> {
        let started = std::mem::take(&mut *self.started.0.lock().unwrap());
        let mut begun = Vec::new();
        for driver in started {
            if driver.view.last_seq == 1 {
                begun.push(self.drives(driver));
            } else {
                self.carries_on(driver, false);
            }
        }
        begun
    }

    /// The drivers that have ended, with how.
    pub(crate) async fn ended(&mut self) -> Vec<(RunNumber, Driven)> {
        let over = |drives: &Drives| drives.work.is_finished() || drives.process.life.is_over();
        let (over, left): (Vec<_>, Vec<_>) = self.drivers.drain(..).partition(over);
        self.drivers = left;
        let mut ended = Vec::new();
        for mut drives in over {
            let driven = if drives.work.is_finished() {
                unless_it_died((&mut drives.work).await)
            } else {
                None
            };
            // A process shares what is left before it ends, unless it died.
            let link = drives.process.link.as_ref().filter(|_| driven.is_some());
            let reached = self.place.way.as_ref().is_some_and(|way| !way.is_cut());
            if let Some(link) = link.filter(|_| reached) {
                let _ = unless_it_dies(|| link.settle());
            }
            ended.push((drives.run, driven));
        }
        ended
    }
}

fn console(place: &Place) -> (Process, SqliteStore) {
    let process = place.process();
    if let Some(link) = &process.link {
        link.follow();
    }
    let journal = place.store(&process);
    (process, journal)
}
