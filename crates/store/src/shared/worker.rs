//! The thread that speaks to the shared store: it does what callers ask, writes the facts of the runs that this process
//! drives, and reads what others wrote.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, watch};

use super::lease::Held;
use super::log::Tail;
use super::logs_read::{self, LogReads};
use super::presence::{self, Watcher, Watching};
use super::pull::pull;
use super::remote::{Remote, SharedError};
use super::upload::{Driven, Written, leftovers};
use crate::open::SqliteStore;
use pointsman_core::error::Problem;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::journal::{JournalError, RENEWAL};
use pointsman_core::ports::log::RunLogs;
use pointsman_core::time::Timestamp;

/// Facts that announce no effect are written together after this long.
const GROUP: Duration = Duration::from_millis(250);
/// Interval between two readings, while a run is driven and otherwise. Each costs one read of a document.
const POLL_DRIVEN: Duration = Duration::from_millis(1500);
const POLL: Duration = Duration::from_secs(2);
/// An effect needs a lease that was proven this lately: its process may have been suspended since.
pub(super) const PROVEN_WITHIN: Duration = Duration::from_secs(10);
/// Interval between two attempts to write after a failure.
const RETRY: Duration = Duration::from_secs(1);

/// A moment by both clocks: the monotonic one stands still while a laptop sleeps, and the other one can be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    elapsed: Duration,
    now: Timestamp,
}

impl Moment {
    pub(super) fn of(clock: &dyn Clock) -> Self {
        Self { elapsed: clock.elapsed(), now: clock.now() }
    }

    /// The time since then, by the clock that shows more.
    pub(super) fn age(self, clock: &dyn Clock) -> Duration {
        let wall = Duration::try_from(clock.now().duration_since(self.now)).unwrap_or_default();
        clock.elapsed().saturating_sub(self.elapsed).max(wall)
    }
}

/// What the thread knows, for everyone in this process.
#[derive(Debug, Clone, Default)]
pub(super) struct State {
    /// The last fact of each driven run that the shared store holds.
    pub(super) shared: BTreeMap<RunNumber, u64>,
    /// Runs of this process that another machine has taken over.
    pub(super) taken_over: Vec<RunNumber>,
    /// When the lease of the driven run was proven last.
    pub(super) proven: Option<Moment>,
    /// Why the last attempt failed.
    pub(super) unreachable: Option<Problem>,
    /// Who watches runs on other machines.
    pub(super) watchers: Vec<Watcher>,
    /// Clock reading when they were read.
    pub(super) heard: Duration,
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
    read: Option<Duration>,
    /// Whether a caller waits for a new proof of the lease.
    wanted: bool,
    /// What a person has on the screen of this process, and when others were informed last.
    watching: watch::Receiver<Watching>,
    signed: Option<Duration>,
    pub(super) logs: Arc<dyn RunLogs>,
    log_reads: LogReads,
    /// The log of the driven run, or of the last one until it is shared; and when it was shared last.
    tail: Option<Tail>,
    tail_shared: Option<Duration>,
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

/// What woke it.
pub(super) enum Wake {
    Job(Job),
    /// A fact that announces an effect waits to be shared.
    Urgent,
    /// Other facts do.
    Appended,
    /// It is to follow the shared store from here on.
    Changed,
    Time,
    /// Every caller is gone.
    Over,
}

impl Wakes {
    pub(super) async fn next(&mut self, clock: &dyn Clock, wait: Duration) -> Wake {
        tokio::select! {
            biased;
            job = self.jobs.recv() => job.map_or(Wake::Over, Wake::Job),
            () = self.urgent.notified() => Wake::Urgent,
            () = self.appended.notified() => {
                // Others that follow at once are written with it.
                tokio::select! {
                    biased;
                    () = self.urgent.notified() => Wake::Urgent,
                    () = clock.sleep(GROUP) => Wake::Appended,
                }
            }
            changed = self.follows.changed() => changed.map_or(Wake::Over, |()| Wake::Changed),
            () = clock.sleep(wait) => Wake::Time,
        }
    }
}

impl Worker {
    pub(super) fn new(
        remote: Remote,
        mirror: SqliteStore,
        clock: Arc<dyn Clock>,
        state: watch::Sender<State>,
        watching: watch::Receiver<Watching>,
        logs: Arc<dyn RunLogs>,
    ) -> Self {
        let (driven, read, wanted, signed) = (None, None, false, None);
        let (tail, tail_shared) = (None, None);
        Self {
            remote,
            mirror,
            clock,
            driven,
            state,
            read,
            wanted,
            watching,
            signed,
            logs,
            log_reads: LogReads::default(),
            tail,
            tail_shared,
        }
    }

    /// Works until every caller is gone.
    pub(super) async fn work(mut self, mut wakes: Wakes) {
        let clock = self.clock.clone();
        loop {
            let wait = self.wait(&wakes);
            match wakes.next(clock.as_ref(), wait).await {
                Wake::Over => return,
                wake => self.react(wake).await,
            }
        }
    }

    /// Time until it does something unasked.
    pub(super) fn wait(&self, wakes: &Wakes) -> Duration {
        let active = *wakes.follows.borrow() || self.driven.is_some();
        if active { self.until_reading() } else { Duration::from_hours(1) }
    }

