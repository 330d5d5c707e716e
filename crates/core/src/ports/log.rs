//! The log of a run: everything its steps and services said. Not facts: it may be lost, and nothing
//! is decided by it.

use serde::{Deserialize, Serialize};

use crate::ansi_style::AnsiStyle;
use crate::ids::{ServiceName, StepId};
use crate::time::Timestamp;

/// A line of a run's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Time of receipt.
    pub at: Timestamp,
    pub step: StepId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceName>,
    pub text: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tints: Vec<AnsiStyle>,
}

/// Where the lines go. What is kept of them is harmless and redacted.
pub trait RunLog: Send + Sync {
    /// Takes a line. Never blocks for long, never fails a step.
    fn line(&self, line: &LogLine);

    /// Takes how far a step is with a service, instead of what it took about that service before.
    fn progress(&self, _: &LogLine) {}

    /// Takes the break-glass card as it is before the next step, instead of the one before.
    fn card(&self, _: &str) {}

    /// The step is over: what was said about its progress is no more.
    fn over(&self) {}
}
