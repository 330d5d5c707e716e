//! The keys of `config.yaml`. The JSON Schema that editors use and that
//! `config::check` walks is made from these types, so there is one list of keys.

mod defaults;
pub mod deploy;
pub mod environment;
pub mod migration;
pub mod people;
pub mod platform;
pub mod probe;
pub mod store;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use deploy::{DeployConfig, DurationText};
use environment::EnvironmentConfig;
use store::StoreConfig;

use pointsman_core::alert::Kind;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// Name of the project. Its state is kept under this name; without one, under the path of this file.
    #[serde(default)]
    pub name: Option<String>,
    /// Where runs are recorded. Without one: on this machine.
    #[serde(default)]
    pub store: Option<StoreConfig>,
    /// Firebase projects and the one environment that each belongs to.
    #[serde(default)]
    pub projects: BTreeMap<String, ProjectConfig>,
    /// Services to deploy, by name.
    pub services: BTreeMap<String, ServiceConfig>,
    /// Environments, by name.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Limits and rules of every deploy; an environment may override each.
    #[serde(default)]
    pub deploy: DeployConfig,
    /// The source of releases.
    pub releases: ReleasesConfig,
    /// The checklists of a deploy.
    #[serde(default)]
    pub checklists: ChecklistsConfig,
    /// The team's own commands.
    #[serde(default)]
    pub commands: Vec<CommandConfig>,
    /// Alert configuration.
    #[serde(default)]
    pub notify: NotifyConfig,
    /// Settings of the console.
    #[serde(default)]
    pub ui: UiConfig,
}

/// A Firebase project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// The only environment that may use the project.
    pub environment: String,
    /// Region, such as `us-central1`.
    pub region: String,
    /// Firebase services that the project uses.
    #[serde(default)]
    pub services: Vec<String>,
    /// CPU quota of Cloud Run in the region. `lint` compares it with the limits of the project's services; App
    /// Hosting reports an exceeded quota only when a rollout fails.
    #[serde(default)]
    pub cpu_quota: Option<NonZeroU32>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// Folder with the service's apphosting.yaml, relative to this file.
    pub root: String,
    /// Name of the App Hosting backend.
    pub backend: String,
    /// Container image of a release, built by another system, with `{release}` in its name. Pointsman then builds nothing.
    #[serde(default)]
    pub image: Option<String>,
    /// The route that answers health checks, and where its answer reports release and build.
    #[serde(default)]
    pub health: HealthEndpointConfig,
    /// Paths of pages. The scripts and styles that they load from the live build are requested again after a switch, to
    /// check that open pages keep working.
    #[serde(default)]
    pub pages: Vec<String>,
    /// Versions of each database that the code accepts: `main: ">=1.1.0, <2.0.0"`. Recorded with each build, so that a
    /// rollback knows what the older code accepts.
    #[serde(default)]
    pub schema: BTreeMap<String, String>,
}

/// The health address of a service, with the pointers of version, revision and status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthEndpointConfig {
    /// Path of the health route.
    pub path: String,
    /// JSON pointer to the release in the answer: `/version`.
    pub version: Option<String>,
    /// JSON pointer to the build id in the answer: `/revision`. The build id is the variable `K_REVISION`.
    pub revision: Option<String>,
    /// JSON pointer to the health word in the answer. Without one, `/status` is read if the answer has it; with one, an
    /// answer without it is unhealthy.
    pub status: Option<String>,
    /// Health words that mean healthy, in any case. Without any: ok, up, pass, healthy, serving and other common ones.
    pub healthy: Vec<String>,
}

impl HealthEndpointConfig {
    /// Its JSON pointers, by their keys.
    pub fn pointers(&self) -> [(&'static str, &Option<String>); 3] {
        [("version", &self.version), ("revision", &self.revision), ("status", &self.status)]
    }
}

impl Default for HealthEndpointConfig {
    fn default() -> Self {
        Self {
            path: "/api/health".into(),
            version: None,
            revision: None,
            status: None,
            healthy: Vec::new(),
        }
    }
}

/// The kind of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ReleasesKind {
    /// Labels of this file; the sources are the services' folders.
    List,
    /// Commits of a git repository.
    Git,
}

/// The source of releases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleasesConfig {
    /// `git`: a release is a tag, branch or commit. `list`: a release is one of `labels`, built from the folders as they are.
    pub kind: ReleasesKind,
    /// With `list`: the labels on offer.
    #[serde(default)]
    pub labels: Vec<String>,
    /// With `git`: folder of the repository.
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
    /// The text of the item.
    pub text: String,
    /// Heading above the item.
    #[serde(default)]
    pub group: Option<String>,
    /// Whether the item blocks the deploy until it is done.
    #[serde(default)]
    pub required: bool,
    /// Verifies the item automatically, instead of a person's tick. Exactly one of its keys.
    #[serde(default)]
    pub auto: Option<AutoConfig>,
}

