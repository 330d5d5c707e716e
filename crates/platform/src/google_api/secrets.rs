//! Secrets of a service, from Secret Manager (`docs/internals/google-apis.md`). Their values are never read.

#![expect(clippy::disallowed_methods, reason = "the age of a reading of a real server")]

use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use super::{Client, Kind, wire};
use pointsman_core::build_config::SecretRef;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::hosting::{HostingError, HostingReason};
use pointsman_core::project::Target;
use pointsman_core::secret::{Reader, SecretLook, VersionState};

/// How long a result is reused while an environment is watched. A deploy never reuses one.
const SHOWN_FOR: Duration = Duration::from_mins(1);
/// The role that may read the value of a secret.
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";

/// The looks of this process, by address and name.
static LOOKS: OnceLock<Mutex<HashMap<String, (Instant, Known)>>> = OnceLock::new();

/// A result: failures are reused too, so that an API that is forbidden or silent is not called at every look.
type Known = Result<SecretLook, HostingError>;

/// The service account that reads a secret. Awaited only if it is needed.
pub(crate) type Account<'a> = BoxFuture<'a, Result<String, HostingError>>;

impl Client {
    /// One secret. `None`: this server has no Secret Manager. `recent`: a look of the last minute will do.
    pub(crate) async fn look_at_secret(
        &self,
        target: &Target,
        secret: &SecretRef,
        recent: bool,
        account: Account<'_>,
    ) -> Result<Option<SecretLook>, HostingError> {
        let project = secret.project.as_deref().unwrap_or(target.project().as_str());
        let name = format!("projects/{project}/secrets/{}", secret.name);
        let version = secret.version.as_deref().unwrap_or("latest");
        let key = format!("{}/{name}/{version}/{}", self.base, target.backend());
        let looks = LOOKS.get_or_init(Mutex::default);
        let known = looks.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some((_, look)) = known.filter(|(at, _)| recent && at.elapsed() < SHOWN_FOR) {
            return look.map(Some);
        }
        if self.kind == Kind::Loopback && !self.has_secret_manager(project).await? {
            return Ok(None);
        }
        let look = self.secret((!recent).then_some(account), &name, version).await;
        let mut looks = looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(key, (Instant::now(), look.clone()));
        drop(looks);
        look.map(Some)
    }

    /// Whether a server that is not Google's serves this API too. Only then is a secret that it does not find missing.
    async fn has_secret_manager(&self, project: &str) -> Result<bool, HostingError> {
        match self
            .secret_manager(&format!("projects/{project}/secrets"), &[("pageSize", "1")])
            .await
        {
            Ok(_) => Ok(true),
            Err(error)
                if matches!(
                    error.reason,
                    HostingReason::NotFound | HostingReason::Unimplemented
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn secret_manager(
        &self,
        name: &str,
        query: &[(&str, &str)],
    ) -> Result<Value, HostingError> {
        let url = format!("{}/v1/{name}", self.origin(GoogleApi::SecretManager));
        self.fetch(GoogleApi::SecretManager, (Method::GET, &url), query, None).await
    }

    /// One version. `reader`: also whether this service account may read it, which takes more calls.
    async fn secret(
        &self,
        reader: Option<Account<'_>>,
        name: &str,
        version: &str,
    ) -> Result<SecretLook, HostingError> {
        let missing = |error: &HostingError| error.reason == HostingReason::NotFound;
        let json = match self.secret_manager(&format!("{name}/versions/{version}"), &[]).await {
            Ok(json) => json,
            Err(error) if missing(&error) => {
                let state = match self.secret_manager(name, &[]).await {
                    Ok(_) => VersionState::NoVersion,
                    Err(error) if missing(&error) => VersionState::NoSecret,
                    Err(error) => return Err(error),
                };
                let reader = Reader::NotAsked;
                return Ok(SecretLook { version: None, state, destroyed_at: None, reader });
            }
            Err(error) => return Err(error),
        };
        let state = match json["state"].as_str() {
            Some("ENABLED") => VersionState::Enabled,
            Some("DISABLED") => VersionState::Disabled,
            Some("DESTROYED") => VersionState::Destroyed,
            Some(word) => VersionState::Other(word.to_owned()),
            None => return Err(wire::unreadable("a version of a secret")),
        };
        Ok(SecretLook {
            version: Some(wire::last_part(&json["name"]).to_owned()).filter(|v| !v.is_empty()),
            state,
            destroyed_at: json["scheduledDestroyTime"].as_str().and_then(|at| at.parse().ok()),
            reader: match reader {
                Some(account) => self.reader(account, name).await,
                None => Reader::NotAsked,
            },
        })
    }

    /// Whether the secret's own policy lets a service account read it.
    async fn reader(&self, account: Account<'_>, name: &str) -> Reader {
        let policy = self.secret_manager(&format!("{name}:getIamPolicy"), &[]).await;
        let (policy, account) = match (policy, account.await) {
            (Ok(policy), Ok(account)) => (policy, account),
            (Err(error), _) | (_, Err(error)) => return Reader::Unknown(error.problem.sentence()),
        };
        let member = format!("serviceAccount:{account}");
        let bindings = policy["bindings"].as_array().into_iter().flatten();
        let granted = bindings
            .filter(|binding| binding["role"] == ACCESSOR)
            .flat_map(|binding| binding["members"].as_array().into_iter().flatten())
            .any(|one| *one == member.as_str());
        if granted { Reader::Granted } else { Reader::NotSeen(account) }
    }
}
