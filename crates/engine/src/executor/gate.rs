//! Waits at gates: for approvals, for checklists and for the health of green.

use super::{COMMAND_POLL, Engine};
use crate::checking::Checking;
use crate::context::wanted;
use crate::error::EngineError;
use crate::green_watch::GreenWatch;
use pointsman_core::checklist::{List, may_pass, passed_by, seen_to_fail};
use pointsman_core::event::{AnsweredBy, DecidedBy, Event, Outcome};
use pointsman_core::gate::{green_may_serve, may_switch};
use pointsman_core::ids::StepId;
use pointsman_core::plan::Member;
use pointsman_core::run::RunState;
use pointsman_core::step::{PlannedStep, Side, StepKind};

impl Engine {
    /// Waits for an approval, until the gate expires.
    pub(super) async fn at_gate(&mut self, gate: &StepId) -> Result<(), EngineError> {
        if self.expired(gate).await? {
            return Ok(());
        }
        if let Some(StepKind::GateChecklist { list }) = self.supervisor.view().gate() {
            let list = *list;
            return self.at_list(gate, list).await;
        }
        // First refresh the guards, and the health of green if it is stale.
        let now = self.outside.clock.now();
        if self.checking.as_ref().is_some_and(|checking| !checking.written())
            || self.green.as_ref().is_some_and(|green| green.unheard(now).is_some())
        {
            return self.wait().await;
        }
        let approved = self.approved();
        // The state may have changed since the approval, while the run waited for fresh results.
        let approved = approved.filter(|_| may_switch(self.supervisor.view()).is_ok());
        let mut person = None;
        let by = match approved {
            Some((id, actor)) => {
                person = Some(actor);
                AnsweredBy::Command(id)
            }
            None if !self.supervisor.view().asks() => {
                match may_switch(self.supervisor.view()) {
                    Ok(()) => AnsweredBy::Beforehand,
                    Err(problem)
                        if self.green.as_ref().is_some_and(GreenWatch::failed)
                            || (green_may_serve(self.supervisor.view()).is_ok()
                                && !self.supervisor.view().plan.waits_for_people()) =>
                    {
                        return self.end(Outcome::Failed, Some(problem)).await;
                    }
                    // Unknown: keep checking.
                    Err(_) => return self.wait().await,
                }
            }
            None => return self.wait().await,
        };
        let answered = Event::GateAnswered { by, next: self.next_of(gate) };
        match person {
            Some(actor) => self.supervisor.record_as(&actor, Some(gate), &answered),
            None => self.supervisor.record(Some(gate), &answered),
        }
    }

    /// The approval that opens the gate: the only one, or the last of those that a rule counts.
    fn approved(&mut self) -> Option<(u64, String)> {
        let asked = self.supervisor.wishes.approve.take();
        let view = self.supervisor.view();
        match view.approvals_missing() {
            None => asked,
            Some(0) => view.approvals.last().map(|given| (given.command, given.by.clone())),
            Some(_) => None,
        }
    }

    /// The question that a gate asks. Before a switch it names the services whose switch cannot be verified.
    pub(super) fn question(&self, gate: &PlannedStep) -> String {
        let view = self.supervisor.view();
        let hosting = self.outside.hosting.as_ref();
        let alike = |member: &&Member| {
            let blue = view.services.get(member.service()).is_some_and(|s| s.blue.is_some());
            blue && wanted(view, hosting, member, Side::Green).is_ok_and(|w| !w.tells_apart())
        };
        let switches = gate.kind == StepKind::GateSwitch;
        let alike: Vec<_> = view.plan.members.iter().filter(alike).collect();
        if !switches || alike.is_empty() {
            return gate.title.clone();
        }
        let names: Vec<_> = alike.iter().map(|m| m.service().as_str()).collect();
        format!(
            "{}\nthe switch of {} may be unverifiable: the live build reports the same version, and answers name no \
             build",
            gate.title,
            names.join(" and ")
        )
    }

    /// Waits briefly, unless a request ends the run.
    async fn wait(&mut self) -> Result<(), EngineError> {
        if self.leaves().await? { Ok(()) } else { self.idle(COMMAND_POLL).await }
    }

    /// Waits until the checklist passes. No approval is needed.
    async fn at_list(&mut self, gate: &StepId, list: List) -> Result<(), EngineError> {
        self.supervisor.wishes.approve = None;
        let looked = self.checking.as_ref().is_some_and(Checking::written);
        match may_pass(self.supervisor.view(), list) {
            Ok(()) if looked => {
                let (by, next) = (passed_by(self.supervisor.view(), list), self.next_of(gate));
                self.supervisor.record(Some(gate), &Event::GateAnswered { by, next })
            }
            // Unattended: no person can tick or decide. After the switch, a failed item rolls back by rule.
            Err(problem) if looked && !self.supervisor.view().waits_for_tick(list) => {
                let view = self.supervisor.view();
                if view.can_go_back() && !view.undoing() && seen_to_fail(view, list) {
                    return self.go_back(DecidedBy::Rule, problem, true).await;
                }
                self.end(Outcome::Failed, Some(problem)).await
            }
            _ => self.wait().await,
        }
    }

    /// Watches the list that guards a gate while the gate waits.
    pub(super) fn watch_list(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let list = view.gate().and_then(StepKind::guarded_by);
        let list = list.filter(|list| view.plan.checklist.iter().any(|item| item.list == *list));
        let (RunState::Waiting { gate }, Some(list)) = (view.state.clone(), list) else {
            self.checking = None;
            return Ok(());
        };
        if self.checking.as_ref().is_none_or(|checking| checking.list() != list) {
            self.checking = Some(Checking::start(view, list, &self.outside));
        }
        let Some(checking) = &mut self.checking else { return Ok(()) };
        match checking.turned(&self.supervisor, &self.outside)? {
            Some(event) => self.supervisor.record(Some(&gate), &event),
            None => Ok(()),
        }
    }

    /// Probes green while its gate waits, and records each change of state, so that an approval from before the change
    /// is refused.
    pub(super) fn watch_green(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let switches = view.gate() == Some(&StepKind::GateSwitch);
        let (RunState::Waiting { gate }, true) = (view.state.clone(), switches) else {
            self.green = None;
            return Ok(());
        };
        let watch = self.green.get_or_insert_with(|| GreenWatch::start(view, &self.outside));
        let now = self.outside.clock.now();
        let turned = watch.turned(now);
        self.progress.send_replace(watch.progress(now));
        for event in turned {
            self.supervisor.record(Some(&gate), &event)?;
        }
        Ok(())
    }
}
