//! The versions of the secrets that the files of an environment name, for a comparison of two environments.

use super::lint::secrets_now;
use crate::services::{READ_WITHIN, Services};
use crate::side_by_side::side_by_side;
use pointsman_config::Loaded;
use pointsman_core::build_config::SecretRef;
use pointsman_core::error::Problem;
use pointsman_core::ids::ServiceName;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::secret::{SecretLook, VersionState};

/// A secret of a service, with its version in an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretVersion {
    pub service: ServiceName,
    pub secret: String,
    /// The version in words: `4 (latest)`, `2 (pinned), disabled`, or why it is unknown.
    pub said: String,
}

/// Reads the version of each secret. The error says why none can be read.
pub async fn secret_versions(
    ports: &Services,
    loaded: &Loaded,
    spec: &EnvironmentSpec,
) -> Result<Vec<SecretVersion>, Problem> {
    let off = || Problem::new(format!("{} is not running", spec.environment));
    let hosting = ports.hosting(&spec.endpoint, false).await?.ok_or_else(off)?;
    let asked = secrets_now(loaded, spec).into_iter().map(|(member, secret)| {
        let hosting = hosting.clone();
        async move {
            let looked = hosting.secret(&member.target, &secret, true);
            let said = match tokio::time::timeout(READ_WITHIN, looked).await {
                Ok(looked) => in_words(&secret, looked),
                Err(_) => "unknown: no answer in time".to_owned(),
            };
            SecretVersion { service: member.service().clone(), secret: named(&secret), said }
        }
    });
    Ok(side_by_side(asked).await)
}

/// A secret without its version, with its project where the file names one.
fn named(secret: &SecretRef) -> String {
    match &secret.project {
        Some(project) => format!("{project}/{}", secret.name),
        None => secret.name.clone(),
    }
}

fn in_words(secret: &SecretRef, looked: Result<Option<SecretLook>, HostingError>) -> String {
    let pinned = if secret.version.is_some() { "pinned" } else { "latest" };
    let look = match looked {
        Ok(Some(look)) => look,
        Ok(None) => return "unknown: this platform has no secrets to ask about".to_owned(),
        Err(error) => return format!("unknown: {}", error.problem.what),
    };
    let version = look.version.or_else(|| secret.version.clone()).unwrap_or_default();
    match look.state {
        VersionState::NoSecret => "does not exist".to_owned(),
        VersionState::NoVersion if version.is_empty() => "has no version".to_owned(),
        VersionState::NoVersion => format!("has no version {version}"),
        VersionState::Enabled => format!("{version} ({pinned})"),
        VersionState::Disabled => format!("{version} ({pinned}), disabled"),
        VersionState::Destroyed => format!("{version} ({pinned}), destroyed"),
        VersionState::Other(word) => format!("{version} ({pinned}), {word}"),
    }
}
