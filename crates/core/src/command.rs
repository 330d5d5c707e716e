//! Commands that a person sends to a run, tied to the state that the person saw (N2).

use serde::{Deserialize, Serialize};

use super::approvals::{Approval, counts, may_start};
use super::gate::may_switch;
use super::identity::Identity;
use super::plan::RunKind;
use super::policy::{OnFailure, Protection};
use super::run::RunState;
use super::step::{Failure, StepKind};
use super::view::RunView;

/// A request to a run. The runner answers each with a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Approves the waiting gate.
    Approve(Approval),
    /// Lets the waiting gate wait its full time again, from now on.
    Extend,
    /// Tells others that its sender takes care of what the run waits for. It blocks no one.
    Claim,
    /// Offers the run to the person who accepts it: at the end of a shift, or before a machine is switched off.
    Offer,
    /// Accepts an offered run. Its sender drives it once the current step is over.
    Accept,
    /// Pauses before the next step, or holds an automatic rollback.
    Pause,
    Resume,
    /// Retries the failed step.
    Retry,
    /// Skips the failed step.
    Skip {
        reason: String,
    },
    /// Returns traffic to the previous build.
    Rollback,
    /// Ends the run at the next safe point or, with `now`, by cancelling the current step.
    Abort {
        /// Aborts without waiting for the current step.
        now: bool,
    },
    /// A command of a newer version, which is refused.
    #[serde(other)]
    Unknown,
}

impl Command {
    /// An approval without a note. Sending it adds the plan that its sender sees.
    pub fn approve() -> Self {
        Self::Approve(Approval::default())
    }
}

/// Why a checklist's gate cannot be approved: only its items open it.
pub const OPENS_BY_ITSELF: &str = "this gate opens by itself when its checklist is complete";

/// A stored command: a row of the commands table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The number in the store.
    pub id: u64,
    pub actor: String,
    /// Sequence number of the last fact that the sender had seen.
    pub seen: u64,
    pub command: Command,
}

/// Checks that the sender saw the current state, and that the command applies to it. The
/// error tells the sender what changed.
pub fn judge(view: &RunView, sent: &Sent) -> Result<(), String> {
    // Commands that add no risk mean the same at any step: a rollback or a pause must not fail because a
    // step started while the operator typed.
    let careful = matches!(
        sent.command,
        Command::Abort { .. }
            | Command::Rollback
            | Command::Pause
            | Command::Extend
            | Command::Claim
            | Command::Offer
            | Command::Accept
    );
    if sent.seen < view.decided_at && !careful {
        return Err(format!(
            "the run moved on after fact {}: it is now {} (fact {})",
            sent.seen,
            view.state.sentence(),
            view.decided_at
        ));
    }
    let by = Identity::of(&sent.actor);
    let fits = match &sent.command {
        Command::Approve(_) if matches!(view.gate(), Some(StepKind::GateChecklist { .. })) => {
            return Err(OPENS_BY_ITSELF.to_owned());
        }
        Command::Approve(approval) if matches!(view.state, RunState::Waiting { .. }) => {
            let may = may_switch(view).and_then(|()| counts(view, &by, approval));
            return may.map_err(|problem| problem.to_string());
        }
        Command::Approve(_) => false,
        Command::Extend => return may_extend(view),
        Command::Claim => view.waits_for_somebody(),
        Command::Offer => return may_offer(view),
        Command::Accept => return may_accept(view, &by),
        Command::Unknown => {
            return Err("the process that drives the run is of an older version and does not know this command".to_owned());
        }
        // A rollback always finishes: between two services, traffic is split.
        Command::Pause if view.returns_traffic() => {
            return Err("a rollback in progress cannot be paused".to_owned());
        }
        Command::Pause if view.held => return Err("it is held already".to_owned()),
        Command::Pause => {
            matches!(view.state, RunState::Ready { .. } | RunState::Running { .. })
                || counts_down(view)
        }
        Command::Resume => matches!(view.state, RunState::Paused { .. }),
        Command::Retry | Command::Skip { .. } => matches!(view.state, RunState::Failed { .. }),
        Command::Rollback => {
            may_roll_back(view, &by)?;
            view.can_go_back() && !view.undoing()
        }
        // After the switch it rolls back.
        Command::Abort { .. } if view.can_go_back() => {
            may_roll_back(view, &by)?;
            !matches!(view.state, RunState::Ended { .. })
        }
        Command::Abort { .. } => !matches!(view.state, RunState::Ended { .. }),
    };
    if let (true, Command::Skip { reason }) = (fits, &sent.command) {
        return may_skip(view, reason);
    }
    if fits { Ok(()) } else { Err(format!("the run is {}", view.state.sentence())) }
}

