//! Exit codes (`docs/internals/architecture.md`), and the conversion of errors to them.

use crate::config::Findings;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::guard::{Guard, standing};
use crate::engine::EngineError;
use crate::engine::proposal::Refusal;
use crate::ports::journal::JournalError;

/// The command succeeded; for a run, the observed state is the intended one.
pub(super) const OK: u8 = 0;
pub(super) const FAILED: u8 = 1;
pub(super) const USAGE: u8 = 2;
pub(super) const REFUSED: u8 = 3;
pub(super) const LOCKED: u8 = 4;
pub(super) const INCONCLUSIVE: u8 = 5;
pub(super) const IN_DOUBT: u8 = 7;
pub(super) const INTERRUPTED: u8 = 130;

/// The exit code of a command, or its failure.
pub(super) type Finished = Result<u8, Failed>;

/// A failed command: the error to print and the exit code.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) problem: Box<Problem>,
    /// The findings of an invalid config. Text output prints them instead of the problem.
    pub(super) findings: Option<Box<Findings>>,
    pub(super) code: u8,
}

impl Failed {
    pub(super) fn with(code: u8, problem: Problem) -> Self {
        Self { problem: Box::new(problem), findings: None, code }
    }

    pub(super) fn config(findings: Findings) -> Self {
        let problem = Problem::coded(
            Code::CONFIG_INVALID,
            format!("{} cannot be used", findings.file.display()),
        );
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
        let code = match &error {
            JournalError::Unusable(_)
            | JournalError::Unwritable(_)
            | JournalError::Damaged { .. } => FAILED,
            JournalError::NoSuchRun(_) => USAGE,
            JournalError::Busy(_) | JournalError::Locked(..) => LOCKED,
            JournalError::LeaseLost(_) => IN_DOUBT,
        };
        Self::with(code, error.problem())
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Usage(problem) => Self::with(USAGE, problem),
            Refusal::Written(findings) => Self::config(*findings),
            Refusal::Refused(problem) => Self::with(REFUSED, problem),
            Refusal::Guarded(met) if met.iter().all(|met| met.guard == Guard::Lock) => {
                Self::with(LOCKED, standing(&met))
            }
            Refusal::Guarded(met) => Self::with(REFUSED, standing(&met)),
            Refusal::InDoubt(problem) => Self::with(IN_DOUBT, problem),
            Refusal::Locked(problem) => Self::with(LOCKED, problem),
            Refusal::Failed(problem) => problem.into(),
            Refusal::Journal(error) => error.into(),
        }
    }
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        let stuck = matches!(
            error,
            EngineError::Journal(JournalError::Unusable(_) | JournalError::Unwritable(_))
        );
        let what = if stuck {
            "the run is stuck: its facts cannot be written"
        } else {
            "the run stopped unexpectedly"
        };
        let problem = Problem::new(what).because(error.to_string());
        let todo = "check it with pointsman status, then pointsman resume RUN; \
                    pointsman rollback ENV works all the same";
        Self::with(IN_DOUBT, problem.try_this(todo))
    }
}
