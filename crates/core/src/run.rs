//! The state machine of a run: one pure function that the live engine, recovery, replay, headless
//! output and tests all call.

use std::fmt;

use super::event::{Event, Outcome};
use super::ids::StepId;

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RunState {
    /// Nothing is journaled yet.
    Planned,
    Ready {
        next: StepId,
    },
    Running {
        step: StepId,
        /// Attempt number, from 1.
        attempt: u32,
    },
    Waiting {
        gate: StepId,
    },
    /// A step failed; a person or a rule decides: retry, roll back, or end.
    Failed {
        step: StepId,
        /// Number of attempts so far.
        attempt: u32,
    },
    /// Paused between two steps.
    Paused {
        next: StepId,
    },
    /// Every step is done; only the end is still to be recorded.
    Done,
    Ended {
        outcome: Outcome,
    },
}

impl RunState {
    /// One word for JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Ready { .. } | Self::Running { .. } | Self::Done => "running",
            Self::Waiting { .. } => "waiting",
            Self::Failed { .. } => "step_failed",
            Self::Paused { .. } => "paused",
            Self::Ended { outcome } => outcome.label(),
        }
    }

    /// The step that the run is at, if any.
    pub fn step(&self) -> Option<&StepId> {
        match self {
            Self::Ready { next: step }
            | Self::Running { step, .. }
            | Self::Waiting { gate: step }
            | Self::Failed { step, .. }
            | Self::Paused { next: step } => Some(step),
            Self::Planned | Self::Done | Self::Ended { .. } => None,
        }
    }

    /// A few words that finish "the run is …".
    pub fn sentence(&self) -> String {
        match self {
            Self::Planned => "not started".to_owned(),
            Self::Ready { next } => format!("about to start {next}"),
            Self::Running { step, attempt: 1 } => format!("in {step}"),
            Self::Running { step, attempt } => format!("in {step}, attempt {attempt}"),
            Self::Waiting { gate } => format!("waiting at {gate}"),
            Self::Failed { step, .. } => format!("undecided after {step} failed"),
            Self::Paused { next } => format!("paused before {next}"),
            Self::Done => "about to end".to_owned(),
            Self::Ended { outcome } => format!("ended: {}", outcome.word()),
        }
    }
}

/// A fact that is not allowed in the state of the run. Such a fact is never written; one that is read back
/// indicates a damaged or foreign journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IllegalTransition {
    /// The state of the run at that time.
    pub state: RunState,
    pub event: String,
    pub step: Option<StepId>,
}

impl fmt::Display for IllegalTransition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot happen", self.event)?;
        if let Some(step) = &self.step {
            write!(f, " in {step}")?;
        }
        write!(f, " while the run is {}", self.state.sentence())
    }
}

impl std::error::Error for IllegalTransition {}

/// The state after a fact, or why the fact is not allowed.
pub fn transition(
    state: &RunState,
    step: Option<&StepId>,
    event: &Event,
) -> Result<RunState, IllegalTransition> {
    next_state(state, step, event).ok_or_else(|| IllegalTransition {
        state: state.clone(),
        event: super::event::Recorded::Known(event.clone()).parts().0,
        step: step.cloned(),
    })
}

