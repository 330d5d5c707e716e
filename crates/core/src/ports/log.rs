//! The log of a run: the output of its steps and services. Unlike facts, it may be lost,
//! and no decision depends on it.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};

use crate::ansi_style::AnsiStyle;
use crate::ids::{RunNumber, ServiceName, StepId};
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

/// The logs of runs on this machine, as they are kept: lines of JSON, each a [`LogLine`].
pub trait RunLogs: Send + Sync {
    /// Opens the log of a run from its beginning. More can be read as it grows. `None`: there is none.
    fn open(&self, run: RunNumber) -> Option<Box<dyn Read + Send>>;
    /// Appends lines that another machine wrote.
    fn append(&self, run: RunNumber, lines: &[String]) -> io::Result<()>;
    /// The progress of a run's current step, as it is kept. Empty if there is none.
    fn progress(&self, run: RunNumber) -> String;
    /// Replaces it by that of another machine. It may fail: progress is only shown.
    fn set_progress(&self, run: RunNumber, progress: &str);
}

/// The destination of log lines. Stored lines are redacted, and cannot control a terminal.
pub trait RunLog: Send + Sync {
    /// Writes a line. Never blocks for long, never fails a step.
    fn line(&self, line: &LogLine);

    /// Replaces the progress of the step for one service.
    fn progress(&self, _: &LogLine) {}

    /// Replaces the incident card with the one for the next step.
    fn card(&self, _: &str) {}

    /// Clears the progress at the end of a step.
    fn over(&self) {}
}
