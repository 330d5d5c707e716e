//! A snapshot of an environment as it was observed: neither the intended state nor facts of a
//! run.

use super::error::Problem;
use super::freeze::Freeze;
use super::ids::{BuildId, ServiceName};
use super::migration::{LockSeen, Row, RowState, SchemaRange};
use super::release::{ReleaseLabel, ReleaseName, SchemaVersion};
use super::step::Side;
use super::view::TrafficSeen;

/// An environment as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentSeen {
    /// Its services, in the order their traffic moves.
    pub services: Vec<ServiceSeen>,
    /// Its databases; None: not read yet.
    pub databases: Option<Vec<DatabaseSeen>>,
    /// What the lint says of its files, if it says anything.
    pub lint: Option<String>,
    /// When nothing is deployed.
    pub freeze: Vec<Freeze>,
    /// Why nothing could be seen, if nothing could.
    pub unseen: Option<Problem>,
}

/// A database as it was seen.
#[derive(Debug, Clone, PartialEq)]
pub struct DatabaseSeen {
    /// Its name in the config.
    pub name: String,
    /// What it is known as at its project: `toto-f9d2f/(default)`.
    pub place: String,
    /// Every migration, by version; where the database was not seen, the files alone.
    pub rows: Vec<Row>,
    /// The current version; None if unknown.
    pub version: Option<SchemaVersion>,
    /// The migration that is half done.
    pub dirty: Option<SchemaVersion>,
    /// Who holds its lock.
    pub lock: Option<LockSeen>,
    /// What blocks every migration of it, and how to fix that.
    pub obstacles: Vec<Problem>,
    /// Ranges that live builds accept: the service, its range, and whether the version is inside.
    pub accepted: Vec<(String, SchemaRange, bool)>,
    /// What a rollback would do to it, in a sentence.
    pub rollback: String,
    /// Why it could not be seen, if it could not.
    pub unseen: Option<Problem>,
}

impl DatabaseSeen {
    /// The migrations that are to be done.
    pub fn pending(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|r| matches!(r.state, RowState::Pending | RowState::OutOfOrder))
    }
}

/// A service as it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceSeen {
    /// Its name.
    pub service: ServiceName,
    /// Its public address.
    pub url: String,
    /// The build that has all of its traffic.
    pub live: Option<BuildSeen>,
    /// Its traffic in full: what is split is not nothing.
    pub traffic: TrafficSeen,
    /// Whether automatic rollouts are held back: a push deploys nothing until a run is promoted, or a person
    /// allows them again.
    pub rollouts_held: bool,
    /// The role of that in the run under way; blue where there is none.
    pub side: Side,
    /// The candidate of the run under way, while it has no traffic.
    pub green: Option<BuildSeen>,
    /// What served when the run under way began, while it serves no more.
    pub blue: Option<BuildSeen>,
    /// Whether the platform tells each build its id, so that an answer can name it.
    pub tells_revision: bool,
    /// What it answered.
    pub health: Health,
    /// What the current run found wrong with the live build. One good answer does not outweigh it.
    pub found: Option<String>,
    /// What a rollback would go to.
    pub rollback: Readiness,
}

/// A build as the platform reports it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSeen {
    /// Its release, where it is known.
    pub release: Option<ReleaseLabel>,
    /// The commit it was made from, where that is known.
    pub commit: Option<String>,
    /// Its id.
    pub build: BuildId,
    /// The platform's word for its state, or `gone`.
    pub state: String,
    /// Its own address, where it has one.
    pub preview: Option<String>,
}

impl ServiceSeen {
    /// The live release, or what is known of the traffic instead.
    pub fn live_name(&self) -> String {
        match (&self.live, &self.traffic) {
            (Some(live), _) => match live.name() {
                Some(name) => format!("{name} ({})", live.build),
                None => live.build.to_string(),
            },
            (None, TrafficSeen::Unknown) => "unknown".to_owned(),
            (None, TrafficSeen::Split(_)) => format!("SPLIT: {}", self.traffic),
            (None, _) => "no build is live".to_owned(),
        }
    }
}

impl BuildSeen {
    /// Its release with the commit, as people tell it from others of the same label.
    pub fn name(&self) -> Option<ReleaseName> {
        let commit = self.commit.clone();
        self.release.clone().map(|label| ReleaseName { label, commit })
    }
}

/// What a service answered to one question. One answer is no verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    pub fn word(&self) -> &'static str {
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// To which release.
    pub target: Option<ReleaseName>,
    /// To which build of the service.
    pub build: Option<BuildId>,
    /// Why not, if it could not.
    pub why: Option<String>,
}
