//! Queries on a folded run.

use super::{RunView, ServiceView};
use crate::build_config::ConfigChange;
use crate::checklist::{ItemStatus, List, may_pass};
use crate::event::{DecidedBy, Outcome};
use crate::gate::green_may_serve;
use crate::ids::ServiceName;
use crate::plan::RunKind;
use crate::release::ReleaseName;
use crate::run::RunState;
use crate::step::{Failure, StepKind};

/// What a run at a gate waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// An approval, or items that only a person can settle.
    Person,
    /// Rules that may still be met without a person.
    Rules,
    /// The health of GREEN: no approval is possible until it is known to be good.
    Health,
}

impl RunView {
    /// The index of the step that the run is at. A step of a rollback may repeat an earlier one, so the last counts.
    pub fn current_step(&self) -> Option<usize> {
        let step = self.state.step()?;
        self.steps.iter().rposition(|s| &s.plan.id == step)
    }

    /// The release that was live when the run started.
    pub fn blue_name(&self) -> Option<ReleaseName> {
        self.services.values().find_map(ServiceView::blue_name)
    }

    /// The gate that the run waits at.
    pub fn gate(&self) -> Option<&StepKind> {
        let RunState::Waiting { gate } = &self.state else { return None };
        self.steps.iter().rev().map(|step| &step.plan).find(|s| &s.id == gate).map(|s| &s.kind)
    }

    /// Whether it waits at a checklist's gate that can still open without a person.
    pub fn looks_at_list(&self) -> bool {
        let Some(StepKind::GateChecklist { list }) = self.gate() else { return false };
        !self.checklists.contains_key(list) || may_pass(self, *list).is_ok()
    }

    /// Whether this run disabled automatic rollouts and left them so.
    pub fn left_rollouts_held(&self) -> bool {
        self.ended.is_some() && self.services.values().any(|seen| seen.held_policy.is_some())
    }

    /// What changes besides code, change by change, with its service.
    pub fn config_changes(&self) -> Vec<(&ServiceName, &ConfigChange)> {
        let each = self.services.iter().flat_map(|(service, seen)| {
            let changes = seen.config_changes.iter().flatten();
            changes.map(move |change| (service, change))
        });
        each.collect()
    }

    /// What the run waits for at its gate. `None`: it waits at no gate.
    pub fn waits_for(&self) -> Option<WaitsFor> {
        let gate = self.gate()?;
        Some(if self.looks_at_list() {
            WaitsFor::Rules
        } else if *gate == StepKind::GateSwitch && green_may_serve(self).is_err() {
            WaitsFor::Health
        } else {
            WaitsFor::Person
        })
    }

    /// Whether the run waits for a person.
    pub fn waits_for_somebody(&self) -> bool {
        match self.state {
            RunState::Waiting { .. } => !self.looks_at_list(),
            RunState::Paused { .. } | RunState::Failed { .. } => true,
            RunState::Planned
            | RunState::Ready { .. }
            | RunState::Running { .. }
            | RunState::Done
            | RunState::Ended { .. } => false,
        }
    }

    /// Time without waiting for people.
    pub fn active_ms(&self) -> u64 {
        self.elapsed_ms.saturating_sub(self.waited_ms)
    }

    /// Whether an item that was settled no longer is.
    pub(super) fn fell(&self, list: List, items: &[ItemStatus]) -> bool {
        let before = self.checklists.get(&list);
        let settled = |id: &str| {
            let before = before.and_then(|seen| seen.iter().find(|seen| seen.id == id));
            before.is_some_and(|seen| seen.standing.settled())
        };
        items.iter().any(|item| !item.standing.settled() && settled(&item.id))
    }

    /// Whether the run has decided to roll back.
    pub fn undoing(&self) -> bool {
        self.undo.is_some()
    }

    /// Whether a switch was requested: from then on traffic may have changed.
    pub fn touched_traffic(&self) -> bool {
        self.services.values().any(|s| s.switch_asked)
    }

    /// Whether this run is rolling traffic back. A rollback runs to its end even if an operator aborts: half
    /// a rollback is worse than either side.
    pub fn gives_back(&self) -> bool {
        self.undoing() || (self.plan.kind == RunKind::Rollback && self.touched_traffic())
    }

    /// Whether this run returns traffic: a rollback, or a run that rolls back. Such a run waits for no store.
    pub fn returns_traffic(&self) -> bool {
        self.gives_back() || self.plan.kind == RunKind::Rollback
    }

    /// Whether traffic may be on both sides, or is on its way back. Worse than either side, so it is finished first.
    pub fn is_half_way(&self) -> bool {
        self.gives_back() || self.may_be_split() || self.split().is_some()
    }

    /// Whether this deploy moved traffic, and the previous builds are known.
    pub fn can_go_back(&self) -> bool {
        let mut switched = self.services.values().filter(|s| s.switch_asked).peekable();
        self.plan.kind == RunKind::Deploy
            && switched.peek().is_some()
            && switched.all(|s| s.blue.is_some())
    }

    /// The exit code of the command that drove the run. 0 if and only if the
    /// observed state is the intended one.
    pub fn exit_code(&self) -> u8 {
        let RunState::Ended { outcome } = &self.state else {
            return 7;
        };
        match outcome {
            Outcome::Promoted | Outcome::CleanedUp | Outcome::Migrated => 0,
            Outcome::RolledBack if self.plan.kind == RunKind::Rollback => 0,
            Outcome::RolledBack => match &self.undo {
                Some((DecidedBy::Rule, _)) => 6,
                _ => 1,
            },
            // The live build is unknown, which matters more than anything else.
            Outcome::Failed | Outcome::Aborted if self.traffic_unknown() => 7,
            Outcome::Failed if self.unlisted => 3,
            Outcome::Failed if self.failed_as(Failure::Inconclusive) => 5,
            Outcome::Aborted if self.failed_as(Failure::Cancelled) => 130,
            Outcome::Failed | Outcome::Aborted => 1,
            Outcome::Superseded | Outcome::Unknown => 7,
        }
    }

    fn failed_as(&self, class: Failure) -> bool {
        self.failure.as_ref().is_some_and(|(_, _, c)| *c == class)
    }
}
