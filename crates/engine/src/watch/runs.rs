//! Alerts about runs that wait for a person, whose runner died, or that left automatic rollouts disabled.

use std::collections::BTreeMap;
use std::time::Duration;

use super::alerts::put;
use crate::proposal::holder;
use crate::services::Services;
use pointsman_core::alert::{self, Alert, Notify};
use pointsman_core::ids::EnvironmentName;
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::ports::hosting::Automatic;
use pointsman_core::view::RunView;

/// Poll interval of runs.
const CHECK_EVERY: Duration = Duration::from_secs(10);

/// Checks the latest run of each environment until it is dropped.
pub async fn watch_runs(services: Services, notify: Notify, environments: Vec<EnvironmentSpec>) {
    // The number of reminders about held rollouts that were considered.
    let mut reminded: BTreeMap<EnvironmentName, u128> = BTreeMap::new();
    while !notify.is_empty() {
        services.clock.sleep(CHECK_EVERY).await;
        let Ok(store) = services.stores.open() else { continue };
        let now = services.clock.now();
        let latest = environments
            .iter()
            .filter_map(|spec| Some((spec, store.runs(Some(&spec.environment), 1).ok()?.pop()?)));
        let latest: Vec<_> = latest.collect();
        drop(store);
        let mut alerts = Vec::new();
        for (spec, run) in latest {
            if run.view.ended.is_none() {
                alerts.extend(match run.runner {
                    Some(_) => alert::still_waits(&run.view, notify.remind, now),
                    None => Some(alert::in_doubt(&run.view, now)),
                });
                continue;
            }
            // The platform is only read when a reminder would be due.
            let Some(holder) = holder(&services, &spec.environment) else { continue };
            let due = alert::held_reminders(&holder, notify.remind, now);
            let before = reminded.insert(spec.environment.clone(), due).unwrap_or_default();
            if due > before {
                alerts.extend(still_held(&services, &notify, spec, &holder).await);
            }
        }
        put(&services, &notify, &alerts);
    }
}

/// The reminder, if the platform still reports automatic rollouts that we disabled. If it cannot be read, the next
/// reminder tries again.
async fn still_held(
    services: &Services,
    notify: &Notify,
    spec: &EnvironmentSpec,
    view: &RunView,
) -> Option<Alert> {
    let hosting = services.hosting(&spec.endpoint, false).await.ok()??;
    let traffic = services.traffic(hosting.as_ref(), &spec.members).await.ok()?;
    let held = traffic.iter().filter(|(_, traffic)| {
        traffic.as_ref().is_some_and(|t| matches!(t.automatic, Automatic::Held { .. }))
    });
    let held: Vec<_> = held.map(|(service, _)| service.clone()).collect();
    if held.is_empty() {
        return None;
    }
    alert::still_held(view, &held, notify.remind, services.clock.now())
}
