//! Marks a release as stable, bad or usable. Marking is idempotent and only records a fact.

use crate::context::{Context, Done, StepError, StepResult};
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, Mark};
use pointsman_core::guard::Guard;
use pointsman_core::ids::{BuildId, ServiceName};
use pointsman_core::plan::RunKind;
use pointsman_core::release::{ReleaseLabel, ReleaseName};
use pointsman_core::step::Side;

fn builds(context: &Context, side: Side) -> Vec<(ServiceName, BuildId)> {
    let members = context.plan().members.iter();
    let service = |m: &pointsman_core::plan::Member| m.service().clone();
    members
        .filter_map(|m| Some((service(m), context.service(m.service()).build(side)?.clone())))
        .collect()
}

pub(super) async fn stable(context: &Context) -> StepResult {
    let Some(release) = context.plan().release.clone() else {
        return Err(StepError::lasting(Problem::new("the plan has no release")));
    };
    mark(context, release, Mark::Stable, Side::Green, "it was live and passed its soak").await
}

/// Marks a release as bad: in a rollback the live release that it leaves, in an undone deploy the release that it
/// wanted to ship. A rollback to a bad release, which needs a reason, clears the mark of that release.
pub(super) async fn bad(context: &Context) -> StepResult {
    let plan = context.plan();
    let why = plan.reason.clone().unwrap_or_else(|| "it was rolled back".to_owned());
    if plan.kind != RunKind::Rollback {
        let Some(release) = plan.release.clone() else {
            return Err(StepError::lasting(Problem::new("the plan has no release")));
        };
        let why = context.view.undo.as_ref().map_or(why, |(_, because)| because.clone());
        return mark(context, release, Mark::Bad, Side::Green, &why).await;
    }
    let was_bad = plan.overrides.contains_key(&Guard::Bad);
    if let Some(release) = plan.release.clone().filter(|_| was_bad) {
        mark(context, release, Mark::Cleared, Side::Green, "traffic was rolled back to it").await?;
    }
    match plan.leaves.clone() {
        Some(release) => mark(context, release, Mark::Bad, Side::Blue, &why).await,
        None => Ok(Done::ok("nothing to mark")),
    }
}

async fn mark(
    context: &Context,
    release: ReleaseLabel,
    mark: Mark,
    side: Side,
    because: &str,
) -> StepResult {
    let word = match mark {
        Mark::Stable => "stable",
        Mark::Bad => "bad",
        Mark::Cleared => "usable",
    };
    let name = match side {
        Side::Green => context.plan().name(),
        Side::Blue => context.view.blue_name(),
    };
    let commit = name.filter(|name| name.label == release).and_then(|name| name.commit);
    let name = ReleaseName { label: release.clone(), commit: commit.clone() };
    let summary = format!("{name} is marked {word}");
    let builds = builds(context, side);
    let because = because.to_owned();
    context.record(Event::ReleaseMarked { release, commit, mark, builds, because }).await;
    Ok(Done::ok(summary))
}
