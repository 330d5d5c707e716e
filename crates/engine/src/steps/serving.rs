//! What each layer says about the live build, asked once a verification did not pass. It explains a failure and decides
//! nothing: a layer that cannot be asked never delays a rollback by more than some seconds.

use std::time::Duration;

use futures_util::future::join;

use crate::context::Context;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::Answer;
use pointsman_core::serving::{RevisionShare, RunTraffic, ServingReport};
use pointsman_core::view::TrafficState;

/// Time limit per layer. All layers are read in parallel.
const ASK_WITHIN: Duration = Duration::from_secs(3);

/// Asks the layers, records what they say, and adds it to the problem. `address`: what the public address answered.
pub(super) async fn explain(
    context: &Context,
    member: &Member,
    wanted: &BuildId,
    address: &str,
    problem: Problem,
) -> Problem {
    let (hosting, target) = (&context.outside.hosting, &member.target);
    let platform = context.plan().endpoint.control();
    let (traffic, run) = join(
        within(context, hosting.traffic(target)),
        within(context, hosting.run_traffic(target)),
    )
    .await;
    let traffic = traffic.map_or_else(|why| why, |t| TrafficState::of(&t.splits).to_string());
    let mut reports = vec![ServingReport::new(platform, traffic)];
    let mut stale = None;
    match run {
        // The platform has no layer below it.
        Ok(None) => {}
        Ok(Some(run)) => {
            // Other tags may point elsewhere on purpose: only a revision that the address answered with explains it.
            stale = stale_share(context, member, wanted, &run)
                .filter(|share| !run.reconciling && address.contains(&share.revision));
            reports.push(ServingReport::new("Cloud Run", run.to_string()));
        }
        Err(why) => reports.push(ServingReport::new("Cloud Run", why)),
    }
    let address = if address.is_empty() { "nothing that names a build" } else { address };
    reports.push(ServingReport::new("the public address", address));
    let event = Event::ServingReported { service: member.service().clone(), reports };
    context.record(event).await;
    match stale {
        Some(share) => problem.try_this(way_out(context, member, wanted, &share)),
        None => problem,
    }
}

/// The answer of a layer, or why there is none.
async fn within<T>(context: &Context, asked: Answer<'_, T>) -> Result<T, String> {
    match context.within(ASK_WITHIN, asked).await {
        Some(answer) => answer.map_err(|error| format!("nothing: {}", error.problem.sentence())),
        None => Err(format!("nothing within {} s", ASK_WITHIN.as_secs())),
    }
}

fn stale_share(
    context: &Context,
    member: &Member,
    wanted: &BuildId,
    run: &RunTraffic,
) -> Option<RevisionShare> {
    let revision = context.outside.hosting.revision(&member.target, wanted)?;
    run.stale(&revision).cloned()
}

/// What is left behind, and the command that points it at the wanted build where that is one of Google's.
fn way_out(context: &Context, member: &Member, wanted: &BuildId, share: &RevisionShare) -> String {
    let Some(tag) = &share.tag else {
        return format!("Cloud Run still sends {} % to {}", share.percent, share.revision);
    };
    let still = format!("Cloud Run's tag {tag} is still at {}", share.revision);
    match context.plan().endpoint.repoint_tag(member, tag, wanted) {
        Some(command) => format!("{still}; repoint it: {command}"),
        None => still,
    }
}
