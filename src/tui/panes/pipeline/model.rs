//! The Pipeline pane: the run of the selected environment's pipeline.

use std::time::Duration;

use crate::domain::error::Problem;
use crate::domain::job_log::JobLine;
use crate::domain::pipeline::{Job, PipelineRun};
use crate::tui::list::{Rank, Row};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;

/// The last known state of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSnapshot {
    /// The pipeline run; `None` if there was none.
    pub run: Option<PipelineRun>,
    /// Time of the read, since the screen started.
    pub at: Duration,
    /// The reason, if later reads failed.
    pub problem: Option<Problem>,
}

/// The orders of the list.
pub(in crate::tui) const ORDERS: &[&str] = &["as the pipeline", "failed first", "longest first"];

/// The rows of the list: the jobs of the run last read.
pub(in crate::tui) fn list(model: &Model) -> Vec<Row> {
    let clock = model.clock();
    let jobs = model.here().and_then(run).map_or(&[][..], |run| &run.jobs);
    // Two jobs may have one name; their ids change when they run again.
    let nth = |at: usize| jobs[..at].iter().filter(|job| job.name == jobs[at].name).count();
    let row = |(at, job): (usize, &Job)| Row {
        key: format!("{} {}", job.name, nth(at)),
        text: format!("{} {}", job.name, job.standing.label()),
        ranks: vec![
            Rank::Number(u64::from(!job.standing.bad())),
            Rank::descending(job.took(clock).map_or(0, |took| took.as_secs())),
        ],
    };
    jobs.iter().enumerate().map(row).collect()
}

/// The log of a job, or the output of a custom command.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobLog {
    pub job: String,
    /// The lines, sanitised and redacted.
    pub lines: Vec<JobLine>,
}

impl JobLog {
    /// The next error line at or after `from`, wrapping around at the end.
    pub fn error(&self, from: usize) -> Option<usize> {
        let errors = || self.lines.iter().enumerate().filter(|(_, l)| l.error).map(|(at, _)| at);
        errors().find(|at| *at >= from).or_else(|| errors().next())
    }
}

/// A user's action on a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineAct {
    /// Approves what the run waits for.
    Approve(Box<PipelineRun>),
    Reject(Box<PipelineRun>),
    /// Reruns failed jobs.
    Again(Box<PipelineRun>),
    /// Starts a new run.
    Begin,
}

impl PipelineAct {
    /// The run that the action applies to; `None` for a new run.
    pub fn run(&self) -> Option<&PipelineRun> {
        match self {
            Self::Approve(run) | Self::Reject(run) | Self::Again(run) => Some(run),
            Self::Begin => None,
        }
    }
}

/// The last known run of an environment's pipeline.
pub fn run(here: &Environment) -> Option<&PipelineRun> {
    here.pipeline.as_ref()?.run.as_ref()
}

/// The selected job.
pub(in crate::tui) fn chosen(model: &Model) -> Option<&Job> {
    run(model.here()?)?.jobs.get(model.chosen(Pane::Pipeline)?)
}
