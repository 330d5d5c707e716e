//! A snapshot of an environment as it was observed: neither the intended state nor facts of a
//! run.

use super::error::Problem;
use super::freeze::Freeze;
use super::health::{Revision, Verdict};
use super::ids::{BuildId, ServiceName};
use super::index::IndexComparison;
use super::lint_report::LintFinding;
use super::migration::{LockState, Row, RowState, SchemaRange};
use super::release::{ReleaseLabel, ReleaseName, SchemaVersion};
use super::rules_test::RulesTest;
use super::step::Side;
use super::view::TrafficState;

/// An environment as observed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EnvironmentSnapshot {
    /// Its services, in the order their traffic moves.
    pub services: Vec<ServiceSnapshot>,
    /// Its databases; None: not read yet.
    pub databases: Option<Vec<DatabaseSnapshot>>,
    /// The number of errors and warnings in its files, in words; `None` if there are none.
    pub lint: Option<String>,
    /// What lint found, each with its place.
    #[serde(default)]
    pub findings: Vec<LintFinding>,
    /// Freeze windows.
    pub freeze: Vec<Freeze>,
    /// The reason, if the environment could not be read.
    pub unseen: Option<Problem>,
}

impl EnvironmentSnapshot {
    /// What its platform said. Its databases and its files are read apart: they are still unknown.
    pub fn new(
        services: Vec<ServiceSnapshot>,
        freeze: Vec<Freeze>,
        unseen: Option<Problem>,
    ) -> Self {
        Self { services, databases: None, lint: None, findings: Vec::new(), freeze, unseen }
    }
}

/// A database as observed.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DatabaseSnapshot {
    /// Its name in the config.
    pub name: String,
    /// Its name in its project: `toto-f9d2f/(default)`.
    pub place: String,
    /// Every migration, by version. If the database was not read, only those with a file.
    pub rows: Vec<Row>,
    /// The current version; None if unknown.
    pub version: Option<SchemaVersion>,
    /// The half-done migration, if there is one.
    pub dirty: Option<SchemaVersion>,
    /// The holder of its lock.
    pub lock: Option<LockState>,
    /// The obstacles to every migration, each with its fix.
    pub obstacles: Vec<Problem>,
    /// Ranges that live builds accept: the service, its range, and whether the version is inside.
    pub accepted: Vec<(String, SchemaRange, bool)>,
    /// The effect of a rollback on it, in a sentence.
    pub rollback: String,
    /// Its indexes beside those of the team's file. `None`: the config names no file, or its server has no indexes.
    #[serde(default)]
    pub indexes: Option<Evidence<IndexComparison>>,
    /// Whether its rules protect the records of migrations. `None`: its server has no rules.
    #[serde(default)]
    pub rules: Option<Evidence<RulesTest>>,
    /// The reason, if it could not be read.
    pub unseen: Option<Problem>,
}

/// An optional piece of information: nothing depends on it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence<T> {
    Known(T),
    /// The reason why it is unknown.
    Unknown(String),
}

impl<T> Evidence<T> {
    /// Changes what is known.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Evidence<U> {
        match self {
            Self::Known(known) => Evidence::Known(change(known)),
            Self::Unknown(why) => Evidence::Unknown(why),
        }
    }
}

impl DatabaseSnapshot {
    /// What the evidence about it says, each with whether it is good, bad or unknown.
    pub fn evidence(&self) -> Vec<(Verdict, String)> {
        let mut said = Vec::new();
        match &self.indexes {
            None => {}
            Some(Evidence::Known(compared)) => said.push((compared.verdict(), compared.sentence())),
            Some(Evidence::Unknown(why)) => {
                said.push((Verdict::Inconclusive, format!("indexes unknown: {why}")));
            }
        }
        match &self.rules {
            None => {}
            Some(Evidence::Unknown(why)) => {
                said.push((Verdict::Inconclusive, format!("rules unknown: {why}")));
            }
            Some(Evidence::Known(tested)) => match tested.problem(&self.name) {
                Some(problem) => said.push((tested.verdict(), problem.to_string())),
                None => said.push((tested.verdict(), tested.sentence().to_owned())),
            },
        }
        said
    }

