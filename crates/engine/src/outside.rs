//! What an engine is given: the world its steps use, whether anybody can be asked, and the signals to
//! its process.

use std::fmt;
use std::sync::Arc;

use super::database::Databases;
use pointsman_core::error::Problem;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::hosting::Hosting;
use pointsman_core::ports::log::RunLog;
use pointsman_core::ports::pipeline::Pipeline;
use pointsman_core::ports::prober::Prober;

/// Everything outside that steps use.
#[derive(Clone)]
pub struct Outside {
    pub hosting: Arc<dyn Hosting>,
    pub prober: Arc<dyn Prober>,
    pub clock: Arc<dyn Clock>,
    pub log: Arc<dyn RunLog>,
    pub databases: Arc<Databases>,
    /// The pipeline of its release, or the reason why it cannot be read; `None` if there is none.
    pub pipeline: Option<Result<Arc<dyn Pipeline>, Problem>>,
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// Whether anybody can be asked when a step fails or a gate waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attendance {
    /// Unattended: gates were approved beforehand, failures follow the rules.
    Unattended,
    /// A person watches, or will.
    Attended,
}

/// The request of a signal to the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// End at the next safe point.
    Stop,
    Abort,
    /// Leave the run for a later resume: at the next safe point, or after ten seconds.
    Leave,
}
