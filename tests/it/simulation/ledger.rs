//! What drivers were told is kept. Nothing of it may be lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use pointsman::domain::event::Fact;
use pointsman::domain::ids::RunNumber;

use super::end::Past;

#[derive(Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<(RunNumber, String), String>>);

impl Ledger {
    pub(crate) fn keep(&self, run: RunNumber, fact: &Fact) {
        let what = format!("fact {} of run {run}, {}", fact.seq, fact.event.parts().0);
        self.0.lock().unwrap().insert((run, fact.hash.0.clone()), what);
    }

    /// The kept facts that are neither in the record nor in a branch of it, which is shown beside it.
    pub(super) fn missing(&self, pasts: &BTreeMap<RunNumber, Past>) -> Vec<String> {
        let hashes = |past: &Past| {
            let branches = past.branches.iter().flat_map(|branch| &branch.facts);
            past.facts
                .iter()
                .chain(branches)
                .map(|fact| fact.hash.0.clone())
                .collect::<BTreeSet<_>>()
        };
        let all: BTreeMap<_, _> = pasts.iter().map(|(run, past)| (*run, hashes(past))).collect();
        let kept = self.0.lock().unwrap();
        let has =
            |run: &RunNumber, hash: &String| all.get(run).is_some_and(|all| all.contains(hash));
        let lost = kept.iter().filter(|((run, hash), _)| !has(run, hash));
        lost.map(|(_, what)| what.clone()).collect()
    }
}
