//! Decides what follows a failed step. The decision is pure, so that one table of tests covers every case.

use super::outside::Attendance;
use pointsman_core::event::DecidedBy;
use pointsman_core::plan::RunKind;
use pointsman_core::policy::OnFailure;
use pointsman_core::retry::ATTEMPTS;
use pointsman_core::step::Failure;
use pointsman_core::view::{RunView, ServiceView};

/// The action after a failed step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Repeat the step.
    Retry,
    /// Roll traffic back to blue.
    Undo(DecidedBy),
    /// End the run as failed.
    Fail,
    /// End the run as aborted: a person or a signal requested it.
    Abort,
    Wait,
}

/// Decides from the run alone. An inconclusive failure never triggers an automatic rollback (invariant 8), a rollback
/// never reverses (F30), and a run that moved no traffic moves none back. Invariant 8 is about health: a switch with an
/// unknown result that leaves some services on green and some on blue counts as failed.
pub(super) fn after_failure(view: &RunView, attempt: u32, asking: Attendance) -> Next {
    let class = view.failure.as_ref().map_or(Failure::Lasting, |(_, _, class)| *class);
    let can_undo = view.can_go_back() && !view.undoing();
    // Without a rule that decides, a person does; an unattended run ends.
    let otherwise = match asking {
        Attendance::Unattended => Next::Fail,
        Attendance::Attended => Next::Wait,
    };
    match class {
        Failure::Passing if attempt < ATTEMPTS => Next::Retry,
        Failure::Cancelled if can_undo => Next::Undo(DecidedBy::Person),
        Failure::Cancelled => Next::Abort,
        // A build from outside this run keeps the traffic that it was given, also where it could not be read yet.
        Failure::Drift
            if view.traffic_unknown() || !view.services.values().all(ServiceView::is_ours) =>
        {
            otherwise
        }
        Failure::Inconclusive | Failure::Lasting | Failure::Passing | Failure::Drift => {
            let by_rule = view.plan.policy.soak.on_failure == OnFailure::Rollback
                || asking == Attendance::Unattended;
            let known_bad = class != Failure::Inconclusive || switch_left_split(view);
            let bad = known_bad && view.plan.kind == RunKind::Deploy;
            if bad && can_undo && by_rule { Next::Undo(DecidedBy::Rule) } else { otherwise }
        }
    }
}

fn switch_left_split(view: &RunView) -> bool {
    let failed = view.failure.as_ref().map(|(step, ..)| step);
    let step = view.steps.iter().rev().find(|s| Some(&s.plan.id) == failed);
    (view.split().is_some() || view.may_be_split())
        && step.is_some_and(|s| s.plan.kind.moves_traffic())
}