    pub(super) async fn react(&mut self, wake: Wake) {
        match wake {
            Wake::Job(job) => job(self).await,
            Wake::Urgent => {
                let proven = self.state.borrow().proven;
                let old = proven.is_none_or(|at| at.age(self.clock.as_ref()) >= PROVEN_WITHIN);
                self.wanted = old;
                self.write_now().await;
            }
            Wake::Appended => self.write_now().await,
            Wake::Time => self.turn().await,
            Wake::Changed | Wake::Over => {}
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
        leftovers(&self.remote, &mut self.mirror).await?;
        self.sign().await;
        let watched = self.watching.borrow().runs.clone();
        let elsewhere = |run: &RunNumber| {
            self.mirror.run_row(*run).is_ok_and(|row| !self.mirror.here.has(&row.runner))
        };
        let watched: Vec<_> = watched.into_iter().filter(elsewhere).collect();
        for run in self.log_reads.due(&watched, self.clock.elapsed()) {
            self.follow_log(run).await;
        }
        if self.driven.is_none() {
            self.share_log(true).await;
        }
        Ok(())
    }

    /// Reads what other machines logged of a run. A failure is no failure of the store: logs decide nothing.
    pub(super) async fn follow_log(&mut self, run: RunNumber) {
        let now = self.clock.elapsed();
        let Self { remote, mirror, logs, log_reads, .. } = self;
        let run = (run, log_reads, now);
        if let Err(error) = logs_read::follow(remote, mirror, logs.as_ref(), run).await {
            tracing::debug!(?error, "the log of another machine is not read");
        }
    }

    /// Reads what the driven run logged. A failure keeps the lines before it.
    fn read_log(&mut self) {
        if let Some(tail) = &mut self.tail {
            let failures = self.mirror.failures(tail.run).unwrap_or_default();
            tail.read(self.logs.as_ref(), failures);
        }
    }

    /// Shares the end of the driven run's log: regularly while another machine watches the run, and when this process no
    /// longer drives it.
    async fn share_log(&mut self, over: bool) {
        let Some(tail) = &mut self.tail else { return };
        let now = self.clock.elapsed();
        let watched =
            self.state.borrow().watchers.iter().any(|watcher| watcher.of(tail.run).is_some());
        let recent = self.tail_shared.is_some_and(|at| now.saturating_sub(at) < tail.every());
        let due = over || (watched && !recent);
        let machine = self.mirror.here.machine.clone();
        let mut shared = true;
        if let Some(machine) = machine.filter(|_| due && tail.has_news(self.logs.as_ref())) {
            self.tail_shared = Some(now);
            if let Err(error) = tail.share(&self.remote, &machine, self.logs.as_ref()).await {
                tracing::debug!(?error, "others do not read the log of this run");
                shared = false;
            }
        }
        if over && shared {
            self.tail = None;
        }
    }

    /// Tells others what is watched here, and hears it of them. Who may only read neither tells nor hears anything.
    async fn sign(&mut self) {
        let watching = self.watching.borrow().clone();
        let due = |signed| self.clock.elapsed().saturating_sub(signed) >= presence::EVERY;
        let machine = self.mirror.here.machine.clone();
        let Some(machine) = machine.filter(|_| self.signed.is_none_or(due)) else { return };
        // A driver without a screen hears who watches its run, and gives no sign.
        let silent = watching.runs.is_empty();
        if silent && self.driven.is_none() {
            return;
        }
        self.signed = Some(self.clock.elapsed());
        let heard = if silent {
            presence::hear(&self.remote, &machine).await
        } else {
            presence::sign(&self.remote, &machine, &watching).await
        };
        match heard {
            Ok(watchers) => {
                let heard = self.clock.elapsed();
                self.state.send_modify(|state| (state.watchers, state.heard) = (watchers, heard));
            }
            Err(error) => {
                tracing::debug!(?error, "others do not learn who watches here");
                self.state.send_modify(|state| state.watchers.clear());
            }
        }
    }

    async fn write_now(&mut self) {
        let done = self.write().await;
        self.note(done);
    }

    /// Writes everything, with more attempts for a while if the shared store does not answer.
    pub(super) async fn settle(&mut self, patience: Duration) {
        let begun = self.clock.elapsed();
        loop {
            self.turn().await;
            let left = self.mirror.unshared_records().unwrap_or_default();
            let log = self.driven.is_none() && self.tail.is_some();
            if (left == 0 && !log) || self.clock.elapsed().saturating_sub(begun) >= patience {
                return;
            }
            self.clock.sleep(RETRY).await;
        }
    }

    /// Writes the facts of the driven run, and renews its lease when that is due.
    pub(super) async fn write(&mut self) -> Result<(), SharedError> {
        self.read_log();
        let Some(driven) = &mut self.driven else { return Ok(()) };
        let begun = Moment::of(self.clock.as_ref());
        let proven = self.state.borrow().proven.map(|proven| proven.age(self.clock.as_ref()));
        let due = self.wanted || proven.is_none_or(|age| age >= RENEWAL);
        self.wanted = false;
        let run = driven.held.run;
        let ended = self.mirror.has_ended(run)?;
        let written = driven.write(&self.remote, &mut self.mirror, due && !ended).await?;
        let over = written == Written::TakenOver || ended;
        self.state.send_modify(|state| match written {
            Written::Shared { seq, proven } => {
                state.shared.insert(run, seq);
                if proven {
                    state.proven = Some(begun);
                }
            }
            Written::TakenOver => state.taken_over.push(run),
        });
        self.share_log(over).await;
        if over {
            self.driven = None;
        }
        Ok(())
    }

    /// Drives a run from here on.
    pub(super) fn drive(&mut self, held: Held) {
        let proven = Some(Moment::of(self.clock.as_ref()));
        let run = held.run;
        let seq = self.mirror.shared_to(run).map_or(0, |(seq, _)| seq);
        self.state.send_modify(|state| {
            state.taken_over.retain(|other| *other != run);
            state.shared.insert(run, seq);
            state.proven = proven;
        });
        self.tail = Some(Tail::new(run));
        self.tail_shared = None;
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
