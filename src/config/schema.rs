//! The keys of `config.yaml` (architecture.md §6). The JSON Schema that editors use and that
//! [`super::check`] walks is made from these types, so there is one list of keys.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::domain::policy::{OnFailure, Protection};
use crate::domain::time::text_form;

/// A duration as text: `300ms`, `5s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationText(#[serde(with = "text_form")] pub Duration);

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration-text",
            "description": "A duration: 300ms, 5s, 2m or 1h",
        })
    }
}

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// Firebase projects, and the environment each belongs to.
    #[serde(default)]
    pub projects: BTreeMap<String, ProjectConfig>,
    /// The services that are deployed.
    pub services: BTreeMap<String, ServiceConfig>,
    /// Where they are deployed to.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Numbers and rules of every deploy; an environment may override any.
    #[serde(default)]
    pub deploy: DeployConfig,
    /// What can be deployed.
    pub releases: ReleasesConfig,
    /// What is ticked before, during and after a deploy.
    #[serde(default)]
    pub checklists: ChecklistsConfig,
    /// The team's own commands.
    #[serde(default)]
    pub commands: Vec<CommandConfig>,
    /// Who is told what.
    #[serde(default)]
    pub notify: NotifyConfig,
    /// How the screen looks.
    #[serde(default)]
    pub ui: UiConfig,
}

/// A Firebase project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// The one environment it may be used in.
    pub environment: String,
    /// Its region.
    pub region: String,
    /// The Firebase services it uses.
    #[serde(default)]
    pub services: Vec<String>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// The folder that holds its apphosting.yaml.
    pub root: String,
    /// Its App Hosting backend.
    pub backend: String,
    /// Where it says how it is and who it is.
    #[serde(default)]
    pub health: HealthEndpointConfig,
}

/// Where a service says how it is and who it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthEndpointConfig {
    /// The path of its health answer.
    pub path: String,
    /// JSON pointer to the release's label in that answer.
    pub version: Option<String>,
    /// JSON pointer to the build id in that answer.
    pub revision: Option<String>,
}

impl Default for HealthEndpointConfig {
    fn default() -> Self {
        Self { path: "/api/health".into(), version: None, revision: None }
    }
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EnvironmentConfig {
    /// What an act on it asks of a person.
    pub protection: Protection,
    /// The environment a release must have been promoted on before.
    #[serde(default)]
    pub promote_from: Option<String>,
    /// What it runs on.
    pub platform: PlatformConfig,
    /// Its services and their public addresses.
    pub services: BTreeMap<String, PlacedServiceConfig>,
    /// Its databases.
    #[serde(default)]
    pub databases: BTreeMap<String, DatabaseConfig>,
    /// What differs from the general numbers and rules.
    #[serde(default)]
    pub deploy: DeployConfig,
    /// The name or address of its dashboard.
    #[serde(default)]
    pub monitoring: Option<String>,
    /// What else is watched.
    #[serde(default)]
    pub probes: Vec<ProbeConfig>,
    /// What tests a release.
    #[serde(default)]
    pub pipeline: Option<PipelineConfig>,
    /// When nothing is deployed.
    #[serde(default)]
    pub freeze: Vec<FreezeConfig>,
}

/// The kinds of platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformKind {
    /// Firebase App Hosting, or something that speaks its API.
    AppHosting,
    /// Any other, driven by commands.
    Command,
}

/// What an environment runs on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// Which kind.
    pub kind: PlatformKind,
    /// `emulator`, or a loopback URL; Google's if left out.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// The project of every service that names none.
    #[serde(default)]
    pub project: Option<String>,
    /// The region of the backends.
    #[serde(default)]
    pub location: Option<String>,
    /// With a loopback URL: the environment variable that holds its token.
    #[serde(default)]
    pub token_env: Option<String>,
    /// With a loopback URL: the file that holds its token.
    #[serde(default)]
    pub token_file: Option<String>,
    /// With `kind: command`: argv for each verb.
    #[serde(default)]
    pub verbs: BTreeMap<String, Vec<String>>,
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
}

/// Numbers and rules of a deploy. What is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployConfig {
    /// The order in which the services' traffic moves.
    pub order: Option<Vec<String>>,
    /// Green's gate.
    pub health: HealthConfig,
    /// The proof of the switch.
    pub attest: AttestConfig,
    /// The watch after it.
    pub soak: SoakConfig,
    /// How long open requests to blue may go on.
    pub drain: Option<DurationText>,
    /// How long blue stays warm.
    pub keep_blue: Option<DurationText>,
}

/// When green counts as healthy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// Samples at most.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
    /// From one sample to the next.
    pub interval: Option<DurationText>,
    /// For one sample.
    pub timeout: Option<DurationText>,
    /// Healthy answers in a row that pass.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
}

