//! Plans. A plan is complete: it holds every target, number and address that its run needs, so a
//! run never reads the config again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::alert::{GithubRepository, Notify};
use super::checklist::Item;
use super::endpoint::Endpoint;
use super::error::Problem;
use super::freeze::Freeze;
use super::guard::Overrides;
use super::hash::Hash;
use super::ids::{BuildId, EnvironmentName, ProjectId, ServiceName, StepId};
use super::index::WantedIndexes;
use super::lint_report::LintReport;
use super::migration::{Direction, Migration, Phase, SchemaRange};
use super::pipeline::PipelineOf;
use super::policy::DeployPolicy;
use super::preview::PreviewBy;
use super::probe::HealthWord;
use super::project::Target;
use super::release::{ReleaseLabel, ReleaseName, SchemaVersion};
use super::restore::BackupNeed;
use super::step::{PlannedStep, StepKind};
use super::time::Timestamp;

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunKind {
    /// Builds a release and switches traffic to it.
    Deploy,
    /// Returns traffic to a stable build. Never builds.
    Rollback,
    /// Stops the previous build, and deletes builds that no rollback needs.
    Cleanup,
    /// Changes databases, but no traffic.
    Migrate,
}

impl RunKind {
    /// The label in lists and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Rollback => "rollback",
            Self::Cleanup => "cleanup",
            Self::Migrate => "migrate",
        }
    }
}

/// The health endpoint of a service, and where its answer contains version and revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthEndpoint {
    /// Path of the health endpoint.
    pub path: String,
    /// JSON pointer (RFC 6901) to the release's label in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// JSON pointer to the build id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// The words that count as healthy.
    #[serde(default, skip_serializing_if = "HealthWord::is_default")]
    pub word: HealthWord,
}

/// The source of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A folder or archive, as a URI: `file:///…` on this machine, `gs://…` at Google.
    Archive(String),
    /// A commit of the backend's repository, 40 hex digits.
    Commit(String),
    /// A container image built by another system.
    Image(String),
}

/// One service's part in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub target: Target,
    pub url: String,
    pub health: HealthEndpoint,
    /// The address of a build without traffic, with `{build}` for its id, if the platform does not report one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub green_url: Option<String>,
    /// Pages whose assets are checked after a switch (N15).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pages: Vec<String>,
    /// The source of the candidate. Only in a deploy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The local repository that a commit is taken from, if the platform is on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<String>,
    /// The service's folder inside that repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root_directory: Option<String>,
    /// The build a rollback goes to. Only in a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<BuildId>,
    /// The schema versions that the candidate accepts, by database (N4). Only in a deploy.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accepts: BTreeMap<String, SchemaRange>,
    /// Builds that a clean-up may delete, by name: never "all but".
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obsolete: Vec<BuildId>,
}

impl Member {
    /// The address of a build without traffic, as far as the config defines one.
    pub fn green_at(&self, build: &BuildId, release: Option<&ReleaseLabel>) -> Option<String> {
        let (target, release) = (&self.target, release.map_or("", |release| release.as_str()));
        let words = [
            ("{build}", build.as_str()),
            ("{release}", release),
            ("{backend}", target.backend().as_str()),
            ("{project}", target.project().as_str()),
        ];
        let fill = |text: String, (word, is): (&str, &str)| text.replace(word, is);
        self.green_url.clone().map(|template| words.into_iter().fold(template, fill))
    }

    pub fn service(&self) -> &ServiceName {
        self.target.service()
    }
}

/// A database of the environment, and what the run does to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedDatabase {
    /// Its name in the config: `main`.
    pub name: String,
    /// The environment it belongs to.
    pub environment: EnvironmentName,
    pub project: ProjectId,
    /// Its name in the project: `(default)`.
    pub database: String,
    pub endpoint: Endpoint,
    /// The working folder of migration programs.
    pub folder: String,
    /// The complete migrations that the run's steps refer to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrations: Vec<Migration>,
    /// Maximum documents per commit.
    pub batch: u32,
    /// Maximum documents per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_second: Option<u32>,
    /// What must exist to restore it from before a migration writes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupNeed>,
    /// The indexes that the release needs before it gets traffic, if the config names their file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexes: Option<WantedIndexes>,
}

impl PlannedDatabase {
    pub fn migration(&self, version: &SchemaVersion) -> Option<&Migration> {
        self.migrations.iter().find(|m| &m.version == version)
    }
}

