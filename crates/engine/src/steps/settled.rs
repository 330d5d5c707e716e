//! Waits until no foreign rollout is in flight.

use super::schema::gives_back;
use crate::context::{Context, StepError};
use pointsman_core::error::Problem;
use pointsman_core::ids::RolloutId;
use pointsman_core::plan::{Member, RunKind};
use pointsman_core::ports::hosting::Traffic;

/// Maximum polls; with Google's back-off they take three minutes.
const TRAFFIC_READS: u32 = 20;

/// Reads the traffic once no other actor is moving it. Rollouts of this run are not waited for, because a later rollout
/// follows them. The wait is limited: after it, a rollback continues, and only a deploy is refused, since another
/// person or tool is moving traffic (F10).
pub(super) async fn traffic(context: &Context, member: &Member) -> Result<Traffic, StepError> {
    let (hosting, service) = (&context.outside.hosting, member.service());
    let seen = context.service(service);
    let ours = |id: &RolloutId| seen.rollouts.iter().any(|(ordered, _)| ordered == id);
    let mut look = 0;
    loop {
        let traffic = hosting.traffic(&member.target).await?;
        let other = traffic.unfinished.iter().find(|id| !ours(id)).cloned();
        let only_ours = other.is_none() && !traffic.unfinished.is_empty();
        if !traffic.moving || only_ours {
            return Ok(traffic);
        }
        // Where shares are set, the next request replaces the one before: a rollback waits for nothing.
        if hosting.shares().is_some() && gives_back(context) {
            return Ok(traffic);
        }
        look += 1;
        if look > TRAFFIC_READS
            && (context.plan().kind != RunKind::Deploy || context.view.undoing())
        {
            return Ok(traffic);
        }
        if look > TRAFFIC_READS {
            let why = other.map_or_else(
                || "the platform says that it is reconciling".to_owned(),
                |id| format!("rollout {id} is under way, and is not of this run"),
            );
            return Err(StepError::inconclusive(
                Problem::new(format!(
                    "traffic of {service} is being moved by another person or tool"
                ))
                .because(why)
                .try_this("wait until it ends, check the live build, then try again"),
            ));
        }
        context.progress(Some(service), "waiting for another change of its traffic to end");
        context.sleep(hosting.poll_after(look)).await;
    }
}
