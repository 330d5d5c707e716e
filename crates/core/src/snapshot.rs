//! A snapshot of an environment as it was observed: neither the intended state nor facts of a
//! run.

use super::error::Problem;
use super::freeze::Freeze;
use super::ids::{BuildId, ServiceName};
use super::migration::{LockState, Row, RowState, SchemaRange};
use super::release::{ReleaseLabel, ReleaseName, SchemaVersion};
use super::step::Side;
use super::view::TrafficState;

/// An environment as it was seen.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct EnvironmentSnapshot {
    /// Its services, in the order their traffic moves.
    pub services: Vec<ServiceSnapshot>,
    /// Its databases; None: not read yet.
    pub databases: Option<Vec<DatabaseSnapshot>>,
    /// Lint findings of its files, if any.
    pub lint: Option<String>,
    /// Freeze windows.
    pub freeze: Vec<Freeze>,
    /// The reason, if the environment could not be read.
    pub unseen: Option<Problem>,
}

/// A database as it was seen.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct DatabaseSnapshot {
    /// Its name in the config.
    pub name: String,
    /// Its name in its project: `toto-f9d2f/(default)`.
    pub place: String,
    /// Every migration, by version; where the database was not seen, the files alone.
    pub rows: Vec<Row>,
    /// The current version; None if unknown.
    pub version: Option<SchemaVersion>,
    /// The migration that is half done.
    pub dirty: Option<SchemaVersion>,
    /// The holder of its lock.
    pub lock: Option<LockState>,
    /// The obstacle to every migration, and its fix.
    pub obstacles: Vec<Problem>,
    /// Ranges that live builds accept: the service, its range, and whether the version is inside.
    pub accepted: Vec<(String, SchemaRange, bool)>,
    /// The effect of a rollback on it, in a sentence.
    pub rollback: String,
    /// The reason, if it could not be read.
    pub unseen: Option<Problem>,
}

impl DatabaseSnapshot {
    /// The migrations that are to be done.
    pub fn pending(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| matches!(r.state, RowState::Pending | RowState::OutOfOrder))
    }
}

/// A service as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ServiceSnapshot {
    pub service: ServiceName,
    pub url: String,
    /// The build that has all of its traffic.
    pub live: Option<BuildSnapshot>,
    /// Its traffic in full: what is split is not nothing.
    pub traffic: TrafficState,
    /// Whether automatic rollouts are held back: a push deploys nothing until a run is promoted, or a person
    /// allows them again.
    pub rollouts_held: bool,
    /// The role of that in the run under way; blue where there is none.
    pub side: Side,
    /// The candidate of the run under way, while it has no traffic.
    pub green: Option<BuildSnapshot>,
    /// What served when the run under way began, while it serves no more.
    pub blue: Option<BuildSnapshot>,
    /// Whether the platform tells each build its id, so that an answer can name it.
    pub tells_revision: bool,
    pub health: Health,
    /// What the current run found wrong with the live build. One good answer does not outweigh it.
    pub found: Option<String>,
    /// The rollback target.
    pub rollback: Readiness,
}

/// A build as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BuildSnapshot {
    /// Its release, where it is known.
    pub release: Option<ReleaseLabel>,
    /// The commit it was made from, where that is known.
    pub commit: Option<String>,
    pub build: BuildId,
    /// The platform's word for its state, or `gone`.
    pub state: String,
    /// Its own address, where it has one.
    pub preview: Option<String>,
}

impl ServiceSnapshot {
    /// The live release, or what is known of the traffic instead.
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
    /// Its release with the commit, as people tell it from others of the same label.
    pub fn name(&self) -> Option<ReleaseName> {
        let commit = self.commit.clone();
        self.release.clone().map(|label| ReleaseName { label, commit })
    }
}

/// The answer to one probe, which is not a verdict.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Health {
    /// It said it is healthy.
    Ok,
    /// It said so just now, and the run under way found it unwell over many answers.
    Degraded(String),
    /// It answered badly or not at all.
    Down(String),
    /// We could not ask.
    Stale(String),
    /// No build is live, so there is no service to probe.
    Off,
    /// The service was not probed yet. That is unknown, and not stale.
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

/// Whether a rollback could go now.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Readiness {
    pub target: Option<ReleaseName>,
    /// The target build of the service.
    pub build: Option<BuildId>,
    /// The reason, if there is none.
    pub why: Option<String>,
}