/// The complete intent of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub kind: RunKind,
    pub environment: EnvironmentName,
    /// The release to deploy, or the target of a rollback.
    pub release: Option<ReleaseLabel>,
    /// The commit of a rollback's target, 40 hex digits, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_commit: Option<String>,
    /// The commit time of the release, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed: Option<Timestamp>,
    /// The release that a rollback will mark bad, if known beforehand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<ReleaseLabel>,
    /// The services, in the order their traffic moves.
    pub members: Vec<Member>,
    /// The environment's databases: locked during the run and checked before traffic moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub databases: Vec<PlannedDatabase>,
    /// Whether the run may supersede one whose lease expired (`--take-over`). It never takes a held database lock.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub take_over: bool,
    /// The steps, in order.
    pub steps: Vec<PlannedStep>,
    /// The checklists of its gates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checklist: Vec<Item>,
    /// Lint findings about the files of the builds. None: not linted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lint: Option<LintReport>,
    /// The CI pipeline of its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline: Option<PipelineOf>,
    /// Freezes that block the switch, without overridden ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub freeze: Vec<Freeze>,
    /// Thresholds, timeouts and rules.
    pub policy: DeployPolicy,
    pub endpoint: Endpoint,
    #[serde(default, skip_serializing_if = "Notify::is_empty")]
    pub notify: Notify,
    /// How GREEN gets a preview address, where its platform gives none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewBy>,
    /// The repository to which the run is reported as a deployment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployments: Option<GithubRepository>,
    /// Warnings to show before the run starts, such as an empty submodule or files that are not in the commit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Whether its gates wait for a person while it runs. Otherwise the confirmation before the run approved them all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask_at_gates: bool,
    /// Whether the run waits for people to resolve open items. Otherwise it ends at them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attended: bool,
    /// The guards that a person overrode for this run, each with a reason.
    #[serde(default, skip_serializing_if = "Overrides::is_empty")]
    pub overrides: Overrides,
    /// The reason that a person gave for the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The commit that all candidates are built from, if there is exactly one.
pub(super) fn one_commit(members: &[Member]) -> Option<&str> {
    let mut sources = members.iter().map(|member| member.source.as_ref());
    let first = sources.next()??;
    let Source::Commit(commit) = first else { return None };
    sources.all(|source| source == Some(first)).then_some(commit)
}

impl Plan {
    /// A fingerprint of what the plan does (N9). Reasons, warnings and the presence of people do not change it. An
    /// override does: it allows what the guard would have refused.
    pub fn hash(&self) -> Hash {
        let done = Self {
            reason: None,
            overrides: self.overrides.keys().map(|guard| (*guard, String::new())).collect(),
            freeze: Vec::new(),
            ask_at_gates: false,
            attended: false,
            take_over: false,
            warnings: Vec::new(),
            ..self.clone()
        };
        // A plan is plain data. If it could not be serialized, creating the run would report that.
        let text = serde_json::to_string(&done).unwrap_or_else(|error| error.to_string());
        Hash::of(text.as_bytes())
    }

    /// Refuses a plan with another environment's target, a duplicate service or step, or nothing to do (invariant 6).
    pub fn check(&self) -> Result<(), Problem> {
        for member in &self.members {
            if member.target.environment() != &self.environment {
                return Err(Problem::new(format!(
                    "the plan for {} contains {} of {}",
                    self.environment,
                    member.service(),
                    member.target.environment()
                )));
            }
        }
        if let Some(foreign) = self.databases.iter().find(|d| d.environment != self.environment) {
            let (environment, name) = (&self.environment, &foreign.name);
            let whose = &foreign.environment;
            let what = format!("the plan for {environment} contains database {name} of {whose}");
            return Err(Problem::new(what));
        }
        if (self.members.is_empty() && self.databases.is_empty()) || self.steps.is_empty() {
            return Err(Problem::new("the plan has nothing to do"));
        }
        let mut services: Vec<_> = self.members.iter().map(Member::service).collect();
        let mut steps: Vec<_> = self.steps.iter().map(|s| &s.id).collect();
        services.sort();
        steps.sort();
        if services.windows(2).any(|w| w[0] == w[1]) || steps.windows(2).any(|w| w[0] == w[1]) {
            return Err(Problem::new("the plan names a service or a step twice"));
        }
        Ok(())
    }

    /// The text to type in a typed environment: its name or, if the plan removes what old code needs, that migration,
    /// since it rules out an instant rollback.
    pub fn typed(&self) -> String {
        let contracts = self.steps.iter().rev().find_map(|step| {
            let StepKind::Migrate { database, version, direction: Direction::Up } = &step.kind
            else {
                return None;
            };
            let migration = self.database(database)?.migration(version)?;
            let ends = migration.phase == Phase::Contract;
            ends.then(|| format!("{database}@{version}"))
        });
        contracts.unwrap_or_else(|| self.environment.to_string())
    }

    /// The commit that the plan deploys, if all of it is from one.
    pub fn commit(&self) -> Option<&str> {
        one_commit(&self.members)
    }

    /// The commit of a member's candidate, if known.
    pub fn commit_of(&self, member: &Member) -> Option<String> {
        match &member.source {
            Some(Source::Commit(commit)) => Some(commit.clone()),
            Some(Source::Archive(_) | Source::Image(_)) => None,
            None => self.to_commit.clone(),
        }
    }

    /// The release with its commit, which distinguishes it from others with the same label.
    pub fn name(&self) -> Option<ReleaseName> {
        let commit = self.commit().map(str::to_owned).or_else(|| self.to_commit.clone());
        self.release.clone().map(|label| ReleaseName { label, commit })
    }

    /// A title: `deploy main@1a2b3c4`.
    pub fn title(&self) -> String {
        match self.name() {
            Some(name) => format!("{} {name}", self.kind.label()),
            None => self.kind.label().to_owned(),
        }
    }

    pub fn member(&self, service: &ServiceName) -> Option<&Member> {
        self.members.iter().find(|m| m.service() == service)
    }

    pub fn database(&self, name: &str) -> Option<&PlannedDatabase> {
        self.databases.iter().find(|d| d.name == name)
    }

    /// The step after another one, if there is one.
    pub fn after(&self, step: &StepId) -> Option<StepId> {
        let at = self.steps.iter().position(|s| &s.id == step)?;
        self.steps.get(at + 1).map(|s| s.id.clone())
    }
}
