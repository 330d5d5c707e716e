//! The time limit of a gate. The clock of the machine that drives the run decides: it also timed the opening.

use super::Engine;
use crate::error::EngineError;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, Outcome};
use pointsman_core::ids::StepId;
use pointsman_core::step::StepKind;
use pointsman_core::time::spoken;
use pointsman_core::view::WaitsFor;

impl Engine {
    /// Reminds people of a gate that is due, and ends the run at an expired one if traffic was not touched. Returns whether
    /// the run ended.
    pub(super) async fn expired(&mut self, gate: &StepId) -> Result<bool, EngineError> {
        let view = self.supervisor.view();
        let Some(deadline) = view.deadline() else { return Ok(false) };
        let now = self.outside.clock.now();
        let reminded = view.open_gate.is_some_and(|open| open.reminded);
        // An approval that was accepted in time counts, although it is carried out after the end.
        let answered = match view.approvals_missing() {
            None => self.supervisor.wishes.approve.is_some(),
            Some(missing) => missing == 0,
        };
        if deadline.ends && now >= deadline.at && !answered {
            let problem = self.why_expired();
            self.end(Outcome::Aborted, Some(problem)).await?;
            return Ok(true);
        }
        if now >= deadline.remind && !reminded {
            let due = Event::GateDue { at: deadline.at, ends: deadline.ends };
            self.supervisor.record(Some(gate), &due)?;
        }
        Ok(false)
    }

    fn why_expired(&self) -> Problem {
        let view = self.supervisor.view();
        let listed = matches!(view.gate(), Some(StepKind::GateChecklist { .. }));
        let missing = match view.waits_for() {
            _ if listed => "its checklist was not completed",
            Some(WaitsFor::Health) => "GREEN was not known to be healthy",
            _ => "no one approved it",
        };
        let expires = spoken(view.plan.policy.gate.expires);
        Problem::coded(Code::GATE_EXPIRED, "the gate expired")
            .because(format!("{missing} within {expires}; traffic was not touched"))
            .try_this("deploy again; deploy.gate in the config sets the time")
    }
}
