//! The durable record of runs, and the commands sent to them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::sharing::{Branch, Sharing};
use crate::alert::Channel;
use crate::checklist::Tick;
use crate::code::Code;
use crate::command::{Command, Sent};
use crate::describe;
use crate::error::Problem;
use crate::event::{Event, Fact};
use crate::ids::{EnvironmentName, RunNumber, StepId};
use crate::plan::Plan;
use crate::release::ReleaseLabel;
use crate::time::Timestamp;
use crate::view::RunView;

/// The failure of a journal operation.
#[derive(Debug)]
pub enum JournalError {
    /// The database reported an error.
    Unusable(Problem),
    /// The store cannot be written: a full disk, a read-only folder. It may still be readable.
    Unwritable(Problem),
    /// A record is torn, edited, missing, or cannot follow the one before it.
    Damaged {
        run: RunNumber,
        seq: u64,
        /// What is damaged.
        because: String,
    },
    NoSuchRun(RunNumber),
    /// Another run of the environment is in progress.
    Busy(Holder),
    /// A person has locked this environment.
    Locked(EnvironmentName, HumanLock),
    /// Another process drives the run now; this one must stop acting.
    LeaseLost(RunNumber),
}

/// A lock that a person took. It stays until a person releases it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HumanLock {
    pub actor: String,
    pub reason: String,
    pub since: Timestamp,
}

/// Interval at which a runner renews its lease: a quarter of the lease.
pub const RENEWAL: Duration = Duration::from_secs(15);
/// A lease that was not renewed for this long may be taken over, with a reason.
pub const LEASE: Duration = Duration::from_mins(1);

/// The process that drives a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    pub run: RunNumber,
    pub pid: u32,
    /// The machine, if it is another one.
    pub host: Option<String>,
    pub actor: String,
    pub at: String,
    pub since: Timestamp,
    /// Whether its lease expired: the process exists, but does not act.
    pub stale: bool,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(problem) | Self::Unwritable(problem) => problem.fmt(f),
            Self::Damaged { run, seq, because } => write!(
                f,
                "record {seq} of run {run} is damaged: {because}. Now: leave the store as it is, and \
                 compare it with a copy"
            ),
            Self::NoSuchRun(run) => write!(f, "there is no run {run}"),
            Self::Locked(environment, lock) => write!(
                f,
                "{environment} is locked by {} since {}: {}",
                lock.actor, lock.since, lock.reason
            ),
            Self::LeaseLost(run) => write!(f, "another process runs run {run}"),
            Self::Busy(Holder { run, pid, host, actor, at, since, .. }) => {
                let process = describe::process(pid, host.as_deref());
                write!(f, "run {run} of {actor} is under way: it is {at}, {process}, since {since}")
            }
        }
    }
}

impl std::error::Error for JournalError {}

impl JournalError {
    /// The message for people, with what to do now.
    pub fn problem(self) -> Problem {
        let what = self.to_string();
        match self {
            Self::Unusable(problem) => problem.code(Code::STORE_UNUSABLE),
            Self::Unwritable(problem) => problem.code(Code::STORE_UNWRITABLE),
            Self::NoSuchRun(_) => Problem::coded(Code::NO_SUCH_RUN, what),
            Self::Damaged { .. } => Problem::coded(Code::STORE_DAMAGED, what),
            Self::LeaseLost(_) => Problem::coded(Code::LEASE_LOST, what),
            Self::Busy(holder) if holder.stale => Problem::coded(Code::BUSY, what)
                .try_this("its lease expired: take it over with --take-over --reason TEXT"),
            Self::Busy(holder) => {
                let todo = format!(
                    "follow it: pointsman attach {}; or wait: --lock-wait 10m",
                    holder.run.0
                );
                Problem::coded(Code::BUSY, what).try_this(todo)
            }
            Self::Locked(environment, _) => Problem::coded(Code::LOCKED, what)
                .try_this(format!("pointsman lock {environment} release --reason TEXT")),
        }
    }
}

/// A damaged record. Lists leave out its run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    pub run: RunNumber,
    pub seq: u64,
    /// What is damaged.
    pub because: String,
    /// Whether the run has ended despite the damage.
    pub ended: bool,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run, seq, because, .. } = self;
        write!(
            f,
            "run {run} is damaged and left out (record {seq}: {because}); pointsman verify {}",
            run.0
        )
    }
}