/// The automatic check of an item. Exactly one.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AutoConfig {
    /// Name of a probe that must be OK, or `all`.
    pub probe: Option<String>,
    /// Name of a command that must succeed.
    pub command: Option<String>,
    /// Job of the pipeline that must have passed for the release, or `all`.
    pub pipeline: Option<String>,
    /// Database whose pending migrations must be applicable, or `all`.
    pub migrations: Option<String>,
    /// Database whose indexes must be usable, or `all`: those of its `indexes:` file.
    pub indexes: Option<String>,
    /// Figures of Google's that must be within their limits since the switch: `errors`, `p95` or `all`. The limits are
    /// those of `soak: { metrics: … }`, or `<1%` and `<1.3x`.
    pub metrics: Option<String>,
    /// Findings of `lint` that must be absent: `config`, `secrets` or `all`.
    pub lint: Option<String>,
    /// `rollback`: a rollback target is ready. `alerts`: alerts are delivered. An environment's name: the release was promoted
    /// there; `staging` is the one of `promote_from`.
    pub history: Option<String>,
}

impl AutoConfig {
    /// The number of sources that it names.
    pub fn sources(&self) -> usize {
        let Self { probe, command, pipeline, migrations, indexes, metrics, lint, history } = self;
        let all = [probe, command, pipeline, migrations, indexes, metrics, lint, history];
        all.into_iter().flatten().count()
    }
}

/// A command of the team.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Name, for the palette and `pointsman commands run`.
    pub name: String,
    /// Program and arguments; no shell line.
    pub run: Vec<String>,
    /// Working folder, relative to this file.
    #[serde(default)]
    pub cwd: Option<String>,
    /// The only environment that the command may run for.
    #[serde(default)]
    pub environment: Option<String>,
    /// What the command acts on. It is offered for each of them, and its arguments may contain their fields:
    /// `{environment}`; `{service}` and `{url}`; `{run}` and `{release}`; `{probe}`.
    #[serde(default)]
    pub on: CommandOn,
    /// Whether the command runs until it is stopped.
    #[serde(default)]
    pub long: bool,
}

/// What a command acts on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CommandOn {
    #[default]
    Environment,
    Service,
    Run,
    Probe,
}

/// Alert configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NotifyConfig {
    /// A Slack channel.
    pub slack: Option<SlackConfig>,
    /// A webhook.
    pub webhook: Option<WebhookConfig>,
    /// The kinds of alert to send.
    pub on: Vec<Kind>,
    /// Interval of reminders while the cause persists; 1h by default, 0s for never.
    pub remind: Option<DurationText>,
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
    /// Address, or `$NAME` of the variable that holds it.
    pub url: String,
    /// The environment variable that holds the signing secret.
    #[serde(default)]
    pub secret_env: Option<String>,
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

/// The amount of motion on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Motion {
    /// Clocks and countdowns advance every second.
    #[default]
    Full,
    /// They advance every five seconds, together.
    Reduced,
}

/// The theme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ThemeChoice {
    /// A theme by name; `auto` is the default one for the terminal's background.
    Name(String),
    /// One on a dark ground, another on a light one.
    Pair(ThemePair),
}

impl Default for ThemeChoice {
    fn default() -> Self {
        Self::Name("auto".to_owned())
    }
}

/// A theme for each background.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemePair {
    /// Theme on a dark background.
    pub dark: String,
    /// Theme on a light background.
    pub light: String,
}

/// Settings of the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UiConfig {
    /// Name of a theme, `auto`, or a theme for each background.
    pub theme: ThemeChoice,
    /// Whether to draw with Unicode or only with ASCII.
    pub glyphs: Glyphs,
    /// Whether the console handles the mouse.
    pub mouse: bool,
    /// The amount of motion; `NO_MOTION` in the environment reduces it too.
    pub motion: Motion,
    /// Other keys for commands, by the names on the page Keys: `{ new-lines: [Ctrl-x] }`.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Default for UiConfig {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::default(),
            glyphs: Glyphs::Auto,
            mouse: false,
            motion: Motion::Full,
            keys: BTreeMap::new(),
        }
    }
}

/// The JSON Schema (draft 2020-12) of the file.
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Config).to_value();
    defaults::add(&mut schema);
    schema
}
