//! The keys of an environment.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deploy::DeployConfig;
use super::platform::PlatformConfig;
use super::probe::{ProbeConfig, WatchConfig};
use pointsman_core::policy::Protection;

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// The confirmation that a change needs: `open`, `confirm` or `typed`.
    pub protection: Protection,
    /// The environment a release must have been promoted on before.
    #[serde(default)]
    pub promote_from: Option<String>,
    /// The platform.
    pub platform: PlatformConfig,
    /// Its services and their public addresses.
    pub services: BTreeMap<String, PlacedServiceConfig>,
    /// Its databases.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// Overrides of the general `deploy` settings.
    #[serde(default)]
    pub deploy: DeployConfig,
    /// The name or address of its dashboard.
    #[serde(default)]
    pub monitoring: Option<String>,
    /// Probe settings of its services.
    #[serde(default)]
    pub watch: WatchConfig,
    /// Additional probes.
    #[serde(default)]
    pub probes: Vec<ProbeConfig>,
    /// Control probes: if none answers, our own network is down. `https://…` or `tcp://host:port`.
    #[serde(default)]
    pub control: Vec<String>,
    /// The CI pipeline that tests a release.
    #[serde(default)]
    pub pipeline: Option<PipelineConfig>,
    /// Freeze windows.
    #[serde(default)]
    pub freeze: Vec<FreezeConfig>,
}

/// A service in an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlacedServiceConfig {
    /// Its public address.
    pub url: String,
    /// Its project, if not the platform's.
    #[serde(default)]
    pub project: Option<String>,
    /// Its backend, if not the service's.
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
    /// Which kind.
    pub kind: DatabaseKind,
    /// Its project.
    pub project: String,
    /// `emulator`, or left out for Google's.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The folder of its migrations.
    pub migrations: String,
    /// Its own name in the project; `(default)` if left out.
    #[serde(default)]
    pub database: Option<String>,
    /// Maximum documents of a migration per commit; 300 by default.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub batch: Option<u32>,
    /// Maximum documents of a migration per second.
    #[serde(default)]
    #[schemars(range(min = 1))]
    pub per_second: Option<u32>,
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
    /// Which kind.
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
    /// With `local`: the jobs.
    #[serde(default)]
    pub jobs: BTreeMap<String, JobConfig>,
}

/// A job of a local pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JobConfig {
    /// The jobs before it.
    #[serde(default)]
    pub needs: Vec<String>,
    /// Runs once for each value; `{matrix}` in a step is replaced by it.
    #[serde(default)]
    pub matrix: Vec<String>,
    /// Program and arguments of each step.
    pub steps: Vec<Vec<String>>,
}

/// A time in which nothing is deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FreezeConfig {
    /// Its name.
    pub name: String,
    /// From: `Fri 16:00`, or every day: `22:00`.
    pub from: String,
    /// To the first: `Mon 08:00`, or every day: `06:00`.
    pub to: String,
    /// An IANA time zone.
    pub zone: String,
}
