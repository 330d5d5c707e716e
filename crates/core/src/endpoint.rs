//! Endpoints: the platforms that a run can talk to, and their capabilities. Code checks a capability instead of
//! matching on the platform, so that a new platform is described only here.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::google_api::GoogleApi;
use super::health::Revision;
use super::ids::{BuildId, EnvironmentName};
use super::incident_card::POINTSMAN;
use super::plan::Member;
use super::platform::{About, CommandPlatform};
use super::project::Target;

/// The platform of a run: App Hosting at one of the first three, unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// Pointsman's local platform, started on demand.
    Emulator,
    Google,
    /// A loopback address that serves the same API.
    Url(LoopbackUrl),
    /// Another platform, driven by commands.
    Command(CommandPlatform),
    /// Services of Cloud Run, without App Hosting.
    #[serde(rename = "cloud-run")]
    CloudRun(Server),
}

/// A server of Google's APIs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Server {
    /// Pointsman's emulator, started on demand.
    Emulator,
    Google,
    /// A loopback address that serves the same APIs.
    Url(LoopbackUrl),
}

impl Server {
    /// The base URL and the bearer token of an API, as a shell writes them.
    fn in_shell(&self, api: GoogleApi) -> (String, String) {
        match self {
            Self::Google => {
                (format!("https://{}", api.host()), "$(gcloud auth print-access-token)".to_owned())
            }
            Self::Emulator => {
                (format!("$({POINTSMAN} emulator url)"), format!("$({POINTSMAN} emulator token)"))
            }
            Self::Url(url) => {
                let token = match (&url.token_env, &url.token_file) {
                    (Some(name), _) => format!("${name}"),
                    (None, Some(file)) => format!("$(cat '{file}')"),
                    (None, None) => "owner".to_owned(),
                };
                (url.address.clone(), token)
            }
        }
    }
}

/// A loopback address, and the location of its token. Never the token itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoopbackUrl {
    /// Scheme, host and port.
    pub address: String,
    /// The environment variable that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_env: Option<String>,
    /// The file that holds the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
}

/// The `apphosting.*.yaml` that a platform merges over the base file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostingFiles {
    /// The platform does not read apphosting.yaml.
    None,
    /// The file named after the environment.
    OfEnvironment,
    /// `apphosting.emulator.yaml`, in which secrets have dummy values.
    OfEmulator,
}

/// The capabilities of a platform.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent capabilities; none excludes another"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Name in a sentence: "the emulator answers".
    pub label: &'static str,
    /// Whether it is hosted by Google, with Google's credentials, latency and price per request.
    pub google: bool,
    /// Whether it reports the state of public domains.
    pub domains: bool,
    pub hosting_files: HostingFiles,
    /// Whether the services of a project share a CPU quota.
    pub quotas: bool,
    /// Whether two builds can each get a share of the traffic.
    pub shares: bool,
    /// Timeout for switching the traffic of one service. A rollout at Google takes minutes.
    pub switch_within: Duration,
}

impl HostingFiles {
    /// The file names for an environment, the base file first.
    pub fn names(self, environment: &EnvironmentName) -> Vec<String> {
        let environment = match self {
            Self::None => return Vec::new(),
            Self::OfEnvironment => environment.as_str(),
            Self::OfEmulator => "emulator",
        };
        vec!["apphosting.yaml".to_owned(), format!("apphosting.{environment}.yaml")]
    }
}

impl Endpoint {
    /// The server whose APIs it is. `None`: it has none, commands drive it.
    pub fn server(&self) -> Option<Server> {
        match self {
            Self::Emulator => Some(Server::Emulator),
            Self::Google => Some(Server::Google),
            Self::Url(url) => Some(Server::Url(url.clone())),
            Self::CloudRun(server) => Some(server.clone()),
            Self::Command(_) => None,
        }
    }

    /// Whether Pointsman's emulator is the platform.
    pub fn on_emulator(&self) -> bool {
        self.server() == Some(Server::Emulator)
    }

    pub fn capabilities(&self) -> Capabilities {
        let google = match self {
            Self::Google | Self::Emulator | Self::Url(_) => Capabilities {
                label: "App Hosting",
                google: true,
                domains: true,
                hosting_files: HostingFiles::OfEnvironment,
                quotas: true,
                shares: false,
                switch_within: Duration::from_mins(15),
            },
            Self::CloudRun(_) => Capabilities {
                label: "Cloud Run",
                google: true,
                domains: false,
                hosting_files: HostingFiles::None,
                quotas: true,
                shares: true,
                switch_within: Duration::from_mins(5),
            },
            Self::Command(commands) => {
                return Capabilities {
                    label: "its platform",
                    google: false,
                    domains: false,
                    hosting_files: HostingFiles::None,
                    quotas: false,
                    shares: false,
                    switch_within: commands.switch_within,
                };
            }
        };
        let switch_within = Duration::from_mins(2);
        match self.server() {
            Some(Server::Emulator) => Capabilities {
                label: "the emulator",
                google: false,
                domains: false,
                hosting_files: HostingFiles::OfEmulator,
                quotas: false,
                switch_within,
                ..google
            },
            Some(Server::Url(_)) => {
                Capabilities { label: "its address", google: false, switch_within, ..google }
            }
            Some(Server::Google) | None => google,
        }
    }

