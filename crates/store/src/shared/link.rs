//! The connection of a process to the shared store.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::LocalBoxFuture;
use tokio::sync::{Notify, mpsc, watch};

use super::documents::Entries;
use super::entries::{self, CommandEntry};
use super::hands::Hands;
use super::lease::{self, Begin, Begun};
use super::presence::{self, Watching};
use super::push;
use super::remote::Remote;
use super::worker::{Job, State, Wakes, Worker};
use crate::open::SqliteStore;
use crate::runner::{Here, Machine};
use pointsman_core::error::Problem;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::Database;
use pointsman_core::ports::journal::{HumanLock, JournalError};
use pointsman_core::ports::log::RunLogs;
use pointsman_core::ports::processes::Processes;
use pointsman_core::ports::sharing::Standing;
use pointsman_core::time::Timestamp;

/// Maximum age of what a command reads, while nothing follows the shared store.
const FRESH: Duration = Duration::from_secs(2);
/// The same while a caller waits for an answer to its command.
const FRESH_FOR_AN_ANSWER: Duration = Duration::from_millis(400);

/// Maximum time for the last facts of a run, before its process ends.
const SETTLED_WITHIN: Duration = Duration::from_secs(30);

/// What a connection needs.
pub struct LinkParts {
    /// The folder of this machine's copy.
    pub folder: PathBuf,
    pub machine: Machine,
    pub database: Arc<dyn Database>,
    pub processes: Arc<dyn Processes>,
    pub clock: Arc<dyn Clock>,
    /// The logs of runs below that folder.
    pub logs: Arc<dyn RunLogs>,
    /// Whether the connection has a separate thread. A simulation has only one, and calls [`Link::serve`].
    pub threads: bool,
}

/// The connection. Its thread starts with the first use, and ends when the last user is gone.
pub struct Link {
    pub(super) parts: LinkParts,
    hands: Mutex<Option<Hands>>,
    appended: Arc<Notify>,
    pub(super) urgent: Arc<Notify>,
    follows: watch::Sender<bool>,
    watching: watch::Sender<Watching>,
    pub(super) state: watch::Sender<State>,
    /// Clock reading in milliseconds of the last reading that a caller waited for.
    refreshed: AtomicU64,
    /// Whether this process wrote anything that must be shared.
    wrote: AtomicBool,
    /// Whether it began or took over a run.
    drove: AtomicBool,
    /// Held while a caller reads, so that others wait for its result and do not read again.
    reading: Mutex<()>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("folder", &self.parts.folder).finish_non_exhaustive()
    }
}

