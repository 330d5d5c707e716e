//! The keys of an environment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deploy::DeployConfig;
use super::people::{ApprovalsConfig, MayConfig};
use super::platform::PlatformConfig;
use super::probe::{ProbeConfig, WatchConfig};
use pointsman_core::policy::Protection;

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// The confirmation that a change needs: `open`, `confirm` or `typed`.
    pub protection: Protection,
    /// Environment on which a release must have been promoted before it is deployed here.
    #[serde(default)]
    pub promote_from: Option<String>,
    /// Where the services run.
    pub platform: PlatformConfig,
    /// Services of the environment and their public addresses.
    pub services: BTreeMap<String, PlacedServiceConfig>,
    /// Databases with migrations.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Overrides of the top-level `deploy`.
    #[serde(default)]
    pub deploy: DeployConfig,
    /// Name or address of the dashboard, for the handover.
    #[serde(default)]
    pub monitoring: Option<String>,
    /// Probes of the environment's services.
    #[serde(default)]
    pub watch: WatchConfig,
    /// Additional probes, of dependencies for example.
    #[serde(default)]
    pub probes: Vec<ProbeConfig>,
    /// Control probes: if none answers, this machine's own network is down. `https://…` or `tcp://host:port`.
    #[serde(default)]
    pub control: Vec<String>,
    /// The CI pipeline that tests a release.
    #[serde(default)]
    pub pipeline: Option<PipelineConfig>,
    /// Approvals that a switch of traffic needs.
    #[serde(default)]
    pub approvals: Option<ApprovalsConfig>,
    /// Who may do what.
    #[serde(default)]
    pub may: MayConfig,
    /// Maintenance windows in which deploys are refused. Rollbacks are not affected.
    #[serde(default)]
    pub freeze: Vec<FreezeConfig>,
}

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedServiceConfig {
    /// Public address.
    pub url: String,
    /// Firebase project, if not that of the platform.
    #[serde(default)]
    pub project: Option<String>,
    /// Backend, if not that of the service.
    #[serde(default)]
    pub backend: Option<String>,
    /// Address of a build without traffic, if the platform does not report one. Placeholders: `{build}`, `{release}`,
    /// `{backend}` and `{project}`.
    #[serde(default)]
    pub green_url: Option<String>,
}

/// The kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DatabaseKind {
    /// Cloud Firestore.
    Firestore,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    /// Kind of database.
    pub kind: DatabaseKind,
    /// Firebase project.
    pub project: String,
    /// `emulator`, or left out for Google's.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Folder of the migration files, relative to this file.
    pub migrations: String,
    /// Name of the database in the project.
    #[serde(default)]
    pub database: Option<String>,
    /// Maximum documents of a migration per commit.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub batch: Option<u32>,
    /// Maximum documents of a migration per second.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_second: Option<u32>,
    /// What must exist to restore it from before a migration writes.
    #[serde(default)]
    pub backup: Option<BackupConfig>,
    /// The `firestore.indexes.json` of the firebase CLI, relative to this file. A release gets traffic once the indexes of
    /// its commit can be used.
    #[serde(default)]
    pub indexes: Option<String>,
}

/// What a database must be restorable from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// `pitr` for point-in-time recovery, or the greatest age of the latest backup: `24h`.
    pub required: String,
}

/// The kinds of pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PipelineKind {
    /// GitHub Actions.
    Github,
    /// Jobs of this file, run here.
    Local,
}

/// The CI pipeline that tests a release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Kind of pipeline: `github`, or `local` for jobs on this machine.
    pub kind: PipelineKind,
    /// With `github`: owner/name.
    #[serde(default)]
    pub repository: Option<String>,
    /// With `github`: the workflow's file.
    #[serde(default)]
    pub workflow: Option<String>,
    /// With `github`: the branch.
    #[serde(default)]
    pub branch: Option<String>,
    /// The environment variable that holds the token.
    #[serde(default)]
    pub token_env: Option<String>,
    /// With `github`: the API of another server than github.com.
    #[serde(default)]
    pub api: Option<String>,
    /// With `github`: whether runs appear there as deployments of their commit, with their states.
    #[serde(default)]
    pub deployments: bool,
    /// With `local`: the jobs.
    #[serde(default)]
    pub jobs: BTreeMap<String, JobConfig>,
}

/// A job of a local pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// Jobs that must pass first.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Runs once for each value; `{matrix}` in a step is replaced by it.
    #[serde(default)]
    pub matrix: Vec<String>,
    /// Program and arguments of each step.
    pub steps: Vec<Vec<String>>,
}

/// A maintenance window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeConfig {
    /// Name.
    pub name: String,
    /// Start: `Fri 16:00`; daily: `22:00`; a date: `2026-12-20` or `2026-12-20 16:00`.
    #[serde(default)]
    pub from: Option<String>,
    /// End, in the same form as the start. A date without a time is frozen to its end.
    #[serde(default)]
    pub to: Option<String>,
    /// Instead of both: an iCalendar file, relative to this file, or its address, or `$NAME` of a variable that holds the
    /// address. Each of its events is a freeze.
    #[serde(default)]
    pub calendar: Option<String>,
    /// IANA time zone, such as `Europe/Madrid`; with `calendar`, that of times without one.
    pub zone: String,
    /// The services that are frozen; without it, all of them, and the databases.
    #[serde(default)]
    pub services: Vec<String>,
}
