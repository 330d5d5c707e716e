//! A client of Google's APIs, or of a server on this machine that serves the same ones. The platforms at Google share it, and
//! what Secret Manager, Cloud Logging and Cloud Monitoring say of a Cloud Run service.

mod call;
mod emulator_log;
mod figures;
mod run_service;
mod runtime_log;
mod secrets;
pub(crate) mod wire;

use std::time::Duration;

use crate::auth::Auth;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::retry::POLL;

/// Poll interval for a server on this machine.
const LOCAL_POLL: Duration = Duration::from_millis(50);

/// The kind of server at the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Google,
    /// Pointsman's emulator: its services are created, stopped and logged by their clients.
    Emulator,
    /// Another server on this machine that implements the API.
    Loopback,
}

/// Base URLs of Google's other services.
#[derive(Debug, Clone)]
pub struct Origins {
    pub storage: String,
    /// Resource Manager, which returns a project's number.
    pub projects: String,
    /// Cloud Logging, which stores build logs.
    pub logging: String,
    /// Secret Manager.
    pub secrets: String,
    /// Cloud Run, which runs the builds.
    pub run: String,
    /// Cloud Monitoring, which reports their figures.
    pub monitoring: String,
}

impl Default for Origins {
    fn default() -> Self {
        Self {
            storage: "https://storage.googleapis.com".to_owned(),
            projects: "https://cloudresourcemanager.googleapis.com".to_owned(),
            logging: "https://logging.googleapis.com".to_owned(),
            secrets: "https://secretmanager.googleapis.com".to_owned(),
            run: "https://run.googleapis.com".to_owned(),
            monitoring: "https://monitoring.googleapis.com".to_owned(),
        }
    }
}

/// A client of the APIs of one server.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) http: reqwest::Client,
    /// The address of the platform's own API. A server on this machine serves all of them there.
    pub(crate) base: String,
    pub(crate) bearer: Auth,
    pub(crate) kind: Kind,
    pub(crate) origins: Origins,
    /// Maximum tries of a call.
    pub(crate) attempts: u32,
}

impl Client {
    pub(crate) fn new(base: impl Into<String>, bearer: Auth, kind: Kind) -> Result<Self, Problem> {
        let (http, base) = (crate::http::client()?, base.into());
        Ok(Self { http, base, bearer, kind, origins: Origins::default(), attempts: call::ATTEMPTS })
    }

    /// The base URL of an API.
    pub(crate) fn origin(&self, api: GoogleApi) -> &str {
        if self.kind != Kind::Google {
            return &self.base;
        }
        match api {
            GoogleApi::AppHosting | GoogleApi::FirestoreAdmin | GoogleApi::Rules => &self.base,
            GoogleApi::CloudRun => &self.origins.run,
            GoogleApi::SecretManager => &self.origins.secrets,
            GoogleApi::Logging => &self.origins.logging,
            GoogleApi::Monitoring => &self.origins.monitoring,
            GoogleApi::ResourceManager => &self.origins.projects,
        }
    }

    /// Delay before the next poll, given the number of polls so far.
    pub(crate) fn poll_after(&self, looks: u32) -> Duration {
        if self.kind == Kind::Google { POLL.after(looks) } else { LOCAL_POLL }
    }
}
