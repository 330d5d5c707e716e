//! Google credentials, found in the order of Google's own libraries (`docs/internals/app-hosting.md`). Tokens exist
//! only in memory, and are renewed before they expire.

mod credential_source;
mod exchange;
mod federation;
mod programs;

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::sync::{Mutex, OnceCell};

use self::credential_source::CredentialSource;
pub use self::credential_source::Surroundings;
use self::exchange::Exchange;
use pointsman_core::error::Problem;
use pointsman_core::ports::clock::Clock;
use pointsman_core::redact::know;
use pointsman_core::time::Timestamp;

/// The OAuth scope that App Hosting and Firestore require.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Google's token endpoint, for credentials files that name none.
pub const TOKEN_ENDPOINT: &str = "https://oauth2.googleapis.com/token";
/// Time before expiry at which a token is renewed.
const RENEW_BEFORE_END: Duration = Duration::from_mins(5);

/// Why there is no token.
#[derive(Debug, Clone)]
pub struct NoToken {
    /// The message for people.
    pub problem: Problem,
    /// Whether a retry may help: no answer, or a busy server.
    pub passing: bool,
}

impl NoToken {
    fn lasting(problem: Problem) -> Self {
        Self { problem, passing: false }
    }
}

/// The credentials in use: their source, account and expiry. Never the token.
#[derive(Debug, Clone, Serialize)]
pub struct About {
    /// `the service account key /…/key.json`.
    pub which: String,
    /// The account, if it is known.
    pub whom: Option<String>,
    /// Expiry of the current token. None: unknown.
    pub until: Option<Timestamp>,
    /// The project whose quota the calls count against.
    pub quota_project: Option<String>,
}

/// A new token, and its lifetime if the endpoint reports one.
pub(crate) struct Fresh {
    token: SecretString,
    lasts: Option<Duration>,
}

struct Kept {
    token: SecretString,
    /// When to renew the token, on the monotonic clock.
    renew_at: Duration,
    /// Expiry, on the same clock.
    ends_at: Duration,
    until: Option<Timestamp>,
}

/// The credentials found on this machine, and their current token.
pub struct Credentials {
    found: CredentialSource,
    exchange: Exchange,
    clock: Arc<dyn Clock>,
    quota_project: Option<String>,
    kept: Mutex<Option<Kept>>,
    /// The account, once it is known: some sources start a program to tell it.
    whom: OnceCell<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("which", &self.found.which()).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Finds credentials. The error states what is missing, and the command that fixes it.
    pub async fn find(around: &Surroundings, clock: Arc<dyn Clock>) -> Result<Self, Problem> {
        let exchange = Exchange::new(around.token_endpoint.clone(), clock.clone())?;
        let found = credential_source::find(around, &exchange).await?;
        let quota_project = around.var("GOOGLE_CLOUD_QUOTA_PROJECT").or(found.quota_project());
        let (kept, whom) = (Mutex::default(), OnceCell::new());
        Ok(Self { found, exchange, clock, quota_project, kept, whom })
    }

    /// A token that stays valid for at least a few minutes. Concurrent callers share one request to Google.
    pub async fn token(&self) -> Result<SecretString, NoToken> {
        let mut kept = self.kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| self.clock.elapsed() < kept.renew_at) {
            return Ok(kept.token.clone());
        }
        let asked = self.clock.elapsed();
        let fresh = match self.found.fetch(&self.exchange).await {
            Ok(fresh) => fresh,
            // No answer, and the current token is still valid: do not delay the request.
            Err(error) if error.passing => {
                let good = kept.as_ref().filter(|kept| self.clock.elapsed() < kept.ends_at);
                return good.map(|kept| kept.token.clone()).ok_or(error);
            }
            Err(error) => return Err(error),
        };
        let lasts = fresh.lasts;
        let until = lasts.and_then(|lasts| {
            let lasts = SignedDuration::try_from(lasts).ok()?;
            self.clock.now().checked_add(lasts).ok()
        });
        // Renew a token without a known lifetime soon.
        let lasts = lasts.unwrap_or(RENEW_BEFORE_END * 2);
        let renew_at = asked + lasts.saturating_sub(RENEW_BEFORE_END.min(lasts / 4));
        know(fresh.token.expose_secret());
        let (token, ends_at) = (fresh.token.clone(), asked + lasts);
        *kept = Some(Kept { token, renew_at, ends_at, until });
        Ok(fresh.token)
    }

    /// Drops a rejected token, so that the next call fetches a new one, unless it was already replaced. Returns
    /// `false` if there is no other token.
    pub async fn refused(&self, used: &SecretString) -> bool {
        let mut kept = self.kept.lock().await;
        let same = |kept: &Kept| kept.token.expose_secret() == used.expose_secret();
        if kept.as_ref().is_some_and(same) {
            *kept = None;
        }
        !matches!(self.found, CredentialSource::Given(_))
    }

    /// The project whose quota the calls count against.
    pub fn quota_project(&self) -> Option<&str> {
        self.quota_project.as_deref()
    }

    /// Describes the credentials. Fetches a token first, because credentials that cannot get one are of no use.
    pub async fn about(&self) -> Result<About, NoToken> {
        let token = self.token().await?;
        let asked = || async { self.found.whom(&self.exchange, &token).await.ok_or(()) };
        let whom = self.whom.get_or_try_init(asked).await.ok().cloned();
        let until = self.kept.lock().await.as_ref().and_then(|kept| kept.until);
        Ok(About {
            which: self.found.which(),
            whom,
            until,
            quota_project: self.quota_project.clone(),
        })
    }
}
