//! Drift: differences between an environment and the state that our last run left, or between its services. Computed
//! in one place, so that the screen, `status`, the handover and JSON agree.

use super::snapshot::{BuildSnapshot, EnvironmentSnapshot};
use super::view::{RunView, TrafficState};

/// The differences, one sentence each. `last` is the latest run of the environment. While it is in progress, it causes
/// differences itself, so only split traffic is reported.
pub fn drift(seen: &EnvironmentSnapshot, last: Option<&RunView>) -> Vec<String> {
    if seen.unseen.is_some() {
        return Vec::new();
    }
    let over = last.filter(|view| view.ended.is_some());
    let mut drift = Vec::new();
    for service in &seen.services {
        let name = &service.service;
        if let TrafficState::Split(splits) = &service.traffic {
            let run = last.filter(|view| view.ended.is_none());
            let ours = run.and_then(|view| view.services.get(name));
            // A run in progress, or one that was interrupted, shares the traffic on purpose.
            if !ours.is_some_and(|seen| seen.is_shared(splits)) {
                drift.push(format!("{name} is split: {}", service.traffic));
            }
            continue;
        }
        let left = over.and_then(|view| view.services.get(name)?.serving.as_ref());
        let live = service.live.as_ref().map(|build| &build.build);
        if let (Some(left), Some(run)) = (left.filter(|left| Some(*left) != live), over) {
            let live = live.map_or("no build".to_owned(), ToString::to_string);
            drift.push(format!("{name} {live}, not {left} as run {} left it", run.number));
        }
    }
    let names = seen.services.iter().map(|s| s.live.as_ref().and_then(BuildSnapshot::name));
    let mut names: Vec<_> = names.collect();
    names.dedup();
    if names.len() > 1 && last.is_none_or(|view| view.ended.is_some()) {
        drift.push("the services are on different releases".to_owned());
    }
    drift
}
