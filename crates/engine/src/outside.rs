//! The inputs of an engine: the outside world that its steps use, whether a person attends, and the signals to its
//! process.

use std::fmt;
use std::sync::Arc;

use super::database::Databases;
use pointsman_core::error::Problem;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::hosting::Hosting;
use pointsman_core::ports::log::RunLog;
use pointsman_core::ports::pipeline::Pipeline;
use pointsman_core::ports::prober::Prober;

/// Everything outside of the engine that steps use.
#[derive(Clone)]
pub struct Outside {
    pub hosting: Arc<dyn Hosting>,
    pub prober: Arc<dyn Prober>,
    pub clock: Arc<dyn Clock>,
    pub log: Arc<dyn RunLog>,
    pub databases: Arc<Databases>,
    /// The pipeline of the release, or the reason why it cannot be read; `None` if there is none.
    pub pipeline: Option<Result<Arc<dyn Pipeline>, Problem>>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// Whether a person can decide when a step fails or a gate waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Gates were approved beforehand, and failures follow the rules.
    Unattended,
    /// A person watches the run, or will do so.
    Attended,
}

/// What a signal requests of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End at the next safe point.
    Stop,
    Abort,
    /// Leave the run for a later resume: at the next safe point, or after ten seconds.
    Leave,
}