/// A run as the journal lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Folded from its facts.
    pub view: RunView,
    /// The process that drives it, if it is alive.
    pub runner: Option<u32>,
    /// The machine of that process, if it is another one.
    pub host: Option<String>,
}

/// A fact to append.
#[derive(Debug)]
pub struct Entry<'a> {
    pub actor: &'a str,
    /// Wall clock time.
    pub at: Timestamp,
    /// Monotonic milliseconds of the runner.
    pub elapsed_ms: u64,
    pub step: Option<&'a StepId>,
    pub event: &'a Event,
}

/// The journal. Calls block for a fraction of a millisecond; each append is synced.
pub trait Journal: Send {
    /// Creates a run with its plan as the first fact. Refused if the environment is locked or has a run in progress.
    /// The new run supersedes abandoned runs and, with `take_over`, one whose lease expired.
    fn create(
        &mut self,
        plan: &Plan,
        entry: Entry<'_>,
        take_over: bool,
    ) -> Result<RunView, JournalError>;
    /// Makes this process the runner of the run. Refused while another process drives it, unless
    /// that is `from`, which hands it over.
    fn claim(
        &mut self,
        run: RunNumber,
        from: Option<u32>,
        at: Timestamp,
    ) -> Result<(), JournalError>;
    /// Renews the lease of a run that this process drives.
    fn renew(&mut self, run: RunNumber, at: Timestamp) -> Result<(), JournalError>;
    /// Locks an environment for everyone, until it is released.
    fn lock(&mut self, environment: &EnvironmentName, lock: &HumanLock)
    -> Result<(), JournalError>;
    /// Releases the lock; `false` if there was none.
    fn unlock(&mut self, environment: &EnvironmentName) -> Result<bool, JournalError>;
    /// The lock that a person holds on an environment.
    fn locked(&self, environment: &EnvironmentName) -> Result<Option<HumanLock>, JournalError>;
    /// The current holder of an environment's lease.
    fn busy(
        &self,
        environment: &EnvironmentName,
        now: Timestamp,
    ) -> Result<Option<Holder>, JournalError>;

    /// Why this connection reads an outdated state of the store, if it does.
    fn behind(&self) -> Option<Problem> {
        None
    }

    /// Appends one fact to the chain.
    fn append(&mut self, run: RunNumber, entry: Entry<'_>) -> Result<Fact, JournalError>;
    /// The facts after a sequence number, with their chain verified from the beginning.
    fn facts(&self, run: RunNumber, after: u64) -> Result<Vec<Fact>, JournalError>;
    fn run(&self, run: RunNumber) -> Result<Listed, JournalError>;
    /// The runs of an environment (or of all), newest first. Damaged ones are left out: see
    /// [`Self::damage`].
    fn runs(
        &self,
        environment: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<Vec<Listed>, JournalError>;
    /// The damaged runs that [`Self::runs`] found so far.
    fn damage(&self) -> Vec<Damage> {
        Vec::new()
    }
    /// The actions of people on checklist items, for an environment and a release, oldest first.
    fn ticks(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseLabel,
    ) -> Result<Vec<Tick>, JournalError>;
    /// Time of the last delivery to a channel.
    fn delivered(&self, channel: &Channel) -> Result<Option<Timestamp>, JournalError>;
    /// Records the action of a person on a checklist item.
    fn tick(
        &mut self,
        environment: &EnvironmentName,
        release: &ReleaseLabel,
        tick: &Tick,
    ) -> Result<(), JournalError>;
    /// Sends a command to a run.
    fn send(
        &mut self,
        run: RunNumber,
        actor: &str,
        seen: u64,
        command: &Command,
        at: Timestamp,
    ) -> Result<u64, JournalError>;
    /// Withdraws a command that no fact has answered yet. `false`: one has.
    fn withdraw(&mut self, command: u64) -> Result<bool, JournalError>;
    /// The commands that no fact has answered yet, in order.
    fn unanswered(&self, run: RunNumber) -> Result<Vec<Sent>, JournalError>;

    /// How this store reaches the one that a team shares; `None` if it is this machine's alone.
    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        None
    }
    /// The facts that a machine wrote to a run after another one had taken it over.
    fn branches(&self, _: RunNumber) -> Result<Vec<Branch>, JournalError> {
        Ok(Vec::new())
    }
}
