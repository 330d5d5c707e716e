//! GitHub Actions over REST (`docs/internals/github-actions.md`).

#![expect(
    clippy::disallowed_methods,
    reason = "waits for a real server; its job is named by variables"
)]

mod call;
pub(crate) mod deployments;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::try_join;
use reqwest::Method;
use secrecy::SecretString;
use serde_json::{Value, json};

use self::call::{Answered, Kept};
use super::http::client;
use pointsman_core::error::Problem;
use pointsman_core::pipeline::{PipelineRun, Standing};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::pipeline::{Asked, Pipeline};

/// Base URL of GitHub's own API.
pub const API: &str = "https://api.github.com";
/// Maximum pages of jobs: 100 jobs each, and a matrix has at most 256.
const MOST_JOB_PAGES: usize = 5;

/// A client of one repository.
pub struct Github {
    client: reqwest::Client,
    base: String,
    repository: String,
    workflow: Option<String>,
    branch: Option<String>,
    token: Option<SecretString>,
    clock: Arc<dyn Clock>,
    /// Cached responses with their entity tags: an unchanged response does not count against the rate limit.
    kept: Mutex<HashMap<String, Kept>>,
    /// No requests before this monotonic time: GitHub's rate limit.
    quiet_until: Mutex<Duration>,
    /// The run and the job that this program runs in, if GitHub Actions runs it.
    own: (Option<u64>, Option<String>),
}

impl std::fmt::Debug for Github {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Github").field("repository", &self.repository).finish_non_exhaustive()
    }
}

/// The repository, with the workflow and the branch to read.
#[derive(Debug, Clone)]
pub struct Repository {
    /// `https://api.github.com`.
    pub api: String,
    /// `owner/name`.
    pub name: String,
    pub workflow: Option<String>,
    /// The branch to deploy from.
    pub branch: Option<String>,
}

