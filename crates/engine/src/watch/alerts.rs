//! Alerts about probes.

use std::time::Duration;

use crate::services::Services;
use pointsman_core::alert::{self, Alert, Notify};
use pointsman_core::ids::EnvironmentName;
use pointsman_core::probe::{ProbeChange, ProbeSnapshot};

/// Queues alerts about state changes, and about probes that are still down.
pub(super) fn of_probes(
    services: &Services,
    notify: &Notify,
    environment: &EnvironmentName,
    turned: &[ProbeChange],
    seen: &[ProbeSnapshot],
) {
    let now = services.clock.now();
    let of = |key: &str| seen.iter().find(|probe| probe.key == key);
    // Idle builds have no customers.
    let idle = |probe: &ProbeSnapshot| probe.side.is_some() && !probe.live;
    let mut alerts: Vec<_> = seen
        .iter()
        .filter(|probe| !idle(probe))
        .filter_map(|probe| alert::still_down(environment, probe, notify.remind, now))
        .collect();
    let mut quiet = Vec::new();
    for turned in turned.iter().filter(|turned| !of(&turned.key).is_some_and(idle)) {
        let muted = of(&turned.key).is_some_and(|probe| probe.muted.is_some());
        let interval = of(&turned.key).map_or(Duration::ZERO, |probe| probe.interval);
        let told = alert::of_probe(environment, turned, interval);
        if muted { quiet.extend(told) } else { alerts.extend(told) }
    }
    put(services, notify, &alerts);
    // Muted changes raise no alert but are recorded; otherwise the next one would be missed.
    let unheard = Notify { channels: Vec::new(), ..notify.clone() };
    put(services, &unheard, &quiet);
}

/// Queues alerts. A failure goes to our own log only: no decision depends on an alert.
pub(super) fn put(services: &Services, notify: &Notify, alerts: &[Alert]) {
    if notify.on.is_empty() || alerts.is_empty() {
        return;
    }
    let queued = services
        .stores
        .outbox()
        .and_then(|mut outbox| alerts.iter().try_for_each(|alert| outbox.put(notify, alert)));
    if let Err(error) = queued {
        tracing::warn!(%error, "alerts are lost");
    }
}