/// Who answers after a switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttestConfig {
    /// Answers of the wanted build in a row that pass.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
    /// From one question to the next.
    pub interval: Option<DurationText>,
    /// After this the answer is PARTIAL, or no.
    pub within: Option<DurationText>,
}

/// The watch after the switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoakConfig {
    /// Its length.
    #[serde(rename = "for")]
    pub length: Option<DurationText>,
    /// From one sample to the next.
    pub interval: Option<DurationText>,
    /// Failures in a row, of one service, that end it.
    #[schemars(range(min = 1))]
    pub failures: Option<u32>,
    /// What then.
    pub on_failure: Option<OnFailure>,
}

/// Where releases come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleasesKind {
    /// Labels of this file; the sources are the services' folders.
    List,
    /// Commits of a git repository.
    Git,
}

/// What can be deployed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasesConfig {
    /// Which kind.
    pub kind: ReleasesKind,
    /// With `list`: what is offered.
    #[serde(default)]
    pub labels: Vec<String>,
    /// With `git`: the repository.
    #[serde(default)]
    pub dir: Option<String>,
}

/// The three checklists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ChecklistsConfig {
    /// Before a deploy.
    pub pre: Vec<ItemConfig>,
    /// Before the switch.
    pub deploy: Vec<ItemConfig>,
    /// After the soak.
    pub post: Vec<ItemConfig>,
}

/// An item of a checklist.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemConfig {
    /// What is to be true.
    pub text: String,
    /// The heading it stands under.
    #[serde(default)]
    pub group: Option<String>,
    /// Whether it blocks the step it guards.
    #[serde(default)]
    pub required: bool,
    /// What can tell by itself.
    #[serde(default)]
    pub auto: Option<AutoConfig>,
}

/// What ticks an item by itself. One of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoConfig {
    /// A probe's name, or `all`.
    pub probe: Option<String>,
    /// A command's name.
    pub command: Option<String>,
    /// A job of the pipeline, or `all`.
    pub pipeline: Option<String>,
    /// A database, or `all`.
    pub migrations: Option<String>,
    /// `config`, `secrets` or `all`.
    pub lint: Option<String>,
    /// `rollback`, `staging` or `alerts`.
    pub history: Option<String>,
}

/// A command of the team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Its name.
    pub name: String,
    /// Program and arguments; never a shell line.
    pub run: Vec<String>,
    /// Its folder.
    #[serde(default)]
    pub cwd: Option<String>,
    /// The only environment it may run for.
    #[serde(default)]
    pub environment: Option<String>,
    /// Whether it goes on until it is stopped.
    #[serde(default)]
    pub long: bool,
}

/// A probe of something other than our services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Its name.
    pub name: String,
    /// What is asked.
    pub url: String,
    /// How often.
    #[serde(default)]
    pub interval: Option<DurationText>,
    /// What counts as healthy.
    #[serde(default)]
    pub expect: ExpectConfig,
}

/// What counts as healthy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectConfig {
    /// HTTP statuses; any of 200 to 299 if left out.
    pub status: Vec<u16>,
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

/// What tests a release.
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
    /// Once for each of these.
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
    /// From: `Fri 16:00`.
    pub from: String,
    /// To: `Mon 08:00`.
    pub to: String,
    /// An IANA time zone.
    pub zone: String,
}

/// Who is told what.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// A Slack channel.
    pub slack: Option<SlackConfig>,
    /// A webhook.
    pub webhook: Option<WebhookConfig>,
    /// Of what.
    pub on: Vec<NotifyEvent>,
}

/// A Slack channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlackConfig {
    /// The environment variable that holds the webhook's address.
    pub url_env: String,
}

/// A webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its address.
    pub url: String,
    /// The environment variable that holds the signing secret.
    #[serde(default)]
    pub secret_env: Option<String>,
}

/// What can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyEvent {
    /// A release was promoted.
    Promoted,
    /// A run failed.
    Failed,
    /// Traffic went back.
    RolledBack,
    /// A gate waits.
    Gate,
    /// A probe says down.
    ProbeDown,
    /// And up again.
    ProbeUp,
}

/// Glyphs or letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Glyphs {
    /// As the terminal seems to allow.
    #[default]
    Auto,
    /// Unicode.
    Unicode,
    /// ASCII.
    Ascii,
}

/// How the screen looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UiConfig {
    /// A theme's name, or `auto`.
    pub theme: String,
    /// Glyphs or letters.
    pub glyphs: Glyphs,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// Keys of commands.
    pub keys: BTreeMap<String, String>,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self { theme: "auto".into(), glyphs: Glyphs::Auto, mouse: false, keys: BTreeMap::new() }
    }
}

/// The JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> serde_json::Value {
    schemars::schema_for!(Config).to_value()
}
