//! `platform:` of an environment: what it runs on.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::deploy::DurationText;
use pointsman_core::endpoint::{Endpoint, LoopbackUrl, Server};
use pointsman_core::platform::{CommandPlatform, SWITCH_WITHIN};
use pointsman_core::preview::PreviewBy;

/// The kinds of platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PlatformKind {
    /// Firebase App Hosting, or something that speaks its API.
    AppHosting,
    /// Services of Cloud Run, without App Hosting. Never tried against Google's servers.
    CloudRun,
    /// Any other, driven by commands.
    Command,
}

/// The platform of an environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlatformConfig {
    /// Kind of platform: `app-hosting`; `cloud-run` for services without App Hosting, never tried against Google's servers;
    /// `command` for one that scripts drive.
    pub kind: PlatformKind,
    /// `emulator`, or the URL of an API on this machine. Without one: Google's.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Firebase project of services that name none.
    #[serde(default)]
    pub project: Option<String>,
    /// Region of the backends or services.
    #[serde(default)]
    pub location: Option<String>,
    /// With a loopback URL: the environment variable that holds its token.
    #[serde(default)]
    pub token_env: Option<String>,
    /// With a loopback URL: the file that holds its token.
    #[serde(default)]
    pub token_file: Option<String>,
    /// With `app-hosting` at Google: a preview address of GREEN before the switch. Never tried against Google's servers.
    #[serde(default)]
    pub preview: Option<PreviewBy>,
    /// With `command`: program and arguments for each verb.
    #[serde(default)]
    pub verbs: BTreeMap<String, Vec<String>>,
    /// With `command`: how long `set_active` may take.
    #[serde(default)]
    pub switch_within: Option<DurationText>,
}

impl PlatformConfig {
    /// The endpoint that a run talks to. Relative paths are relative to `folder`, that of the config.
    pub fn resolve(&self, folder: &Path) -> Endpoint {
        if self.kind == PlatformKind::Command {
            return Endpoint::Command(CommandPlatform {
                folder: folder.display().to_string(),
                verbs: self.verbs.clone(),
                switch_within: self.switch_within.map_or(SWITCH_WITHIN, |d| d.0),
            });
        }
        let server = match self.endpoint.as_deref() {
            None => Server::Google,
            Some("emulator") => Server::Emulator,
            Some(url) => Server::Url(LoopbackUrl {
                address: url.trim_end_matches('/').to_owned(),
                token_env: self.token_env.clone(),
                token_file: self.token_file.as_ref().map(|f| folder.join(f).display().to_string()),
            }),
        };
        if self.kind == PlatformKind::CloudRun {
            return Endpoint::CloudRun(server);
        }
        match server {
            Server::Google => Endpoint::Google,
            Server::Emulator => Endpoint::Emulator,
            Server::Url(url) => Endpoint::Url(url),
        }
    }
}
