//! Exit codes (architecture.md §7) and the one rich report at the edge.

use crate::config::Findings;
use crate::domain::error::Problem;
use crate::engine::EngineError;
use crate::ports::journal::JournalError;

/// The observed state is the intended one.
pub(super) const OK: u8 = 0;
pub(super) const FAILED: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const REFUSED: u8 = 3;
pub(super) const LOCKED: u8 = 4;
pub(super) const IN_DOUBT: u8 = 7;
pub(super) const INTERRUPTED: u8 = 130;

/// A verb's exit code, or why it could not do its work.
pub(super) type Finished = Result<u8, Failed>;

/// Why a verb could not do its work.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) problem: Box<Problem>,
    /// The places in the config, for a person.
    pub(super) findings: Option<Box<Findings>>,
    pub(super) code: u8,
}

impl Failed {
    pub(super) fn with(code: u8, problem: Problem) -> Self {
        Self { problem: Box::new(problem), findings: None, code }
    }

    pub(super) fn config(findings: Findings) -> Self {
        let problem = Problem::new(format!("{} cannot be used", findings.file.display()));
        Self { problem: Box::new(problem), findings: Some(Box::new(findings)), code: USAGE }
    }
}

impl From<Problem> for Failed {
    fn from(problem: Problem) -> Self {
        Self::with(FAILED, problem)
    }
}

impl From<JournalError> for Failed {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Unusable(problem) => Self::with(FAILED, problem),
            JournalError::NoSuchRun(_) => Self::with(USAGE, Problem::new(error.to_string())),
            JournalError::Damaged { .. } => Self::with(FAILED, Problem::new(error.to_string())),
            JournalError::Busy(ref holder) => {
                let todo = if holder.stale {
                    "its lease ran out: take it over with --take-over --reason TEXT"
                } else {
                    "wait for it: pointsman status"
                };
                Self::with(LOCKED, Problem::new(error.to_string()).try_this(todo))
            }
            JournalError::Locked(ref environment, _) => {
                let todo = format!("pointsman lock {environment} release --reason TEXT");
                Self::with(LOCKED, Problem::new(error.to_string()).try_this(todo))
            }
            JournalError::LeaseLost(_) => Self::with(IN_DOUBT, Problem::new(error.to_string())),
        }
    }
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        let problem = Problem::new("the run stopped in the middle").because(error.to_string());
        let todo = "look how it stands with pointsman status, then pointsman resume RUN; \
                    pointsman rollback ENV works all the same";
        Self::with(IN_DOUBT, problem.try_this(todo))
    }
}
