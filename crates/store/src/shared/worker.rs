//! The thread that speaks to the shared store: it does what callers ask, writes the facts of the runs that this process
//! drives, and reads what others wrote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::lease::Held;
use super::pull::pull;
use super::remote::{Remote, SharedError};
use super::upload::{Driven, Written, leftovers};
use crate::open::SqliteStore;
use pointsman_core::error::Problem;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::journal::{JournalError, RENEWAL};

/// Facts that announce no effect are written together after this long.
const GROUP: Duration = Duration::from_millis(250);
/// Interval between two readings, while a run is driven and otherwise. Each costs one read of a document.
const POLL_DRIVEN: Duration = Duration::from_millis(1500);
const POLL: Duration = Duration::from_secs(2);
/// Interval between two attempts to write after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// What the thread knows, for everyone in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// The last fact of each driven run that the shared store holds.
    pub(super) shared: BTreeMap<RunNumber, u64>,
    /// Runs of this process that another machine has taken over.
    pub(super) taken_over: Vec<RunNumber>,
    /// Why the last attempt failed.
    pub(super) unreachable: Option<Problem>,
    /// Attempts so far, to tell a new failure from an old one.
    pub(super) attempts: u64,
}

/// A call from another thread.
pub(super) type Job =
    Box<dyn for<'a> FnOnce(&'a mut Worker) -> futures_util::future::LocalBoxFuture<'a, ()> + Send>;

/// The side of the thread.
pub(super) struct Worker {
    pub(super) remote: Remote,
    pub(super) mirror: SqliteStore,
    pub(super) clock: Arc<dyn Clock>,
    driven: Option<Driven>,
    state: watch::Sender<State>,
    /// Clock reading of the last write that proved the lease.
    proven: Duration,
    read: Option<Duration>,
}

/// What wakes the thread.
pub(super) struct Wakes {
    pub(super) jobs: mpsc::UnboundedReceiver<Job>,
    pub(super) appended: Arc<Notify>,
    /// A fact that announces an effect waits to be shared.
    pub(super) urgent: Arc<Notify>,
    /// Set while this process follows the shared store.
    pub(super) follows: watch::Receiver<bool>,
}

impl Worker {
    pub(super) fn new(
        remote: Remote,
        mirror: SqliteStore,
        clock: Arc<dyn Clock>,
        state: watch::Sender<State>,
    ) -> Self {
        let proven = clock.elapsed();
        Self { remote, mirror, clock, driven: None, state, proven, read: None }
    }

    /// Works until every caller is gone.
    pub(super) async fn work(mut self, mut wakes: Wakes) {
        loop {
            let follows = *wakes.follows.borrow();
            let active = follows || self.driven.is_some();
            let wait = if active { self.until_reading() } else { Duration::from_hours(1) };
            let sleep: BoxFuture<'static, ()> = self.clock.sleep(wait);
            tokio::select! {
                biased;
                job = wakes.jobs.recv() => match job {
                    Some(job) => job(&mut self).await,
                    None => return,
                },
                () = wakes.urgent.notified() => self.write_now().await,
                () = wakes.appended.notified() => {
                    // Others that follow at once are written with it.
                    tokio::select! {
                        () = self.clock.sleep(GROUP) => {}
                        () = wakes.urgent.notified() => {}
                    }
                    self.write_now().await;
                }
                changed = wakes.follows.changed() => if changed.is_err() { return },
                () = sleep => self.turn().await,
            }
        }
    }

    fn until_reading(&self) -> Duration {
        let unwritten = self.state.borrow().unreachable.is_some();
        let every = match (&self.driven, unwritten) {
            (Some(_), true) => RETRY,
            (Some(_), false) => POLL_DRIVEN,
            (None, _) => POLL,
        };
        let since = self.read.map(|read| self.clock.elapsed().saturating_sub(read));
        since.map_or(Duration::ZERO, |since| every.saturating_sub(since))
    }

    /// Reads what others wrote, writes what is left, and renews the lease.
    pub(super) async fn turn(&mut self) {
        let done = self.everything().await;
        self.note(done);
    }

    async fn everything(&mut self) -> Result<(), SharedError> {
        self.read = Some(self.clock.elapsed());
        self.write().await?;
        pull(&self.remote, &mut self.mirror).await?;
        leftovers(&self.remote, &mut self.mirror).await
    }

    async fn write_now(&mut self) {
        let done = self.write().await;
        self.note(done);
    }

    /// Writes the facts of the driven run, and renews its lease when that is due.
    pub(super) async fn write(&mut self) -> Result<(), SharedError> {
        let Some(driven) = &mut self.driven else { return Ok(()) };
        let begun = self.clock.elapsed();
        let due = begun.saturating_sub(self.proven) >= RENEWAL;
        let run = driven.held.run;
        let ended = self.mirror.has_ended(run)?;
        let written = driven.write(&self.remote, &mut self.mirror, due && !ended).await?;
        if due {
            self.proven = begun;
        }
        let over = written == Written::TakenOver || ended;
        self.state.send_modify(|state| match written {
            Written::Shared(seq) => drop(state.shared.insert(run, seq)),
            Written::TakenOver => state.taken_over.push(run),
        });
        if over {
            self.driven = None;
        }
        Ok(())
    }

    /// Drives a run from here on.
    pub(super) fn drive(&mut self, held: Held) {
        self.proven = self.clock.elapsed();
        let run = held.run;
        let seq = self.mirror.shared_to(run).map_or(0, |(seq, _)| seq);
        self.state.send_modify(|state| {
            state.taken_over.retain(|other| *other != run);
            state.shared.insert(run, seq);
        });
        self.driven = Some(Driven::new(held));
    }

    /// Publishes the result of an attempt.
    pub(super) fn note(&mut self, done: Result<(), SharedError>) {
        let problem = done.err().map(|error| error.problem(&self.remote.name()));
        if let Some(problem) = &problem {
            tracing::warn!(%problem, "the shared store");
        }
        self.state.send_modify(|state| {
            state.unreachable = problem;
            state.attempts += 1;
        });
    }

    /// Turns the result of a caller's operation into the journal's.
    pub(super) fn told<T>(&mut self, done: Result<T, SharedError>) -> Result<T, JournalError> {
        done.map_err(|error| error.journal(&self.remote.name()))
    }
}
