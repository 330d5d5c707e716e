//! Secrets as Secret Manager describes them. Values are never read.

use super::build_config::SecretRef;
use super::time::Timestamp;

/// The state of one version of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionState {
    Enabled,
    Disabled,
    Destroyed,
    /// The secret exists, and this version of it does not.
    NoVersion,
    /// The secret does not exist.
    NoSecret,
    /// A state that this version of Pointsman does not know.
    Other(String),
}

/// Whether the service account of a backend may read a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reader {
    Granted,
    /// The secret's own policy does not name the account. The project's may: "not found" is not "denied".
    NotSeen(String),
    /// The policy could not be read, with the reason.
    Unknown(String),
    /// The caller did not want to know.
    NotAsked,
}

/// What is known of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretLook {
    /// The number of the version; that of the latest one if none was named.
    pub version: Option<String>,
    pub state: VersionState,
    /// When it will be destroyed, if that is scheduled.
    pub destroyed_at: Option<Timestamp>,
    pub reader: Reader,
}

impl SecretLook {
    /// Why a build cannot read it; `None` if nothing speaks against it.
    pub fn fault(&self, secret: &SecretRef) -> Option<String> {
        let name = &secret.name;
        let version = self.version.as_ref().or(secret.version.as_ref());
        let version = version.map_or("its latest version".to_owned(), |v| format!("version {v}"));
        match &self.state {
            VersionState::NoSecret => Some(format!("secret {name} does not exist")),
            VersionState::NoVersion => Some(format!("secret {name} has no {version}")),
            VersionState::Disabled => Some(format!("secret {name} {version} is disabled")),
            VersionState::Destroyed => Some(format!("secret {name} {version} is destroyed")),
            VersionState::Other(_) | VersionState::Enabled => None,
        }
    }

    /// What a person should know of it although builds can read it now.
    pub fn warning(&self, secret: &SecretRef) -> Option<String> {
        let version = self.version.as_ref().or(secret.version.as_ref());
        let version = version.map_or("latest version".to_owned(), |v| format!("version {v}"));
        let destroyed = self
            .destroyed_at
            .map(|at| format!("will be destroyed at {}", at.strftime("%d %b %H:%MZ")));
        let what = match &self.state {
            VersionState::Other(word) => Some(format!("is {word}")),
            VersionState::Enabled => destroyed,
            VersionState::Disabled
            | VersionState::Destroyed
            | VersionState::NoVersion
            | VersionState::NoSecret => None,
        };
        what.map(|what| format!("secret {} {version} {what}", secret.name))
    }

    /// The command that lifts the fault.
    pub fn remedy(&self, secret: &SecretRef, project: &str) -> String {
        let (name, project) = (&secret.name, secret.project.as_deref().unwrap_or(project));
        let version = self.version.as_ref().or(secret.version.as_ref());
        match (&self.state, version) {
            (VersionState::Disabled, Some(version)) => format!(
                "gcloud secrets versions enable {version} --secret {name} --project {project}"
            ),
            _ => format!("firebase apphosting:secrets:set {name} --project {project}"),
        }
    }
}
