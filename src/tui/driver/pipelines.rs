//! Asking pipelines, each as often as it may be asked, and doing what a person says to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::pipeline::{JobLine, PipelineRun, job_log};
use crate::domain::planner::Ground;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::ports::pipeline::Pipeline;
use crate::tui::model::pipeline::{JobLog, PipelineAct};

/// More of a job's log is not kept: what failed stands at its end.
const LINES: usize = 20_000;
/// A line is cut after so many signs.
const LONGEST: usize = 2000;

/// A pipeline, and when it was asked last on the monotonic clock.
type Asked = (Arc<dyn Pipeline>, Option<Duration>);

/// The pipelines of the environments that have one.
#[derive(Default)]
pub(super) struct Pipelines(Mutex<BTreeMap<EnvironmentName, Asked>>);

impl Pipelines {
    /// The pipeline of an environment, made on first need and kept: it remembers what did not change.
    fn of(&self, app: &App, ground: &Ground, config: &Path) -> Option<Result<Asked, Problem>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = all.get(&ground.environment) {
            return Some(Ok(asked.clone()));
        }
        let of = ground.pipeline.as_ref()?;
        let made = app.pipeline(&ground.environment, of, config).map(|made| (made, None));
        if let Ok(asked) = &made {
            all.insert(ground.environment.clone(), asked.clone());
        }
        Some(made)
    }

    /// How it stands, if it may be asked again by now. Of the commit that is under way, or the latest.
    pub(super) async fn look(
        &self,
        app: &App,
        ground: &Ground,
        config: &Path,
        commit: Option<&str>,
        now: bool,
    ) -> Option<Result<Option<PipelineRun>, Problem>> {
        let (pipeline, last) = match self.of(app, ground, config)? {
            Ok(asked) => asked,
            Err(problem) => return Some(Err(problem)),
        };
        let at = app.clock.elapsed();
        if !now && last.is_some_and(|last| at.saturating_sub(last) < pipeline.every()) {
            return None;
        }
        if let Some(asked) =
            self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&ground.environment)
        {
            asked.1 = Some(at);
        }
        Some(pipeline.latest(commit).await)
    }

    /// The log of a job, harmless and without secrets.
    pub(super) async fn log(
        &self,
        app: &App,
        ground: &Ground,
        config: &Path,
        (job, name): (u64, String),
    ) -> Result<JobLog, Problem> {
        let pipeline = self.known(app, ground, config)?;
        let lines = job_log(&pipeline.log(job).await?);
        let from = lines.len().saturating_sub(LINES);
        let clean = |line: JobLine| JobLine {
            text: redacted(&harmless(&line.text, LONGEST)),
            error: line.error,
        };
        Ok(JobLog { job: name, lines: lines.into_iter().skip(from).map(clean).collect() })
    }

    /// Does what a person said. What came of it is for the next look to say.
    pub(super) async fn act(
        &self,
        app: &App,
        ground: &Ground,
        config: &Path,
        act: &PipelineAct,
    ) -> Result<String, Problem> {
        let pipeline = self.known(app, ground, config)?;
        let comment = format!("by {} with pointsman", app.actor);
        match act {
            PipelineAct::Approve(run) => {
                pipeline.review(run, true, &comment).await?;
                Ok(format!("run {}: approved", run.id))
            }
            PipelineAct::Reject(run) => {
                pipeline.review(run, false, &comment).await?;
                Ok(format!("run {}: rejected", run.id))
            }
            PipelineAct::Again(run) => {
                pipeline.run_failed_again(run).await?;
                Ok(format!("run {}: what failed was asked to run again", run.id))
            }
            PipelineAct::Begin => pipeline.begin(None).await,
        }
    }

    fn known(
        &self,
        app: &App,
        ground: &Ground,
        config: &Path,
    ) -> Result<Arc<dyn Pipeline>, Problem> {
        let none = || Problem::new(format!("{} has no pipeline", ground.environment));
        self.of(app, ground, config).ok_or_else(none)?.map(|(pipeline, _)| pipeline)
    }
}
