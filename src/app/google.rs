//! Google's credentials, found once for everybody in this process.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::App;
use crate::adapters::bearer::Bearer;
use crate::adapters::google::{About, Credentials, Surroundings};
use crate::domain::error::Problem;

/// Where there were none they are looked for again after this: looking starts a program, and a screen looks
/// every few seconds.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// What was found, and when on the monotonic clock.
pub(super) type Kept = Arc<Mutex<Option<(Duration, Result<Arc<Credentials>, Problem>)>>>;

impl App {
    async fn credentials(&self) -> Result<Arc<Credentials>, Problem> {
        let mut kept = self.google.lock().await;
        let now = self.clock.elapsed();
        if let Some((at, found)) = kept.as_ref()
            && (found.is_ok() || now.saturating_sub(*at) < LOOK_AGAIN)
        {
            return found.clone();
        }
        let found = Credentials::find(&Surroundings::here(), self.clock.clone()).await;
        let found = found.map(Arc::new);
        *kept = Some((now, found.clone()));
        found
    }

    /// What calls to Google carry.
    pub(super) async fn google(&self) -> Result<Bearer, Problem> {
        self.credentials().await.map(Bearer::Google)
    }

    /// Which of Google's credentials are used here, for whom and until when.
    pub async fn about_credentials(&self) -> Result<About, Problem> {
        self.credentials().await?.about().await.map_err(|no| no.problem)
    }
}
