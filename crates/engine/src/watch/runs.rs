//! Alerts about runs that wait for a person, or whose runner died.

use std::time::Duration;

use super::alerts::put;
use crate::services::Services;
use pointsman_core::alert::{self, Notify};
use pointsman_core::ids::EnvironmentName;

/// Poll interval of runs.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Checks for waiting and abandoned runs until it is dropped.
pub async fn watch_runs(services: Services, notify: Notify, environments: Vec<EnvironmentName>) {
    while !notify.is_empty() {
        services.clock.sleep(CHECK_EVERY).await;
        let Ok(store) = services.stores.open() else { continue };
        let now = services.clock.now();
        let latest = environments.iter().filter_map(|e| store.runs(Some(e), 1).ok()?.pop());
        let under_way: Vec<_> = latest.filter(|run| run.view.ended.is_none()).collect();
        let alerts = under_way.iter().filter_map(|run| match run.runner {
            Some(_) => alert::still_waits(&run.view, notify.remind, now),
            None => Some(alert::in_doubt(&run.view, now)),
        });
        put(&services, &notify, &alerts.collect::<Vec<_>>());
    }
}
