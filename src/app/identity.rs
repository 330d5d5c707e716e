//! As whom this process acts.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use super::App;
use crate::adapters::process::user_name;
use crate::domain::identity::Identity;

/// Names this machine for others, instead of its host name: that of a container is random.
const MACHINE: &str = "POINTSMAN_MACHINE";

/// Time limit for the account of the Google credentials. gcloud alone can take seconds.
const ACCOUNT_WITHIN: Duration = Duration::from_secs(10);

/// The account of the credentials, once it was read. Shared by every clone of the app.
pub(super) type Account = Arc<RwLock<Option<Identity>>>;

impl App {
    /// The actor of everything that this process records, in its text form. Until [`Self::identity`] has read the account,
    /// it is the Unix user, marked as such.
    pub fn actor(&self) -> String {
        self.account().unwrap_or_else(local).to_string()
    }

    /// The account, once it was read.
    fn account(&self) -> Option<Identity> {
        self.account.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// As whom this process acts: the account of the credentials that reach the shared store, else the Unix user. Call it
    /// before anything is recorded. A local store knows no accounts, and an emulator accepts anybody.
    pub async fn identity(&self) -> Identity {
        if self.has_proven_store() && self.account().is_none() {
            let about = tokio::time::timeout(ACCOUNT_WITHIN, self.about_credentials()).await;
            let whom = about.ok().and_then(Result::ok).and_then(|about| about.whom);
            let found = whom.map(|whom| Identity::google(&whom));
            if found.is_some() {
                *self.account.write().unwrap_or_else(PoisonError::into_inner) = found;
            }
        }
        self.account().unwrap_or_else(local)
    }
}

fn local() -> Identity {
    Identity::local(&user_name(), &machine_name())
}

#[expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]
pub(super) fn machine_name() -> String {
    let named = std::env::var(MACHINE).ok().filter(|name| !name.trim().is_empty());
    named.unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned())
}