    /// The migrations that are not applied yet.
    pub fn pending(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| matches!(r.state, RowState::Pending | RowState::OutOfOrder))
    }
}

/// A service as observed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceSnapshot {
    pub service: ServiceName,
    pub url: String,
    /// The build that has all of its traffic.
    pub live: Option<BuildSnapshot>,
    /// Its complete traffic, which may be split.
    pub traffic: TrafficState,
    /// Whether automatic rollouts are disabled: a push deploys nothing until a run is
    /// promoted, or a person allows them again.
    pub rollouts_held: bool,
    /// The role of the live build in the latest run, which it keeps until the next one; blue if there is no run.
    pub side: Side,
    /// The candidate of the current run, while it is not live.
    pub green: Option<BuildSnapshot>,
    /// The build that was live when the current run started, once it is no longer live.
    pub blue: Option<BuildSnapshot>,
    pub health: Health,
    /// What the current run found wrong with the live build. One good answer does not outweigh it.
    pub found: Option<String>,
    /// The rollback target.
    pub rollback: Readiness,
}

/// A build as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BuildSnapshot {
    /// The release, if known.
    pub release: Option<ReleaseLabel>,
    /// The revision that its answers contain, if the platform tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// The commit it was built from, if known.
    pub commit: Option<String>,
    pub build: BuildId,
    /// The platform's word for its state, or `gone`.
    pub state: String,
    /// Its preview address, if it has one.
    pub preview: Option<String>,
}

impl ServiceSnapshot {
    /// The live release without its build: `1.4.1`, or else what is known about the traffic.
    pub fn release(&self) -> String {
        match (&self.live, &self.traffic) {
            (Some(build), _) => {
                build.name().map_or_else(|| build.build.to_string(), |name| name.to_string())
            }
            (None, TrafficState::Split(_)) => "SPLIT".to_owned(),
            (None, TrafficState::Unknown) => "unknown".to_owned(),
            (None, TrafficState::None | TrafficState::Whole(_)) => "no build".to_owned(),
        }
    }

    /// The live release, or else what is known about the traffic.
    pub fn live_name(&self) -> String {
        match (&self.live, &self.traffic) {
            (Some(live), _) => match live.name() {
                Some(name) => format!("{name} ({})", live.build),
                None => live.build.to_string(),
            },
            (None, TrafficState::Unknown) => "unknown".to_owned(),
            (None, TrafficState::Split(_)) => format!("SPLIT: {}", self.traffic),
            (None, _) => "no build is live".to_owned(),
        }
    }
}

impl BuildSnapshot {
    /// The release with its commit, which distinguishes it from others with the same label.
    pub fn name(&self) -> Option<ReleaseName> {
        let commit = self.commit.clone();
        self.release.clone().map(|label| ReleaseName { label, commit })
    }
}

/// The answer to one probe, which is not a verdict.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Health {
    /// The service reported that it is healthy.
    Ok,
    /// The service reported that it is healthy, but the current run found it unhealthy over many answers.
    Degraded(String),
    /// The service gave a bad answer, or none.
    Down(String),
    /// We could not probe.
    Stale(String),
    /// No build is live, so there is no service to probe.
    Off,
    /// The service was not probed yet, which is unknown rather than stale.
    NotAsked,
}

impl Health {
    /// One word for lists and JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded(_) => "degraded",
            Self::Down(_) => "down",
            Self::Stale(_) => "stale",
            Self::Off => "off",
            Self::NotAsked => "unknown",
        }
    }
}

/// Whether a rollback is possible now.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Readiness {
    pub target: Option<ReleaseName>,
    /// The target build of the service.
    pub build: Option<BuildId>,
    /// The reason, if there is no target.
    pub why: Option<String>,
    /// Why the target's build may not start again, such as a destroyed secret. Running instances keep serving, so that
    /// a rollback is still possible.
    #[serde(default)]
    pub faults: Vec<String>,
}

impl Readiness {
    /// No target, with the reason.
    pub fn none(why: String) -> Self {
        Self { why: Some(why), ..Self::default() }
    }

    /// Everything that speaks against it, in one sentence.
    pub fn against(&self) -> Option<String> {
        let all: Vec<&str> = self.why.iter().chain(&self.faults).map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}
