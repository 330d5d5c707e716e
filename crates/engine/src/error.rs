//! Errors that stop the engine of a run.

use std::fmt;

use pointsman_core::error::Problem;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::run::IllegalTransition;

/// The reason why a run cannot continue.
#[derive(Debug)]
pub enum EngineError {
    /// The journal cannot be written or read: no further effect is risked.
    Journal(JournalError),
    /// The state does not allow this event: a bug in Pointsman.
    Illegal(IllegalTransition),
    /// This version cannot continue the run from its current state.
    CannotCarryOn(Problem),
    /// The process was requested to end; the run can be resumed.
    Left,
    /// Another process drives the run now, at whose request this one gave it.
    HandedOver(String),
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Illegal(error) => error.fmt(f),
            Self::CannotCarryOn(problem) => problem.fmt(f),
            Self::HandedOver(to) => write!(f, "{to} drives the run now"),
            Self::Left => f.write_str("its process was stopped; the run waits to be resumed"),
        }
    }
}

impl std::error::Error for EngineError {}
