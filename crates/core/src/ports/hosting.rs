//! A hosting platform in the shape of App Hosting: builds without traffic, and traffic that is set
//! to a build. There is no toggle.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use super::BoxFuture;
use crate::error::Problem;
use crate::event::Split;
use crate::ids::{BuildId, RolloutId};
use crate::migration::SchemaRange;
use crate::plan::{Member, Source};
use crate::project::Target;
use crate::release::ReleaseLabel;
use crate::step::Failure;
use crate::time::Timestamp;

/// The platform's own reason for refusing a call, as far as the code decides by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostingReason {
    /// The resource does not exist.
    NotFound,
    /// The resource exists already.
    AlreadyExists,
    /// The platform has no such method.
    Unimplemented,
    /// Any other reason: no code depends on it.
    Other,
}

/// A failed call to the platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostingError {
    /// For people. No code decides by its text.
    pub problem: Problem,
    /// Whether a retry may help.
    pub class: Failure,
    pub reason: HostingReason,
}

impl HostingError {
    /// A failure whose reason no code depends on.
    pub fn new(problem: Problem, class: Failure) -> Self {
        Self { problem, class, reason: HostingReason::Other }
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
    /// Cannot, and never will.
    Unusable,
}

/// A build as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    pub id: BuildId,
    /// Its state.
    pub state: BuildState,
    /// The platform's own word for that.
    pub state_word: String,
    /// Its release, if it was made by us.
    pub release: Option<ReleaseLabel>,
    /// The commit it was built from, 40 hex digits, if the platform reports it.
    pub commit: Option<String>,
    /// Creation time, if the platform reports it.
    pub created: Option<Timestamp>,
    /// The database versions that its code accepts, if declared (N4).
    pub accepts: BTreeMap<String, SchemaRange>,
    /// Its own address, if the platform gives it one.
    pub preview: Option<String>,
    /// The names of the variables it was made with, where the platform tells.
    pub bound: Option<BTreeSet<String>>,
    /// The reason why it is unusable, down to the service's log line.
    pub problem: Option<Problem>,
}

/// A problem of a public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainTrouble {
    /// A sentence with the platform's words.
    pub what: String,
    /// Severity.
    pub kind: TroubleKind,
}

/// The severity of an address problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TroubleKind {
    /// Customers cannot come by it.
    Broken,
    /// It has no certificate yet: customers are not expected there.
    SetUp,
    /// Its certificate ends soon.
    CertificateEnds,
    Odd,
}

/// The traffic of a backend as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The parts that get any traffic.
    pub splits: Vec<Split>,
    /// Whether the platform is still moving towards something else.
    pub moving: bool,
    /// The rollouts that were ordered and are not over, newest first.
    pub unfinished: Vec<RolloutId>,
    /// Whether anything else may begin one.
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
    /// A run holds them.
    Held {
        /// This was the policy before.
        policy: String,
    },
}

impl Traffic {
    /// The build that serves everything, if one does.
    pub fn whole(&self) -> Option<&BuildId> {
        self.splits.iter().find(|s| s.percent == 100).map(|s| &s.build)
    }
}

/// The request for a new build.
#[derive(Debug, Clone)]
pub struct NewBuild {
    pub id: BuildId,
    /// Makes a repeated call harmless.
    pub request_id: String,
    pub release: ReleaseLabel,
    /// Its source.
    pub source: Source,
    /// The database versions that its code accepts.
    pub accepts: BTreeMap<String, SchemaRange>,
}

/// The build that should get all traffic.
#[derive(Debug, Clone)]
pub struct NewRollout {
    /// The rollout's id, ours.
    pub id: RolloutId,
    /// Makes a repeated call harmless.
    pub request_id: String,
    pub build: BuildId,
}

/// Some lines of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogPart {
    /// The lines, as they were written.
    pub lines: Vec<String>,
    /// The position behind them.
    pub next: u64,
}

/// A platform in App Hosting's shape.
pub trait Hosting: Send + Sync {
    /// Makes the service's backend exist where that is ours to do (the emulator's), and checks that
    /// it is the one the plan means.
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()>;
    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic>;
    /// One build; `None` if there is none of that id.
    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>>;
    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>>;
    /// Asks for a build. Returns when the platform has taken the order, not when it is done.
    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()>;
    /// Makes a build the active one, and returns when the platform's own traffic shows it. Always
    /// orders a rollout: one that was ordered before may still be under way, and lands before it.
    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic>;
    /// Disables or restores automatic rollouts.
    /// Returns when it was read back.
    fn hold_rollouts<'a>(
        &'a self,
        target: &'a Target,
        policy: &'a str,
        hold: bool,
    ) -> Answer<'a, ()>;
    /// What is wrong with the addresses that customers use, as the platform says. Nothing where it says nothing.
    fn domain_troubles<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<DomainTrouble>>;
    /// Stops a build's processes after its last requests, or after `drain`; it stays and can be
    /// started again. `false`: the platform has nothing to stop.
    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        drain: Duration,
    ) -> Answer<'a, bool>;
    /// Deletes a build. Of a build that is gone already, nothing.
    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()>;
    /// What a build and its service wrote since a position; nothing where the platform keeps that
    /// elsewhere.
    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart>;
    /// Whether that is of the making of builds alone, and comes some seconds after it was said.
    fn logs_builds_alone(&self) -> bool {
        false
    }
    /// Whether the platform puts the build id into the service's `K_REVISION`.
    fn tells_revision(&self) -> bool;
    /// Delay before the next poll, given the number of polls so far.
    fn poll_after(&self, looks: u32) -> Duration;
}
