//! Polls pipelines, each no more often than it allows, and sends users' actions to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::app::App;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::job_log::{JobLine, job_log};
use crate::domain::pipeline::PipelineRun;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::ports::pipeline::Pipeline;
use crate::tui::panes::pipeline::model::{JobLog, PipelineAct};

/// Maximum number of lines kept, from the end of a job's log, because failures are at the end.
const LOG_LINES: usize = 20_000;
/// Maximum number of characters per line.
const LONGEST_LINE: usize = 2000;

/// A pipeline, with the time (on the monotonic clock) and the commit of its last query. The lock is held during a
/// query, so an old result never replaces a newer one.
type Asked = (Arc<dyn Pipeline>, Arc<tokio::sync::Mutex<(Option<Duration>, Option<String>)>>);

/// The pipeline run to query.
pub(super) enum Whose {
    /// The run of a commit, or the latest run if `None`.
    Of(Option<String>),
    /// The same run as in the last query, without waiting for the interval.
    AsBefore,
}

/// The pipelines, by environment.
#[derive(Default)]
pub(super) struct Pipelines(Mutex<BTreeMap<EnvironmentName, Asked>>);

impl Pipelines {
    /// The pipeline of an environment. Created on first use and kept, because it caches unchanged responses.
    fn of(
        &self,
        app: &App,
        spec: &EnvironmentSpec,
        config: &Path,
    ) -> Option<Result<Asked, Problem>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(asked) = all.get(&spec.environment) {
            return Some(Ok(asked.clone()));
        }
        let of = spec.pipeline.as_ref()?;
        let made = app.pipeline(&spec.environment, of, config);
        let made = made.map(|made| (made, Arc::default()));
        if let Ok(asked) = &made {
            all.insert(spec.environment.clone(), asked.clone());
        }
        Some(made)
    }

    /// The state of the pipeline run. `None` if there is no pipeline, if its
    /// interval has not passed, or if a query is in flight.
    pub(super) async fn look(
        &self,
        app: &App,
        spec: &EnvironmentSpec,
        config: &Path,
        whose: Whose,
    ) -> Option<Result<Option<PipelineRun>, Problem>> {
        let (pipeline, last) = match self.of(app, spec, config)? {
            Ok(asked) => asked,
            Err(problem) => return Some(Err(problem)),
        };
        let mut last = match &whose {
            // Skip this poll while another query is in flight.
            Whose::Of(_) => last.try_lock().ok()?,
            Whose::AsBefore => last.lock().await,
        };
        let at = app.clock.elapsed();
        if let Whose::Of(commit) = whose {
            let same = last.1 == commit;
            if same && last.0.is_some_and(|last| at.saturating_sub(last) < pipeline.every()) {
                return None;
            }
            last.1 = commit;
        }
        last.0 = Some(at);
        Some(pipeline.latest(last.1.as_deref()).await)
    }

    /// The log of a job, sanitised and redacted.
    pub(super) async fn log(
        &self,
        app: &App,
        spec: &EnvironmentSpec,
        config: &Path,
        (job, name): (u64, String),
    ) -> Result<JobLog, Problem> {
        let pipeline = self.known(app, spec, config)?;
        let lines = job_log(&pipeline.log(job).await?);
        let from = lines.len().saturating_sub(LOG_LINES);
        let clean = |line: JobLine| JobLine {
            text: redacted(&harmless(&line.text, LONGEST_LINE)),
            error: line.error,
        };
        Ok(JobLog { job: name, lines: lines.into_iter().skip(from).map(clean).collect() })
    }

    /// Sends a user's action to the pipeline. The next poll reports its effect.
    pub(super) async fn act(
        &self,
        app: &App,
        spec: &EnvironmentSpec,
        config: &Path,
        act: &PipelineAct,
    ) -> Result<String, Problem> {
        let pipeline = self.known(app, spec, config)?;
        let comment = format!("by {} with pointsman", app.actor());
        match act {
            PipelineAct::Approve(run) => {
                pipeline.review(run, true, &comment).await?;
                Ok(format!("run {}: the yes was sent", run.id))
            }
            PipelineAct::Reject(run) => {
                pipeline.review(run, false, &comment).await?;
                Ok(format!("run {}: the no was sent", run.id))
            }
            PipelineAct::Again(run) => {
                pipeline.run_failed_again(run).await?;
                Ok(format!("run {}: rerun of the failed jobs requested", run.id))
            }
            PipelineAct::Begin => pipeline.begin(None).await,
        }
    }

    fn known(
        &self,
        app: &App,
        spec: &EnvironmentSpec,
        config: &Path,
    ) -> Result<Arc<dyn Pipeline>, Problem> {
        let none =
            || Problem::coded(Code::NO_PIPELINE, format!("{} has no pipeline", spec.environment));
        self.of(app, spec, config).ok_or_else(none)?.map(|(pipeline, _)| pipeline)
    }
}
