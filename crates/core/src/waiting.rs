//! What a run waits for people for, by its plan.

use super::checklist::{Item, List, Standing};
use super::guard::Guard;
use super::plan::{Plan, RunKind};
use super::policy::Protection;
use super::view::RunView;

impl Plan {
    /// Whether it may begin although a person has locked the environment: a rollback, by its override.
    pub fn passes_lock(&self) -> bool {
        self.kind == RunKind::Rollback && self.overrides.contains_key(&Guard::Lock)
    }

    /// Whether anybody is waited for.
    pub fn waits_for_people(&self) -> bool {
        self.ask_at_gates || self.attended
    }

    /// The required items that a person can tick only after the switch, where they are more than advice and
    /// they are not overridden.
    pub fn ticked_after(&self) -> impl Iterator<Item = &Item> {
        let advice = self.policy.protection == Protection::Open;
        let waits = !advice && !self.overrides.contains_key(&Guard::Checklist);
        let after =
            |item: &&Item| item.list == List::Post && item.required && item.source.is_none();
        self.checklist.iter().filter(after).filter(move |_| waits)
    }

    /// Whether people are waited for at a checklist: what cannot be ticked before a run is waited for in every
    /// run.
    pub fn waits_at(&self, list: List) -> bool {
        self.waits_for_people() || (list == List::Post && self.ticked_after().next().is_some())
    }
}

impl RunView {
    /// Whether it waits at a checklist for something a person can do. Machine failures are decided by the rules
    /// of an unattended run.
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
