//! Reads databases less often than traffic: each read fetches every record, and Firestore bills per read.

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

/// Minimum time between two reads of an unchanged database.
const READ_EVERY: Duration = Duration::from_mins(1);

/// Minimum time between two reads of a database that cannot be read.
const UNSEEN_EVERY: Duration = Duration::from_secs(15);

/// The parts of the last run that affect the snapshot. If they change, the kept result is outdated.
type Mark =
    Option<(RunNumber, BTreeMap<String, DatabaseView>, Option<Timestamp>, Vec<TrafficState>)>;

type Seen = (Duration, Mark, Vec<DatabaseSnapshot>);

/// The last snapshot of each environment's databases, with its time.
#[derive(Debug, Default)]
pub(super) struct Databases(Mutex<BTreeMap<EnvironmentName, Seen>>);

impl Databases {
    /// Reads the databases of an environment, or returns a recent result.
    /// `None` if files are invalid: `check` reports why.
    pub(super) async fn look(
        &self,
        app: &App,
        loaded: &Loaded,
        spec: &EnvironmentSpec,
        runs: &[RunView],
    ) -> Option<Vec<DatabaseSnapshot>> {
        // The effect of a rollback on a database depends on the live build, so a switch outdates the result too.
        let traffic = |run: &RunView| run.services.values().map(|s| s.traffic.clone()).collect();
        let mark =
            runs.first().map(|run| (run.number, run.databases.clone(), run.ended, traffic(run)));
        let now = app.clock.elapsed();
        if let Some((at, before, seen)) = self.0.lock().await.get(&spec.environment) {
            let unseen = seen.iter().any(|d| d.unseen.is_some());
            let every = if unseen { UNSEEN_EVERY } else { READ_EVERY };
            if *before == mark && now.saturating_sub(*at) < every {
                return Some(seen.clone());
            }
        }
        let seen = proposal::databases(&app.services(), loaded, spec, runs).await.ok()?;
        let kept = (now, mark, seen.clone());
        self.0.lock().await.insert(spec.environment.clone(), kept);
        Some(seen)
    }
}
