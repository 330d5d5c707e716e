//! Reads databases less often than traffic: every look reads every record, and Firestore bills
//! each read.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::app::App;
use crate::config::Loaded;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::planner::EnvironmentSpec;
use crate::domain::snapshot::DatabaseSnapshot;
use crate::domain::time::Timestamp;
use crate::domain::view::{DatabaseView, RunView, TrafficState};
use crate::engine::proposal;

/// How long an unchanged database is not read again.
const READ_EVERY: Duration = Duration::from_mins(1);

/// The last run's changes to them, as far as they affect the snapshot.
type Mark =
    Option<(RunNumber, BTreeMap<String, DatabaseView>, Option<Timestamp>, Vec<TrafficState>)>;

type Seen = (Duration, Mark, Vec<DatabaseSnapshot>);

/// The snapshot and its time.
#[derive(Debug, Default)]
pub(super) struct Databases(Mutex<BTreeMap<EnvironmentName, Seen>>);

impl Databases {
    /// Reads the databases of an environment, or returns a recent result. None if files are invalid: `check` reports why.
    pub(super) async fn look(
        &self,
        app: &App,
        loaded: &Loaded,
        spec: &EnvironmentSpec,
        runs: &[RunView],
    ) -> Option<Vec<DatabaseSnapshot>> {
        // What a rollback would do to a database depends on what is live: a switch is a change too.
        let traffic = |run: &RunView| run.services.values().map(|s| s.traffic.clone()).collect();
        let mark =
            runs.first().map(|run| (run.number, run.databases.clone(), run.ended, traffic(run)));
        let now = app.clock.elapsed();
        if let Some((at, before, seen)) = self.0.lock().await.get(&spec.environment) {
            let unseen = seen.iter().any(|d| d.unseen.is_some());
            if *before == mark && !unseen && now.saturating_sub(*at) < READ_EVERY {
                return Some(seen.clone());
            }
        }
        let seen = proposal::databases(&app.services(), loaded, spec, runs).await.ok()?;
        let kept = (now, mark, seen.clone());
        self.0.lock().await.insert(spec.environment.clone(), kept);
        Some(seen)
    }
}
