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
    let why = match context.within(OPEN_WITHIN, previews.open(&member.target, build)).await {
        Some(Ok(address)) => return Some(address),
        Some(Err(error)) => error.problem.sentence(),
        None => "no answer in time".to_owned(),
    };
    context.log(member.service(), format!("WARN no preview address: {why}"));
    None
}

/// Whether the preview address of a build was taken away meanwhile, as App Hosting may do. Unknown counts as no.
pub(crate) async fn is_gone(outside: &Outside, target: &Target, build: &BuildId) -> bool {
    let Some(previews) = outside.hosting.previews() else { return false };
    let open = outside.clock.within(CLOSE_WITHIN, previews.is_open(target, build)).await;
    matches!(open, Some(Ok(false)))
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
    let why = match outside.clock.within(CLOSE_WITHIN, previews.close(&member.target)).await {
        Some(Ok(_)) => return,
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_owned(),
    };
    let service = member.service();
    tracing::warn!(%service, why, "a preview tag stays until the next run");
}
