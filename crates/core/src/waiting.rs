//! When a run waits for people, according to its plan.

use super::checklist::{Item, List, Standing};
use super::guard::Guard;
use super::plan::{Plan, RunKind};
use super::policy::Protection;
use super::view::RunView;

impl Plan {
    /// Whether the run may start although a person locked the environment: only a rollback that overrides the lock.
    pub fn passes_lock(&self) -> bool {
        self.kind == RunKind::Rollback && self.overrides.contains_key(&Guard::Lock)
    }

    /// Whether the run waits for people.
    pub fn waits_for_people(&self) -> bool {
        self.ask_at_gates || self.attended
    }

    /// The required items that a person can tick only after the switch, unless they are advisory or overridden.
    pub fn ticked_after(&self) -> impl Iterator<Item = &Item> {
        let advice = self.policy.protection == Protection::Open;
        let waits = !advice && !self.overrides.contains_key(&Guard::Checklist);
        let after =
            |item: &&Item| item.list == List::Post && item.required && item.source.is_none();
        self.checklist.iter().filter(after).filter(move |_| waits)
    }

    /// Whether the run waits for people at a checklist. Every run waits for items that could not be ticked before it.
    pub fn waits_at(&self, list: List) -> bool {
        self.waits_for_people() || (list == List::Post && self.ticked_after().next().is_some())
    }
}

impl RunView {
    /// Whether its gate waits for an approval during the run. Where a rule counts people, no confirmation beforehand counts.
    pub fn asks(&self) -> bool {
        self.plan.ask_at_gates || self.approvals_rule().is_some()
    }

    /// Whether the run waits at a checklist for something that a person can do. Failed automatic checks
    /// follow the rules of an unattended run.
    pub fn waits_for_tick(&self, list: List) -> bool {
        if self.plan.waits_for_people() {
            return true;
        }
        let seen = self.checklists.get(&list).map_or(&[][..], Vec::as_slice);
        let failed = seen.iter().any(|item| item.standing == Standing::Failed);
        let open = |item: &Item| seen.iter().any(|s| s.id == item.id && !s.standing.settled());
        self.plan.waits_at(list) && !failed && self.plan.ticked_after().any(open)
    }
}
