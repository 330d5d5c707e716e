//! A hosting platform modelled on App Hosting: builds without traffic, and traffic that is
//! set to a build. There is no toggle.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::BoxFuture;
use super::previews::Previews;
use super::runtime::Runtime;
use super::shares::Shares;
use crate::build_config::{BuildConfig, SecretRef};
use crate::error::Problem;
use crate::event::Split;
use crate::google_api::GoogleApi;
use crate::google_write::GoogleWrite;
use crate::health::Revision;
use crate::ids::{BuildId, RolloutId};
use crate::migration::SchemaRange;
use crate::plan::{Member, Source};
use crate::project::Target;
use crate::release::ReleaseLabel;
use crate::secret::SecretLook;
use crate::serving::RunTraffic;
use crate::step::Failure;
use crate::time::Timestamp;

/// The platform's reason for refusing a call, as far as code depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostingReason {
    /// The resource does not exist.
    NotFound,
    /// The resource exists already.
    AlreadyExists,
    /// The platform is busy with another change of the same resource.
    Busy,
    /// The platform has no such method.
    Unimplemented,
    /// The caller may not do that, or the API is not enabled.
    Forbidden,
    /// Any other reason: no code depends on it.
    Other,
}

/// A failed call to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostingError {
    /// For people. No code depends on its text.
    pub problem: Problem,
    /// Whether a retry may help.
    pub class: Failure,
    pub reason: HostingReason,
    /// The API that refused, if one did.
    pub api: Option<GoogleApi>,
}

impl HostingError {
    /// A failure whose reason no code depends on.
    pub fn new(problem: Problem, class: Failure) -> Self {
        Self { problem, class, reason: HostingReason::Other, api: None }
    }

    /// The role that the caller lacks to read it, if that is why. `called`: the API to name if the error names none.
    pub fn lacks(&self, called: GoogleApi) -> Option<&'static str> {
        (self.reason == HostingReason::Forbidden).then(|| self.api.unwrap_or(called).role())
    }
}

impl fmt::Display for HostingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for HostingError {}

/// The result of a call.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, HostingError>>;

/// The state of a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildState {
    Working,
    Ready,
    /// It cannot become live, now or later.
    Unusable,
}

/// A build as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    pub id: BuildId,
    pub state: BuildState,
    /// The platform's word for the state.
    pub state_word: String,
    /// Its release, if Pointsman created the build.
    pub release: Option<ReleaseLabel>,
    /// The commit it was built from, 40 hex digits, if the platform reports it.
    pub commit: Option<String>,
    /// Creation time, if the platform reports it.
    pub created: Option<Timestamp>,
    /// The database versions that its code accepts, if declared (N4).
    pub accepts: BTreeMap<String, SchemaRange>,
    /// Its preview address, if the platform provides one.
    pub preview: Option<String>,
    /// What it carries besides its code, as far as the platform reports it.
    pub config: BuildConfig,
    /// The reason why it is unusable, down to the service's log line.
    pub problem: Option<Problem>,
}

/// A problem of a public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainTrouble {
    /// The problem in one sentence, with the platform's words.
    pub what: String,
    pub kind: TroubleKind,
}

/// The severity of an address problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// Customers cannot reach the service at this address.
    Broken,
    /// It has no certificate yet: no customers are expected there.
    SetUp,
    /// Its certificate expires soon.
    CertificateEnds,
    Odd,
}

/// The traffic of a backend as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The builds that get traffic, with their shares.
    pub splits: Vec<Split>,
    /// Whether a change of the traffic is still in progress; also where a rollout has not ended.
    pub moving: bool,
    /// The requested rollouts that have not ended, newest first.
    pub unfinished: Vec<RolloutId>,
    /// Whether the platform may start rollouts by itself.
    pub automatic: Automatic,
}

/// Rollouts that the platform starts on every push. The policy is kept as the platform
/// wrote it, so that it can be restored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Automatic {
    #[default]
    Off,
    On {
        policy: String,
    },
    /// A run has disabled them.
    Held {
        /// The policy to restore.
        policy: String,
    },
}

impl Automatic {
    /// The branch whose pushes are not built because a run has disabled that.
    pub fn held_branch(&self) -> Option<String> {
        let Self::Held { policy } = self else { return None };
        let policy: serde_json::Value = serde_json::from_str(policy).ok()?;
        policy["codebaseBranch"].as_str().filter(|branch| !branch.is_empty()).map(str::to_owned)
    }
}

impl Traffic {
    /// The build that has all traffic, if one does.
    pub fn whole(&self) -> Option<&BuildId> {
        self.splits.iter().find(|s| s.percent == 100).map(|s| &s.build)
    }