impl Github {
    /// Creates a client. Without a token, GitHub answers 60 requests per hour, and none about private repositories.
    pub fn new(
        of: Repository,
        token: Option<SecretString>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Problem> {
        let run = std::env::var("GITHUB_RUN_ID").ok().and_then(|id| id.parse().ok());
        Ok(Self {
            client: client()?,
            base: of.api.trim_end_matches('/').to_owned(),
            repository: of.name,
            workflow: of.workflow,
            branch: of.branch,
            token,
            clock,
            kept: Mutex::default(),
            quiet_until: Mutex::default(),
            own: (run, std::env::var("GITHUB_JOB").ok()),
        })
    }

    fn path(&self, rest: &str) -> String {
        format!("{}/repos/{}/{rest}", self.base, self.repository)
    }

    async fn find(&self, commit: Option<&str>) -> Result<Option<PipelineRun>, Problem> {
        let runs = match &self.workflow {
            Some(workflow) => self.path(&format!("actions/workflows/{workflow}/runs")),
            None => self.path("actions/runs"),
        };
        let mut query = vec![("per_page", "20")];
        match (commit, &self.branch) {
            (Some(commit), _) => query.push(("head_sha", commit)),
            (None, Some(branch)) => query.push(("branch", branch)),
            (None, None) => {}
        }
        let list = self.get(&runs, &query).await?.json;
        let listed = list["workflow_runs"].as_array().ok_or_else(|| wire::unreadable("runs"))?;
        // A pull request's run may have the same commit, but it tests something else: the merge.
        let pushed = listed.iter().find(|run| run["event"] != "pull_request");
        let latest = pushed.or_else(|| listed.first().filter(|_| commit.is_none()));
        let Some(json) = latest else { return Ok(None) };
        let mut run = wire::run(json)?;
        let (jobs, approvals) = try_join(self.jobs(run.id), self.approvals(&run)).await?;
        (run.jobs, run.approvals) = (jobs, approvals);
        if let (Some(own), Some(job)) = &self.own
            && *own == run.id
        {
            run.jobs.iter_mut().filter(|j| j.is(job)).for_each(|j| j.own = true);
        }
        Ok(Some(run))
    }

    async fn jobs(&self, run: u64) -> Result<Vec<pointsman_core::pipeline::Job>, Problem> {
        let mut jobs = Vec::new();
        let first = self.path(&format!("actions/runs/{run}/jobs"));
        let mut answered = self.get(&first, &[("filter", "latest"), ("per_page", "100")]).await?;
        for _ in 0..MOST_JOB_PAGES {
            let Answered { json, next } = answered;
            let listed = json["jobs"].as_array().ok_or_else(|| wire::unreadable("jobs"))?;
            for job in listed {
                jobs.push(wire::job(job)?);
            }
            let all = json["total_count"].as_u64().unwrap_or_default();
            match next {
                Some(next) => answered = self.get(&next, &[]).await?,
                None if (jobs.len() as u64) < all => break,
                None => return Ok(jobs),
            }
        }
        // A job that is not listed may have failed.
        Err(Problem::new(format!("the jobs of run {run} cannot be read whole")))
    }

    async fn approvals(
        &self,
        run: &PipelineRun,
    ) -> Result<Vec<pointsman_core::pipeline::Approval>, Problem> {
        if run.standing != Standing::Waiting {
            return Ok(Vec::new());
        }
        let path = self.path(&format!("actions/runs/{}/pending_deployments", run.id));
        let list = self.get(&path, &[]).await?.json;
        list.as_array().into_iter().flatten().map(wire::approval).collect()
    }

    async fn answer(&self, run: &PipelineRun, approve: bool, comment: &str) -> Result<(), Problem> {
        let may: Vec<_> = run.approvals.iter().filter(|a| a.ours).collect();
        if may.is_empty() {
            let who = run.approvals.iter().flat_map(|a| a.reviewers.clone()).collect::<Vec<_>>();
            let problem = Problem::new(format!("run {} does not wait for you", run.id));
            return Err(if who.is_empty() {
                problem.because("it waits for no approval")
            } else {
                problem.because(format!("it waits for {}", who.join(" or ")))
            });
        }
        let ids: Vec<u64> = may.iter().map(|a| a.environment_id).collect();
        let state = if approve { "approved" } else { "rejected" };
        let body = json!({"environment_ids": ids, "state": state, "comment": comment});
        let path = self.path(&format!("actions/runs/{}/pending_deployments", run.id));
        self.send(Method::POST, &path, Some(&body)).await.map(drop)
    }

    async fn dispatch(&self, reference: Option<&str>) -> Result<String, Problem> {
        let Some(workflow) = &self.workflow else {
            return Err(Problem::new("the workflow to start is unknown")
                .because("the pipeline of this environment names none")
                .try_this("workflow: deploy.yml"));
        };
        let reference = reference.or(self.branch.as_deref()).unwrap_or("main");
        let path = self.path(&format!("actions/workflows/{workflow}/dispatches"));
        let body = json!({"ref": reference, "return_run_details": true});
        let answer = self.send(Method::POST, &path, Some(&body)).await?;
        // Older servers accept the request and do not return the run.
        Ok(match answer["workflow_run_id"].as_u64() {
            Some(id) => format!("run {id} of {workflow} on {reference} was begun"),
            None => {
                format!("{workflow} on {reference} was started; GitHub does not say which run")
            }
        })
    }
}

impl Pipeline for Github {
    fn latest<'a>(&'a self, commit: Option<&'a str>) -> Asked<'a, Option<PipelineRun>> {
        Box::pin(self.find(commit))
    }

    fn every(&self) -> Duration {
        // With a token, unchanged responses do not count; without one, the limit is 60 requests per hour.
        if self.token.is_some() { Duration::from_secs(10) } else { Duration::from_mins(10) }
    }

    fn log(&self, job: u64) -> Asked<'_, String> {
        Box::pin(async move { self.text(&self.path(&format!("actions/jobs/{job}/logs"))).await })
    }

    fn review<'a>(
        &'a self,
        run: &'a PipelineRun,
        approve: bool,
        comment: &'a str,
    ) -> Asked<'a, ()> {
        Box::pin(self.answer(run, approve, comment))
    }

    fn run_failed_again<'a>(&'a self, run: &'a PipelineRun) -> Asked<'a, ()> {
        Box::pin(async move {
            let path = self.path(&format!("actions/runs/{}/rerun-failed-jobs", run.id));
            self.send(Method::POST, &path, Some(&Value::Object(serde_json::Map::new())))
                .await
                .map(drop)
        })
    }

    fn begin<'a>(&'a self, reference: Option<&'a str>) -> Asked<'a, String> {
        Box::pin(self.dispatch(reference))
    }
}