fn next_state(state: &RunState, step: Option<&StepId>, event: &Event) -> Option<RunState> {
    use RunState as S;
    let here = state.step().is_some() && state.step() == step;
    match event {
        Event::RunStarted { plan, .. } => {
            let first = plan.steps.first()?.id.clone();
            matches!(state, S::Planned).then_some(S::Ready { next: first })
        }
        Event::StepStarted { attempt } => {
            let expected = match state {
                S::Ready { .. } => 1,
                S::Failed { attempt, .. } => attempt + 1,
                S::Planned
                | S::Running { .. }
                | S::Waiting { .. }
                | S::Paused { .. }
                | S::Done
                | S::Ended { .. } => return None,
            };
            let step = step?.clone();
            (here && *attempt == expected).then_some(S::Running { step, attempt: *attempt })
        }
        Event::StepFinished { next, .. } => {
            (here && matches!(state, S::Running { .. })).then(|| ready(next.as_ref()))
        }
        Event::StepFailed { .. } => {
            let S::Running { step, attempt } = state else { return None };
            here.then(|| S::Failed { step: step.clone(), attempt: *attempt })
        }
        Event::StepSkipped { next, .. } => (here
            && matches!(state, S::Ready { .. } | S::Failed { .. }))
        .then(|| ready(next.as_ref())),
        Event::GateOpened { .. } => {
            let S::Ready { next } = state else { return None };
            here.then(|| S::Waiting { gate: next.clone() })
        }
        Event::GateAnswered { next, .. } => {
            (here && matches!(state, S::Waiting { .. })).then(|| ready(next.as_ref()))
        }
        Event::BlueObserved { .. }
        | Event::RolloutsHeld { .. }
        | Event::FilesSeen { .. }
        | Event::BuildRequested { .. }
        | Event::CandidateReady { .. }
        | Event::SwitchRequested { .. }
        | Event::ShiftRequested { .. }
        | Event::TrafficObserved { .. }
        | Event::ReleaseMarked { .. }
        | Event::DatabaseLocked { .. }
        | Event::SchemaSeen { .. }
        | Event::MigrationRequested { .. }
        | Event::MigrationEnded { .. }
        | Event::ReleaseFaulted { .. }
        | Event::ServingReported { .. }
        | Event::ConfigCompared { .. }
        | Event::BuildStopped { .. }
        | Event::BuildDeleted { .. } => {
            (here && matches!(state, S::Running { .. })).then(|| state.clone())
        }
        // The candidate is monitored while its gate waits, and may lose its address.
        Event::Judged { .. } | Event::GreenReady { .. } => {
            (here && matches!(state, S::Running { .. } | S::Waiting { .. })).then(|| state.clone())
        }
        Event::ChecklistSeen { .. } | Event::GateDue { .. } => {
            (here && matches!(state, S::Waiting { .. })).then(|| state.clone())
        }
        Event::UndoPlanned { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed {}
        | Event::CommandAccepted { .. }
        | Event::CommandRefused { .. }
        | Event::RunnerLost { .. }
        | Event::RunHandedOver { .. }
        | Event::RunTakenOn {}
        | Event::RolloutsReleased { .. }
        | Event::RunEnded { .. }
        | Event::RunSuperseded { .. } => of_the_run(state, event),
    }
}

/// Transitions by facts about the run as a whole, rather than about its current step.
fn of_the_run(state: &RunState, event: &Event) -> Option<RunState> {
    use RunState as S;
    let begun = !matches!(state, S::Planned | S::Ended { .. });
    let between =
        matches!(state, S::Ready { .. } | S::Failed { .. } | S::Waiting { .. } | S::Paused { .. });
    match (event, state) {
        (Event::UndoPlanned { first, .. }, _) => between.then(|| S::Ready { next: first.clone() }),
        (Event::RunPaused { .. }, S::Ready { next }) => Some(S::Paused { next: next.clone() }),
        (Event::RunResumed {}, S::Paused { next }) => Some(S::Ready { next: next.clone() }),
        // The interrupted step is in doubt, and needs a decision like a failed step.
        (Event::RunnerLost { .. }, S::Running { step, attempt }) => {
            Some(S::Failed { step: step.clone(), attempt: *attempt })
        }
        // Between two steps: nothing is in doubt, and the state stays.
        (Event::RunHandedOver { .. } | Event::RunTakenOn {}, _) => between.then(|| state.clone()),
        (Event::RunnerLost { .. }, _) => begun.then(|| state.clone()),
        (Event::CommandAccepted { .. } | Event::CommandRefused { .. }, _) => {
            begun.then(|| state.clone())
        }
        (Event::RolloutsReleased { .. }, _) => {
            (between || *state == S::Done).then(|| state.clone())
        }
        (Event::RunEnded { outcome, .. }, _) => {
            let reached = outcome.reached();
            // Also once every step is done: before the end is recorded someone else may move the traffic.
            let left = matches!(outcome, Outcome::Aborted | Outcome::Unknown);
            let given_up = left || *outcome == Outcome::Failed;
            let fits = if *state == S::Done { reached || left } else { between && given_up };
            fits.then_some(S::Ended { outcome: *outcome })
        }
        (Event::RunSuperseded { .. }, _) => {
            begun.then_some(S::Ended { outcome: Outcome::Superseded })
        }
        _ => None,
    }
}

fn ready(next: Option<&StepId>) -> RunState {
    next.map_or(RunState::Done, |next| RunState::Ready { next: next.clone() })
}
