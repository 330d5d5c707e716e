//! Google credentials, found once for the whole process.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Mutex;

use super::App;
use crate::adapters::auth::Auth;
use crate::adapters::google::{About, Credentials, Surroundings};
use crate::adapters::proxy::Proxies;
use crate::domain::error::Problem;

/// How long a failed search for credentials stays valid, unless a file of gcloud changes. A search starts a program
/// that takes a second, and a screen asks for credentials every few seconds.
const SEARCH_AGAIN_AFTER: Duration = Duration::from_mins(15);

/// The result of a search, its monotonic time, and the state of the searched files.
#[derive(Debug)]
pub(super) struct Kept {
    at: Duration,
    written: Vec<Option<SystemTime>>,
    found: Result<Arc<Credentials>, Problem>,
}

/// Shared by every clone of the app.
pub(super) type Shared = Arc<Mutex<Option<Kept>>>;

impl App {
    /// Describes the proxies of this process. Fails if one is unusable.
    pub fn proxies(&self) -> Result<String, Problem> {
        let proxies = Proxies::of_environment();
        proxies.check().map(|()| proxies.told())
    }

    async fn credentials(&self) -> Result<Arc<Credentials>, Problem> {
        let mut kept = self.google.lock().await;
        let (around, at) = (Surroundings::here(), self.clock.elapsed());
        let written = around.written();
        let holds = |kept: &Kept| {
            let lately = at.saturating_sub(kept.at) < SEARCH_AGAIN_AFTER;
            kept.written == written && (kept.found.is_ok() || lately)
        };
        if let Some(kept) = kept.as_ref().filter(|kept| holds(kept)) {
            return kept.found.clone();
        }
        let found = Credentials::find(&around, self.clock.clone()).await.map(Arc::new);
        *kept = Some(Kept { at, written, found: found.clone() });
        found
    }

    /// The credentials for calls to Google.
    pub(super) async fn google(&self) -> Result<Auth, Problem> {
        self.credentials().await.map(Auth::Google)
    }

    /// The Google credentials in use: their source, account and expiry.
    pub async fn about_credentials(&self) -> Result<About, Problem> {
        self.credentials().await?.about().await.map_err(|no| no.problem)
    }
}