    /// Whether reading it needs roles of Google's: an emulator and a team's own commands do not.
    pub fn needs_roles(&self) -> bool {
        matches!(self.server(), Some(Server::Google | Server::Url(_)))
    }

    /// Who says which build has the traffic.
    pub fn control(&self) -> &'static str {
        match self {
            Self::Google | Self::Emulator | Self::Url(_) => "App Hosting",
            Self::CloudRun(_) => "Cloud Run",
            Self::Command(_) => "the platform",
        }
    }

    /// The shell command that points a tag of the Cloud Run service at a build. App Hosting can report a build as live
    /// while the tag that it routes by is still at the build before. `None`: the platform has no Cloud Run below it.
    pub fn repoint_tag(&self, member: &Member, tag: &str, build: &BuildId) -> Option<String> {
        let (target, backend) = (&member.target, member.target.backend());
        let revision = Revision::of_backend(backend.as_str(), build.as_str())?;
        (*self == Self::Google).then(|| {
            format!(
                "gcloud run services update-traffic {backend} --project {} --region {} --update-tags {tag}={}",
                target.project(),
                target.location(),
                revision.name
            )
        })
    }

    /// The base URL and the bearer token of an API, as a shell writes them.
    fn in_shell(&self, api: GoogleApi) -> (String, String) {
        self.server().unwrap_or(Server::Google).in_shell(api)
    }

    /// The shell command that shows where the Cloud Run service sends traffic, and by which tags.
    pub fn show_tags(&self, member: &Member) -> Option<String> {
        let target = &member.target;
        self.capabilities().google.then(|| {
            format!(
                "gcloud run services describe {} --project {} --region {} --format 'yaml(status.traffic)'",
                target.backend(),
                target.project(),
                target.location()
            )
        })
    }

    /// The shell command that sets the environment name of a backend, which selects the file that it is built with.
    pub fn set_environment(&self, target: &Target) -> String {
        let (base, token) = self.in_shell(GoogleApi::AppHosting);
        format!(
            "curl -sS --fail-with-body -X PATCH \"{base}/v1/{}?updateMask=environment\" \
             -H \"Authorization: Bearer {token}\" -H 'Content-Type: application/json' -d '{{\"environment\":\"{}\"}}'",
            target.backend_name(),
            target.environment()
        )
    }

    /// The shell command that switches traffic to a build without Pointsman, for the incident card.
    pub fn manual_switch(&self, member: &Member, build: &BuildId) -> String {
        if let Self::Command(commands) = self {
            return by_command(commands, member, build);
        }
        if let Self::CloudRun(server) = self {
            return at_cloud_run(server, member, build);
        }
        let (base, token) = self.in_shell(GoogleApi::AppHosting);
        format!(
            "curl -sS --fail-with-body -X POST \"{base}/v1/{}/rollouts?rolloutId=by-hand-$(date +%s)\" \
             -H \"Authorization: Bearer {token}\" -H 'Content-Type: application/json' -d '{{\"build\":\"{}\"}}'",
            member.target.backend_name(),
            member.target.build_name(build)
        )
    }
}

/// All traffic to one revision: with Google's own tool where it is Google's service.
fn at_cloud_run(server: &Server, member: &Member, build: &BuildId) -> String {
    let target = &member.target;
    let (service, revision) = (target.backend(), target.revision_name(build));
    if *server == Server::Google {
        return format!(
            "gcloud run services update-traffic {service} --project {} --region {} --to-revisions {revision}=100",
            target.project(),
            target.location()
        );
    }
    let (base, token) = server.in_shell(GoogleApi::CloudRun);
    format!(
        "curl -sS --fail-with-body -X PATCH \"{base}/v2/{}?updateMask=traffic\" \
         -H \"Authorization: Bearer {token}\" -H 'Content-Type: application/json' \
         -d '{{\"traffic\":[{{\"type\":\"TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION\",\"revision\":\"{revision}\",\"percent\":100}}]}}'",
        target.service_name()
    )
}

/// The team's own `set_active` command, quoted for a shell.
fn by_command(of: &CommandPlatform, member: &Member, build: &BuildId) -> String {
    let about = About { target: Some(&member.target), build: Some(build), ..About::default() };
    let quoted = |word: &String| format!("'{}'", word.replace('\'', "'\\''"));
    let set =
        about.variables().into_iter().map(|(name, value)| format!("{name}={}", quoted(&value)));
    let argv = of.verbs.get("set_active").map(|argv| about.fill(argv)).unwrap_or_default();
    let words = set.chain(argv.iter().map(quoted)).collect::<Vec<_>>().join(" ");
    format!("cd {} && {words}", quoted(&of.folder))
}
