//! Decides when the current step is cancelled. A rollback never interrupts a switch.

use std::time::Duration;

use super::Engine;
use crate::context::StepError;
use pointsman_core::error::Problem;
use pointsman_core::ids::StepId;
use pointsman_core::step::{Failure, StepKind};

/// Grace period for the current step after the process received a signal.
const CANCEL_GRACE: Duration = Duration::from_secs(10);

impl Engine {
    /// Whether the grace period has expired.
    pub(super) fn overdue(&self) -> bool {
        let told = self.supervisor.wishes.leave;
        told.is_some_and(|told| self.outside.clock.elapsed().saturating_sub(told) > CANCEL_GRACE)
    }

    /// Whether to cancel the current step. A rollback cancels any step except a switch. A soak only observes, so a stop
    /// can safely end it at any moment.
    pub(super) fn cancels(&self, kind: &StepKind) -> bool {
        let (wishes, view) = (&self.supervisor.wishes, self.supervisor.view());
        let goes_back = wishes.rollback.is_some() && view.can_go_back();
        let soaks = wishes.stop && kind.soaks();
        !view.gives_back() && (wishes.abort || soaks || (goes_back && !kind.moves_traffic()))
    }

    /// The error of a cancelled step: says what ended it.
    pub(super) fn ended_by(&self, step: &StepId) -> StepError {
        let problem = Problem::new(match &self.supervisor.wishes.rollback {
            Some(actor) => format!("{actor} rolled back; {step} was ended"),
            None => format!("{step} was ended by an abort"),
        });
        StepError { problem, class: Failure::Cancelled }
    }
}