    /// Whether a build is among those that get traffic.
    pub fn gives(&self, build: &BuildId) -> bool {
        self.splits.iter().any(|split| split.build == *build)
    }
}

/// The request for a new build.
#[derive(Debug, Clone)]
pub struct NewBuild {
    pub id: BuildId,
    /// Makes a repeated call harmless.
    pub request_id: String,
    pub release: ReleaseLabel,
    pub source: Source,
    /// The database versions that its code accepts.
    pub accepts: BTreeMap<String, SchemaRange>,
}

/// The build that should get all traffic.
#[derive(Debug, Clone)]
pub struct NewRollout {
    /// The rollout's id, chosen by Pointsman.
    pub id: RolloutId,
    /// Makes a repeated call harmless.
    pub request_id: String,
    pub build: BuildId,
    /// The traffic that the decision rests on. A platform that can compare changes no other. `None`: a rollback takes the
    /// traffic whatever it is.
    pub found: Option<Vec<Split>>,
}

/// Some lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPart {
    pub lines: Vec<String>,
    /// The position to continue from.
    pub next: u64,
}

/// A hosting platform modelled on App Hosting.
pub trait Hosting: Send + Sync {
    /// Creates the service's backend where Pointsman manages it (in the emulator), and checks
    /// that it is the one in the plan.
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()>;
    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic>;
    /// Whether the backend lacks an environment name. App Hosting then never reads `apphosting.ENVIRONMENT.yaml`.
    fn lacks_environment<'a>(&'a self, target: &'a Target) -> Answer<'a, bool> {
        let _ = target;
        Box::pin(async { Ok(false) })
    }
    /// One build; `None` if there is none with that id.
    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>>;
    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>>;
    /// Requests a build. Returns once the platform has accepted the request, not when the build is done.
    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()>;
    /// Makes a build live, and returns once the platform's traffic shows it. Always requests a rollout: an earlier one
    /// may still be in progress, and takes effect before this one.
    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic>;
    /// Disables or restores automatic rollouts. Returns once the change was read back.
    fn hold_rollouts<'a>(
        &'a self,
        target: &'a Target,
        policy: &'a str,
        hold: bool,
    ) -> Answer<'a, ()>;
    /// Problems of the addresses that customers use, as reported by the platform. Empty if it reports none.
    fn domain_troubles<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<DomainTrouble>>;
    /// Stops a build's processes after its last requests, or after `drain`. The build is kept and can be started
    /// again. `false`: the platform has nothing to stop.
    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        drain: Duration,
    ) -> Answer<'a, bool>;
    /// Deletes a build. Does nothing if the build does not exist.
    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()>;
    /// The log of a build and its service since a position. Empty if the platform keeps logs elsewhere.
    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart>;
    /// Whether [`Self::log`] covers only the making of builds, and arrives some seconds late.
    fn logs_builds_alone(&self) -> bool {
        false
    }
    /// Whether [`Self::log`] contains what a running build logs.
    fn logs_services(&self) -> bool {
        false
    }
    /// A secret that builds of a backend read. `None`: the platform has no secrets to ask about. `recent`: what was read
    /// in the last minute will do.
    fn secret<'a>(
        &'a self,
        target: &'a Target,
        secret: &'a SecretRef,
        recent: bool,
    ) -> Answer<'a, Option<SecretLook>> {
        let _ = (target, secret, recent);
        Box::pin(async { Ok(None) })
    }
    /// Whether the caller may make a kind of change in a project: at this target, where the platform has roles for that.
    /// `None`: the platform cannot say.
    fn may_change<'a>(
        &'a self,
        write: GoogleWrite,
        project: &'a str,
        target: &'a Target,
    ) -> Answer<'a, Option<bool>> {
        let _ = (write, project, target);
        Box::pin(async { Ok(None) })
    }
    /// Where the Cloud Run service below the platform sends traffic. `None`: there is none below this platform.
    fn run_traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Option<RunTraffic>> {
        let _ = target;
        Box::pin(async { Ok(None) })
    }
    /// Its preview addresses. `None`: it gives none on request.
    fn previews(&self) -> Option<&dyn Previews> {
        None
    }
    /// Its traffic in shares. `None`: one build has all of it.
    fn shares(&self) -> Option<&dyn Shares> {
        None
    }
    /// Its logs and figures of running builds. `None`: it keeps none.
    fn runtime(&self) -> Option<&dyn Runtime> {
        None
    }
    /// The value that the platform gives a build in `K_REVISION`, so that its answers can contain it.
    fn revision(&self, target: &Target, build: &BuildId) -> Option<Revision>;
    /// Delay before the next poll, given the number of polls so far.
    fn poll_after(&self, looks: u32) -> Duration;
}
