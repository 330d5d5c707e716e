//! The keys of `config.yaml`. The JSON Schema that editors use and that
//! `config::check` walks is made from these types, so there is one list of keys.

pub mod deploy;
pub mod environment;
pub mod migration;
pub mod platform;
pub mod probe;

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use deploy::{DeployConfig, DurationText};
use environment::EnvironmentConfig;

use pointsman_core::alert::Kind;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The version of this format: 1.
    pub version: u32,
    /// Names the project: its state is kept under this name. Without one it is kept under the path of this file.
    #[serde(default)]
    pub name: Option<String>,
    /// Firebase projects, and the environment each belongs to.
    #[serde(default)]
    pub projects: BTreeMap<String, ProjectConfig>,
    /// The services that are deployed.
    pub services: BTreeMap<String, ServiceConfig>,
    /// The environments.
    pub environments: BTreeMap<String, EnvironmentConfig>,
    /// Numbers and rules of every deploy; an environment may override any.
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
    /// The one environment it may be used in.
    pub environment: String,
    /// Its region.
    pub region: String,
    /// The Firebase services it uses.
    #[serde(default)]
    pub services: Vec<String>,
    /// How many CPUs Cloud Run gives the project in that region at once. It differs from project to project, and
    /// App Hosting tells of it only when a rollout fails.
    #[serde(default)]
    pub cpu_quota: Option<NonZeroU32>,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceConfig {
    /// The folder that holds its apphosting.yaml.
    pub root: String,
    /// Its App Hosting backend.
    pub backend: String,
    /// The container image of a release, with `{release}` in it, built by another system. Pointsman then builds nothing.
    #[serde(default)]
    pub image: Option<String>,
    /// Its health address, with the pointers of version, revision and status.
    #[serde(default)]
    pub health: HealthEndpointConfig,
    /// Paths of pages. The scripts and styles that they load from blue are requested again after
    /// a switch, to check that open pages keep working.
    #[serde(default)]
    pub pages: Vec<String>,
    /// Which versions of which database its code can work with: `main: ">=1.1.0, <2.0.0"`. Kept with each
    /// build that is made, so that a rollback knows what the older code could.
    #[serde(default)]
    pub schema: BTreeMap<String, String>,
}

/// The health address of a service, with the pointers of version, revision and status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthEndpointConfig {
    /// The path of its health answer.
    pub path: String,
    /// JSON pointer to the release's label in that answer.
    pub version: Option<String>,
    /// JSON pointer to the build id in that answer.
    pub revision: Option<String>,
    /// JSON pointer to the health word in the answer. Without one `/status` is read where
    /// an answer has it; with one, an answer without it is unhealthy.
    pub status: Option<String>,
    /// The words there that mean healthy, compared without case. Default: ok, up, pass, healthy, serving
    /// and other common ones.
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
    /// The text of the item.
    pub text: String,
    /// The heading it stands under.
    #[serde(default)]
    pub group: Option<String>,
    /// Whether it blocks the step it guards.
    #[serde(default)]
    pub required: bool,
    /// The automatic check.
    #[serde(default)]
    pub auto: Option<AutoConfig>,
}

/// The automatic check of an item. Exactly one.
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
    /// `rollback`, `alerts`, or the environment on which the release was promoted; `staging` is the one before.
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
    /// Whether it runs until it is stopped.
    #[serde(default)]
    pub long: bool,
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
    /// Its address, or `$NAME` of the variable that holds it.
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

/// A theme for each ground.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThemePair {
    /// On a dark ground.
    pub dark: String,
    /// On a light ground.
    pub light: String,
}

/// Settings of the console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UiConfig {
    /// A theme's name, `auto`, or one for each ground.
    pub theme: ThemeChoice,
    /// Glyphs or letters.
    pub glyphs: Glyphs,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// The amount of motion; `NO_MOTION` in the environment reduces it too.
    pub motion: Motion,
    /// Keys of commands, instead of the usual ones.
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
    schemars::schema_for!(Config).to_value()
}