impl fmt::Debug for LinkParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LinkParts").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Link {
    pub fn new(parts: LinkParts) -> Arc<Self> {
        Arc::new(Self {
            parts,
            hands: Mutex::default(),
            appended: Arc::default(),
            urgent: Arc::default(),
            follows: watch::Sender::new(false),
            watching: watch::Sender::new(Watching::default()),
            state: watch::Sender::new(State::default()),
            refreshed: AtomicU64::new(0),
            wrote: AtomicBool::new(false),
            drove: AtomicBool::new(false),
            reading: Mutex::default(),
        })
    }

    pub(crate) fn here(&self) -> Here {
        let machine = Some(self.parts.machine.clone());
        Here { processes: self.parts.processes.clone(), machine }
    }

    /// Reads the shared store regularly from here on, as long as this process lives.
    pub fn follow(&self) {
        if self.hands().is_ok() {
            self.follows.send_replace(true);
        }
    }

    /// Tells others who has which runs on the screen, as long as this process follows the store.
    pub fn watch(&self, who: &str, runs: Vec<RunNumber>) {
        self.watching.send_replace(Watching { who: who.to_owned(), runs });
    }

    /// Who has a run on the screen of another machine, as far as was heard lately.
    pub fn watchers(&self, run: RunNumber) -> Vec<String> {
        let state = self.state.borrow();
        if self.parts.clock.elapsed().saturating_sub(state.heard) > presence::GONE_AFTER {
            return Vec::new();
        }
        state.watchers.iter().filter_map(|watcher| watcher.of(run)).map(str::to_owned).collect()
    }

    /// Reads what is older than allowed. Without an answer the copy stays as it is, and [`Link::standing`] has the reason.
    pub(crate) fn refresh(&self, hurried: bool) {
        // What follows has read everything once, and reads on.
        if *self.follows.borrow() && !hurried && self.state.borrow().attempts > 0 {
            return;
        }
        let _one = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = if hurried { FRESH_FOR_AN_ANSWER } else { FRESH };
        let now = self.parts.clock.elapsed();
        let last = self.refreshed.load(Ordering::Relaxed);
        if last > 0 && now.saturating_sub(Duration::from_millis(last)) < fresh {
            return;
        }
        let _ = self.call(|worker| Box::pin(async move { worker.turn().await }));
        let now = u64::try_from(self.parts.clock.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.refreshed.store(now.max(1), Ordering::Relaxed);
    }

    /// Writes everything that this process has not shared yet. Called before it ends. A process that drove a run tries for
    /// half a minute: its machine may be thrown away. Returns whether it wrote anything.
    pub fn settle(&self) -> bool {
        let wrote = self.wrote.load(Ordering::Relaxed);
        if !wrote {
            return false;
        }
        let patience =
            if self.drove.load(Ordering::Relaxed) { SETTLED_WITHIN } else { Duration::ZERO };
        let _ = self.call(move |worker| Box::pin(async move { worker.settle(patience).await }));
        true
    }

    /// New facts are there to be written.
    pub(crate) fn appended(&self) {
        self.wrote.store(true, Ordering::Relaxed);
        self.appended.notify_one();
    }

    /// Whether another machine has a run that this process drove.
    pub(crate) fn has_lost(&self, run: RunNumber) -> bool {
        self.state.borrow().taken_over.contains(&run)
    }

    /// Begins a run. Returns its number and those of the runs that it replaced.
    pub(crate) fn begin(&self, wanted: Begin) -> Result<(RunNumber, Vec<RunNumber>), JournalError> {
        self.drove.store(true, Ordering::Relaxed);
        self.call(move |worker| {
            Box::pin(async move {
                let begun = lease::begin(&worker.remote, &mut worker.mirror, &wanted).await;
                let Begun { held, replaced } = worker.told(begun)?;
                let run = held.run;
                worker.drive(held);
                Ok((run, replaced))
            })
        })?
    }

    pub(crate) fn claim(
        &self,
        run: RunNumber,
        from: Option<u32>,
        (actor, at): (String, Timestamp),
    ) -> Result<(), JournalError> {
        self.drove.store(true, Ordering::Relaxed);
        self.call(move |worker| {
            Box::pin(async move {
                let who = (actor.as_str(), at);
                let claimed =
                    lease::claim(&worker.remote, &mut worker.mirror, (run, from), who).await;
                let held = worker.told(claimed)?;
                worker.drive(held);
                // What the last driver logged is read here before the run continues.
                worker.follow_log(run).await;
                Ok(())
            })
        })?
    }

    /// Moves the runs of a local store into the shared one, and returns how many.
    pub fn push(&self, local: SqliteStore) -> Result<usize, JournalError> {
        self.call(move |worker| {
            Box::pin(async move {
                let Worker { remote, mirror, .. } = worker;
                let done = push::push(remote, mirror, &local).await;
                worker.told(done)
            })
        })?
    }

    /// Reads the whole shared store again. Returns the number of its runs, and what differs from this machine's copy.
    pub fn verify(&self) -> Result<(usize, Vec<String>), JournalError> {
        self.call(move |worker| {
            Box::pin(async move {
                let Worker { remote, mirror, .. } = worker;
                let done = push::verify(remote, mirror).await;
                worker.told(done)
            })
        })?
    }

    /// Sets or releases a person's lock, and returns the one that was there.
    pub(crate) fn lock(
        &self,
        environment: &EnvironmentName,
        lock: Option<&HumanLock>,
    ) -> Result<Option<HumanLock>, JournalError> {
        let (name, lock) = (environment.clone(), lock.cloned());
        self.call(move |worker| {
            Box::pin(async move {
                let Worker { remote, mirror, .. } = worker;
                let done = lease::lock(remote, mirror, &name, lock.as_ref()).await;
                worker.told(done)
            })
        })?
    }

    /// Sends a command through the shared store, and returns its number.
    pub(crate) fn send(
        &self,
        environment: EnvironmentName,
        entry: CommandEntry,
    ) -> Result<u64, JournalError> {
        self.call(move |worker| {
            Box::pin(async move {
                let sent =
                    entries::add(&worker.remote, environment.as_str(), Entries::Commands, &entry)
                        .await;
                worker.told(sent)
            })
        })?
    }

    /// Withdraws a command that was sent through the shared store.
    pub(crate) fn withdraw(
        &self,
        environment: EnvironmentName,
        number: u64,
    ) -> Result<bool, JournalError> {
        self.call(move |worker| {
            Box::pin(async move {
                let done = entries::withdraw(&worker.remote, &environment, number).await;
                worker.told(done)
            })
        })?
    }

    /// Writes a tick or a mute soon. It does not wait for it: it is kept here first.
    pub(crate) fn share_soon(&self) {
        self.wrote.store(true, Ordering::Relaxed);
        if let Ok(hands) = self.hands() {
            // A thread that has ended leaves it to the next process.
            hands.give(Box::new(|worker| Box::pin(worker.turn())));
        }
    }

    /// Reads what another machine logged of a run, if it is not this one's. Without an answer the log stays as it is.
    pub fn read_log(&self, run: RunNumber) {
        // The log of an own run waits for no store.
        let mirror = SqliteStore::open_as(&self.parts.folder, self.here());
        let row = mirror.and_then(|mirror| mirror.run_row(run));
        if row.is_ok_and(|row| self.here().has(&row.runner)) {
            return;
        }
        let read: Result<(), _> =
            self.call(move |worker| Box::pin(async move { worker.follow_log(run).await }));
        if let Err(error) = read {
            tracing::debug!(%error, "the log of another machine is not read");
        }
    }

    /// Runs an operation on the thread, and waits for its result.
    fn call<T: Send + 'static>(
        &self,
        job: impl for<'a> FnOnce(&'a mut Worker) -> LocalBoxFuture<'a, T> + Send + 'static,
    ) -> Result<T, JournalError> {
        let ended = || {
            let problem = Problem::new("the connection to the shared store has ended");
            JournalError::Unusable(problem.try_this("start pointsman again"))
        };
        let (answer, answered) = std::sync::mpsc::channel();
        let job: Job = Box::new(move |worker| {
            Box::pin(async move {
                let _ = answer.send(job(worker).await);
            })
        });
        if !self.hands()?.give(job) {
            return Err(ended());
        }
        answered.recv().map_err(|_| ended())
    }

    /// The way to the thread, which starts with the first call. A failure to start counts as a failure to reach the store.
    pub(super) fn hands(&self) -> Result<Hands, JournalError> {
        let mut hands = self.hands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(hands) = hands.as_ref() {
            return Ok(hands.clone());
        }
        let started = self.start();
        if let Err(error) = &started {
            let problem = Problem::new("the copy of the shared store cannot be written");
            let problem = problem.because(error.to_string());
            self.state.send_modify(|state| state.unreachable = Some(problem));
        }
        Ok(hands.insert(started?).clone())
    }

    fn start(&self) -> Result<Hands, JournalError> {
        let LinkParts { folder, database, processes, clock, logs, threads, .. } = &self.parts;
        let mirror = SqliteStore::open_as(folder, self.here())?;
        let remote = Remote::new(database.clone(), clock.clone(), processes.own().pid);
        let watching = self.watching.subscribe();
        let worker =
            Worker::new(remote, mirror, clock.clone(), self.state.clone(), watching, logs.clone());
        if !threads {
            return Ok(Hands::Caller(Arc::new(Mutex::new(worker))));
        }
        Hands::thread(worker, |jobs| self.wakes(jobs)).map_err(|error| {
            JournalError::Unusable(Problem::new("no thread").because(error.to_string()))
        })
    }

    fn wakes(&self, jobs: mpsc::UnboundedReceiver<Job>) -> Wakes {
        let (appended, urgent) = (self.appended.clone(), self.urgent.clone());
        Wakes { jobs, appended, urgent, follows: self.follows.subscribe() }
    }

    /// Reads and writes now, for a simulation in which another machine is between two of its calls.
    pub fn read_now(&self) {
        let _ = self.call(|worker| Box::pin(async move { worker.turn().await }));
    }

    /// Does what the thread does, in a simulation that has no other. Never returns.
    pub async fn serve(&self, clock: &dyn Clock) {
        let Ok(hands) = self.hands() else { return };
        let (_jobs, received) = mpsc::unbounded_channel();
        hands.serve(self.wakes(received), clock).await;
    }
}

impl Link {
    /// Why the last attempt to reach the shared store failed.
    pub(crate) fn unreachable(&self) -> Option<Problem> {
        self.state.borrow().unreachable.clone()
    }

    /// How this machine stands with the shared store.
    pub fn standing(&self) -> Standing {
        let mirror = SqliteStore::open_as(&self.parts.folder, self.here());
        self.standing_of(mirror.as_ref().ok())
    }

    /// The same, with an opened copy.
    pub(crate) fn standing_of(&self, mirror: Option<&SqliteStore>) -> Standing {
        let read = mirror.and_then(|mirror| mirror.reading().ok());
        let unshared = mirror.and_then(|mirror| mirror.unshared_records().ok());
        Standing {
            name: self.parts.database.name(),
            as_of: read.and_then(|read| read.at.parse().ok()),
            unreachable: self.unreachable(),
            unshared: unshared.unwrap_or_default(),
        }
    }
}
