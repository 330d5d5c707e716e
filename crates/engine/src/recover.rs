//! Reads the live builds of a run whose runner died.

use crate::side_by_side::side_by_side;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{Hosting, HostingError, Traffic};
use pointsman_core::recover::{Observed, Serving};
use pointsman_core::step::Side;
use pointsman_core::view::{RunView, ServiceView, TrafficState};

/// The live build of each service of the run. Services that were not observed yet cannot be judged, and need not be:
/// the run has not changed them.
pub async fn observe(hosting: &dyn Hosting, view: &RunView) -> Result<Observed, HostingError> {
    let reads = view.plan.members.iter().filter_map(|member| {
        let seen = view.services.get(member.service()).filter(|s| s.blue_known)?;
        Some(async move {
            let traffic = hosting.traffic(&member.target).await?;
            Ok((member.service().clone(), serving(&traffic, seen)))
        })
    });
    side_by_side(reads).await.into_iter().collect()
}

fn serving(traffic: &Traffic, seen: &ServiceView) -> Serving {
    let moves = traffic.moving || !traffic.unfinished.is_empty();
    if traffic.splits.is_empty() {
        return if moves { Serving::Moving(None) } else { Serving::NoBuild };
    }
    let whole = traffic.whole();
    let is = |build: Option<&BuildId>| build.is_some() && whole == build;
    for (build, side) in [(&seen.green, Side::Green), (&seen.blue, Side::Blue)] {
        if is(build.as_ref()) {
            return if moves { Serving::Moving(Some(side)) } else { Serving::Side(side) };
        }
    }
    if let Some(green) = seen.green.as_ref().filter(|_| seen.is_shared(&traffic.splits)) {
        let green = TrafficState::of(&traffic.splits).share_of(green);
        return Serving::Shared { green, moving: moves };
    }
    let parts = traffic.splits.iter().map(|s| format!("{} {} %", s.build, s.percent));
    Serving::Foreign(parts.collect::<Vec<_>>().join(", "))
}
