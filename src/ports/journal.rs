//! The durable record of runs, and the commands sent to them.

use std::fmt;

use crate::domain::command::{Command, Sent};
use crate::domain::error::Problem;
use crate::domain::event::{Event, Fact};
use crate::domain::ids::{EnvironmentName, RunNumber, StepId};
use crate::domain::plan::Plan;
use crate::domain::time::Timestamp;
use crate::domain::view::RunView;

/// Why the journal could not be read or written.
#[derive(Debug)]
pub enum JournalError {
    /// The database said no.
    Unusable(Problem),
    /// A record is torn, edited, missing, or cannot follow the one before it.
    Damaged {
        /// The run.
        run: RunNumber,
        /// The record.
        seq: u64,
        /// What is wrong with it.
        because: String,
    },
    /// There is no such run.
    NoSuchRun(RunNumber),
    /// A run of this environment is under way.
    Busy(Holder),
}

/// Who drives a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The run.
    pub run: RunNumber,
    /// Its process.
    pub pid: u32,
    /// Who started it.
    pub actor: String,
    /// Where it stands.
    pub at: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable(problem) => problem.fmt(f),
            Self::Damaged { run, seq, because } => write!(
                f,
                "record {seq} of run {run} is damaged: {because}. Now: leave the store as it is, and \
                 compare it with a copy"
            ),
            Self::NoSuchRun(run) => write!(f, "there is no run {run}"),
            Self::Busy(holder) => write!(
                f,
                "run {} of {} is under way: it is {}, process {}, since {}",
                holder.run, holder.actor, holder.at, holder.pid, holder.since
            ),
        }
    }
}

impl std::error::Error for JournalError {}

/// A run as the journal lists it.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Folded from its facts.
    pub view: RunView,
    /// The process that drives it, if that still lives.
    pub runner: Option<u32>,
}

/// What to append.
#[derive(Debug)]
pub struct Entry<'a> {
    /// Who.
    pub actor: &'a str,
    /// When, by the wall clock.
    pub at: Timestamp,
    /// When, in monotonic milliseconds of the runner.
    pub elapsed_ms: u64,
    /// In which step.
    pub step: Option<&'a StepId>,
    /// What.
    pub event: &'a Event,
}

/// The journal. Calls block for a fraction of a millisecond; each append is synced.
pub trait Journal: Send {
    /// Makes a run with its plan as the first fact, unless the environment has one under way. Runs
    /// that nobody drives any more are superseded by it.
    fn create(&mut self, plan: &Plan, entry: Entry<'_>) -> Result<RunView, JournalError>;
    /// Says that this process drives the run from now on. Refused while another one does, unless
    /// that is `from`, which hands it over.
    fn claim(&mut self, run: RunNumber, from: Option<u32>) -> Result<(), JournalError>;
    /// Appends one fact to the chain.
    fn append(&mut self, run: RunNumber, entry: Entry<'_>) -> Result<Fact, JournalError>;
    /// The facts after a sequence number, with their chain verified from the beginning.
    fn facts(&self, run: RunNumber, after: u64) -> Result<Vec<Fact>, JournalError>;
    /// One run.
    fn run(&self, run: RunNumber) -> Result<Listed, JournalError>;
    /// The runs of an environment (or of all), newest first.
    fn runs(
        &self,
        environment: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<Vec<Listed>, JournalError>;
    /// Sends a command to a run.
    fn send(
        &mut self,
        run: RunNumber,
        actor: &str,
        seen: u64,
        command: &Command,
        at: Timestamp,
    ) -> Result<u64, JournalError>;
    /// The commands that no fact answers yet, in order.
    fn unanswered(&self, run: RunNumber) -> Result<Vec<Sent>, JournalError>;
}
