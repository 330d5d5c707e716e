//! The preview address of GREEN at Cloud Run, where the config asks for it: opened once it is built, and closed at the end of
//! the run or by the next one. No run fails by it.

use std::time::Duration;

use crate::context::Context;
use crate::outside::Outside;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::{Member, Plan, RunKind};
use pointsman_core::preview::PreviewBy;
use pointsman_core::project::Target;

/// Time limit for opening an address.
const OPEN_WITHIN: Duration = Duration::from_mins(1);
/// Time limit for closing them, and for a look.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

/// Opens the address of GREEN. `None`: it has none, which the log explains.
pub(super) async fn open(context: &Context, member: &Member, build: &BuildId) -> Option<String> {
    let PreviewBy::CloudRunTag = context.plan().preview?;
    let previews = context.to_act().await.previews()?;
    context.progress(Some(member.service()), "opening a preview address at Cloud Run");
    let opened = tokio::select! {
        biased;
        opened = previews.open(&member.target, build) => opened.map_err(|error| error.problem.sentence()),
        () = context.sleep(OPEN_WITHIN) => Err("no answer in time".to_owned()),
    };
    match opened {
        Ok(address) => Some(address),
        Err(why) => {
            context.log(member.service(), format!("WARN no preview address: {why}"));
            None
        }
    }
}

/// Whether the preview address of a build was taken away meanwhile, as App Hosting may do. Unknown counts as no.
pub(crate) async fn is_gone(outside: &Outside, target: &Target, build: &BuildId) -> bool {
    let Some(previews) = outside.hosting.previews() else { return false };
    tokio::select! {
        biased;
        open = previews.is_open(target, build) => open.is_ok_and(|open| !open),
        () = outside.clock.sleep(CLOSE_WITHIN) => false,
    }
}

/// The services of a plan that may have preview addresses. A rollback neither opens nor waits for any.
pub(crate) fn members(plan: &Plan) -> &[Member] {
    let has = plan.preview.is_some() && plan.kind == RunKind::Deploy;
    if has { &plan.members } else { &[] }
}

/// Closes every preview address of one of these services, also those that a killed run left. The caller holds the lease: a
/// run that has ended must not touch the service of the next one. What cannot be closed stays until the next run.
pub(crate) async fn close(outside: &Outside, member: &Member) {
    let Some(previews) = outside.hosting.previews() else { return };
    let closed = tokio::select! {
        biased;
        closed = previews.close(&member.target) => closed.map_err(|error| error.to_string()),
        () = outside.clock.sleep(CLOSE_WITHIN) => Err("no answer in time".to_owned()),
    };
    if let Err(why) = closed {
        let service = member.service();
        tracing::warn!(%service, why, "a preview tag stays until the next run");
    }
}
