//! The Pipeline pane: the run of the selected environment's pipeline.

use std::time::Duration;

use crate::domain::error::Problem;
use crate::domain::job_log::JobLine;
use crate::domain::pipeline::{Job, PipelineRun};
use crate::tui::model::environments::Environment;

/// The last answer.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineSnapshot {
    /// The run; nothing where nothing ran.
    pub run: Option<PipelineRun>,
    /// Time of the read, since the start.
    pub at: Duration,
    /// The reason, if later reads failed.
    pub problem: Option<Problem>,
}

/// The scroll position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PipelinePane {
    pub selected: usize,
}

/// The log of a job that is read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct JobLog {
    pub job: String,
    /// Its lines, harmless and without secrets.
    pub lines: Vec<JobLine>,
}

impl JobLog {
    /// The next line that is an error, from one on, and from the top behind the last.
    pub fn error(&self, from: usize) -> Option<usize> {
        let errors = || self.lines.iter().enumerate().filter(|(_, l)| l.error).map(|(at, _)| at);
        errors().find(|at| *at >= from).or_else(|| errors().next())
    }
}

/// A person's action on a pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PipelineAct {
    /// Yes to what the run waits for.
    Approve(Box<PipelineRun>),
    Reject(Box<PipelineRun>),
    /// Reruns failed jobs.
    Again(Box<PipelineRun>),
    /// A new run begins.
    Begin,
}

impl PipelineAct {
    /// The run that it is about.
    pub fn run(&self) -> Option<&PipelineRun> {
        match self {
            Self::Approve(run) | Self::Reject(run) | Self::Again(run) => Some(run),
            Self::Begin => None,
        }
    }
}

/// The run of an environment's pipeline, as far as it was seen.
pub fn run(here: &Environment) -> Option<&PipelineRun> {
    here.pipeline.as_ref()?.run.as_ref()
}

pub fn chosen(here: &Environment, pane: PipelinePane) -> Option<&Job> {
    run(here)?.jobs.get(pane.selected)
}
