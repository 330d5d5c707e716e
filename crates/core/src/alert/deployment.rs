//! Reports a run to GitHub: as a deployment of its commit, with its states. It travels like an alert, so
//! that an unavailable GitHub delays nothing and loses nothing.

use serde::{Deserialize, Serialize};

use super::{Alert, Channel, Kind};
use crate::event::{Event, Fact, Outcome, Recorded};
use crate::plan::RunKind;
use crate::policy::Protection;
use crate::redact::redacted;
use crate::view::RunView;

/// The states of a deployment at GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    InProgress,
    Success,
    Failure,
    /// The run ended, and what customers get is unknown.
    Error,
    /// The run ended before it changed anything.
    Inactive,
}

impl DeploymentState {
    /// GitHub's word.
    pub fn label(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
            Self::Inactive => "inactive",
        }
    }
}

/// A state of the deployment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentReport {
    /// Identifies the run at GitHub, whichever machine it ran on.
    pub key: String,
    /// 40 hex digits.
    pub commit: String,
    /// Whether customers use the environment.
    pub production: bool,
    pub state: DeploymentState,
    /// The address of the first service.
    pub address: Option<String>,
    /// The address of the CI job that drove the run then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
}

/// The report of a fact to GitHub, if the plan asks for that and the release has a commit. `job`: the address of the CI job
/// that drives the run.
pub fn deployment(view: &RunView, fact: &Fact, job: Option<&str>) -> Option<(Channel, Alert)> {
    let to = view.plan.deployments.as_ref()?;
    let Recorded::Known(event) = &fact.event else { return None };
    let state = if let Event::RunEnded { outcome, .. } = event {
        ended(view, *outcome)?
    } else if matches!(event, Event::RunStarted { .. }) {
        DeploymentState::InProgress
    } else if matches!(event, Event::RunSuperseded { .. }) {
        unfinished(view)
    } else {
        return None;
    };
    let commit = view.plan.commit().map(str::to_owned).or_else(|| view.plan.to_commit.clone())?;
    let (environment, run) = (&view.plan.environment, view.number);
    let text = format!("{environment}: {} (run {run}) {}", view.plan.title(), state.label());
    let key = format!("run/{run}/deployment/{}", state.label());
    let report = DeploymentReport {
        key: format!("{environment} {run} {}", view.started),
        commit,
        production: view.plan.policy.protection == Protection::Typed,
        state,
        address: view.plan.members.first().map(|member| member.url.clone()),
        job: job.map(str::to_owned),
    };
    let alert = Alert::new(Kind::Deployment, key, fact.at, redacted(&text)).about(view);
    Some((Channel::Github(to.clone()), Alert { deployment: Some(Box::new(report)), ..alert }))
}

/// The state of a deployment whose run was ended before its goal.
fn unfinished(view: &RunView) -> DeploymentState {
    if view.touched_traffic() { DeploymentState::Error } else { DeploymentState::Inactive }
}

/// The state of a deployment whose run has ended. `None`: it is no deployment.
fn ended(view: &RunView, outcome: Outcome) -> Option<DeploymentState> {
    Some(match outcome {
        Outcome::Promoted => DeploymentState::Success,
        Outcome::RolledBack if view.plan.kind == RunKind::Rollback => DeploymentState::Success,
        Outcome::RolledBack | Outcome::Failed => DeploymentState::Failure,
        Outcome::Unknown => DeploymentState::Error,
        Outcome::Aborted | Outcome::Superseded => unfinished(view),
        Outcome::CleanedUp | Outcome::Migrated => return None,
    })
}