/// Whether a person may roll the run back.
fn may_roll_back(view: &RunView, who: &Identity) -> Result<(), String> {
    may_start(&view.plan, RunKind::Rollback, who).map_err(|problem| problem.to_string())
}

/// A rollback waits for no store, so two processes could return traffic at once.
const NOT_HANDED_OVER: &str = "a rollback is not handed over";

/// Whether the run can be offered to another person.
pub fn may_offer(view: &RunView) -> Result<(), String> {
    match (&view.offered, &view.handed) {
        _ if view.returns_traffic() => Err(NOT_HANDED_OVER.to_owned()),
        (_, Some(to)) => Err(format!("it is being handed over to {to}")),
        (Some(by), None) => Err(format!("{by} has offered it already")),
        (None, None) => Ok(()),
    }
}

/// Whether a person may accept the run.
pub fn may_accept(view: &RunView, who: &Identity) -> Result<(), String> {
    match (&view.offered, &view.handed) {
        _ if view.ended.is_some() => Err(format!("the run is {}", view.state.sentence())),
        _ if view.returns_traffic() => Err(NOT_HANDED_OVER.to_owned()),
        (_, Some(to)) => Err(format!("it is being handed over to {to}")),
        (None, None) => Err("no one has offered it".to_owned()),
        (Some(_), None) => may_start(&view.plan, view.plan.kind, who).map_err(|p| p.to_string()),
    }
}

/// Whether the run waits at a gate that has a time limit.
pub fn may_extend(view: &RunView) -> Result<(), String> {
    match (&view.state, view.deadline()) {
        (RunState::Waiting { .. }, Some(_)) => Ok(()),
        (RunState::Waiting { .. }, None) => Err("its gate waits without limit".to_owned()),
        _ => Err(format!("the run is {}", view.state.sentence())),
    }
}

/// Whether a failed soak rolls back automatically, unless a person holds it.
pub fn counts_down(view: &RunView) -> bool {
    let soak = &view.plan.policy.soak;
    let failed = matches!(view.state, RunState::Failed { .. });
    let step = view.state.step();
    let soaked = view.steps.iter().any(|s| Some(&s.plan.id) == step && s.plan.kind.soaks());
    let known = view.failure.as_ref().is_some_and(|(_, _, class)| *class == Failure::Lasting);
    let by_rule = soak.on_failure == OnFailure::Rollback && !soak.countdown.is_zero();
    failed && soaked && known && by_rule && view.can_go_back() && !view.undoing()
}

/// Whether the failed step of a run may be skipped. A step that a later step needs can never be skipped. In a typed
/// environment, neither can a check, since a mistake would harm customers. Every skip needs a reason.
pub fn may_skip(view: &RunView, reason: &str) -> Result<(), String> {
    let step = view.state.step();
    let planned = view.steps.iter().rev().find(|s| Some(&s.plan.id) == step);
    let Some(planned) = planned.map(|s| &s.plan) else {
        return Err("the run is at no step".to_owned());
    };
    let typed = view.plan.policy.protection == Protection::Typed;
    match planned.kind {
        StepKind::Preflight
        | StepKind::Build
        | StepKind::Migrate { .. }
        | StepKind::Baseline { .. }
        | StepKind::Repair { .. }
        | StepKind::GateSwitch
        | StepKind::GateChecklist { .. }
        | StepKind::Switch { .. }
        | StepKind::Shift { .. } => {
            Err(format!("{} cannot be left out: what follows needs it", planned.id))
        }
        StepKind::ProbeGreen
        | StepKind::Attest { .. }
        | StepKind::Soak
        | StepKind::SoakShare { .. }
        | StepKind::ProbePublic { .. }
            if typed =>
        {
            Err(format!("{} is never left out on {}", planned.id, view.plan.environment))
        }
        StepKind::ProbeGreen
        | StepKind::Attest { .. }
        | StepKind::Soak
        | StepKind::SoakShare { .. }
        | StepKind::ProbePublic { .. }
        | StepKind::MarkStable
        | StepKind::MarkBad
        | StepKind::StopBlue { .. }
        | StepKind::Prune { .. } => {
            let given = !reason.trim().is_empty();
            given.then_some(()).ok_or_else(|| "a skip needs a reason".to_owned())
        }
    }
}
