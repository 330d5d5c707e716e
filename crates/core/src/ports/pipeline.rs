//! The CI pipeline that tests a release.

use std::time::Duration;

use super::BoxFuture;
use crate::error::Problem;
use crate::pipeline::PipelineRun;

/// The result of a call.
pub type Asked<'a, T> = BoxFuture<'a, Result<T, Problem>>;

/// A CI pipeline: GitHub Actions, or jobs on this machine.
pub trait Pipeline: Send + Sync {
    /// The latest run of a commit or, without one, the latest of all, with its jobs, steps and pending
    /// approvals. `None`: there is no run yet.
    fn latest<'a>(&'a self, commit: Option<&'a str>) -> Asked<'a, Option<PipelineRun>>;
    /// Minimum interval between calls.
    fn every(&self) -> Duration;
    /// The raw log of a job.
    fn log(&self, job: u64) -> Asked<'_, String>;
    /// Approves or rejects a waiting run, as the owner of the token.
    fn review<'a>(&'a self, run: &'a PipelineRun, approve: bool, comment: &'a str)
    -> Asked<'a, ()>;
    /// Reruns the failed jobs.
    fn run_failed_again<'a>(&'a self, run: &'a PipelineRun) -> Asked<'a, ()>;
    /// Starts a run of a branch, tag or commit. Returns a description of it.
    fn begin<'a>(&'a self, reference: Option<&'a str>) -> Asked<'a, String>;
}
