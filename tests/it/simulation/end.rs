//! What must hold when everything has come to an end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pointsman::domain::approvals::Requester;
use pointsman::domain::command::Command;
use pointsman::domain::event::{AnsweredBy, Event, Fact, Recorded};
use pointsman::domain::ids::RunNumber;
use pointsman::domain::plan::RunKind;
use pointsman::ports::journal::{Journal as _, Listed};
use pointsman::ports::sharing::Branch;
use pointsman::rehearsal::World;
use pointsman::store::SqliteStore;

use super::checks::Checks;

/// A run as a machine has it. What it could not read is empty.
pub(super) struct Past {
    listed: Listed,
    pub(super) facts: Vec<Fact>,
    pub(super) branches: Vec<Branch>,
}

type Pasts = BTreeMap<RunNumber, Past>;

fn pasts(store: &SqliteStore) -> Pasts {
    let past = |listed: Listed| {
        let run = listed.view.number;
        let facts = store.facts(run, 0).unwrap_or_default();
        let branches = store.branches(run).unwrap_or_default();
        (run, Past { listed, facts, branches })
    };
    store.runs(None, 1000).unwrap().into_iter().map(past).collect()
}

impl Past {
    /// The kinds of its facts, and those of its branches.
    fn kinds(&self) -> String {
        let kinds = |facts: &[Fact]| {
            let kinds: Vec<_> = facts.iter().map(|fact| fact.event.parts().0).collect();
            kinds.join(" ")
        };
        let of = |branch: &Branch| format!(" | {}: {}", branch.host, kinds(&branch.facts));
        kinds(&self.facts) + &self.branches.iter().map(of).collect::<String>()
    }

    fn is_as(&self, other: &Self) -> bool {
        let hashes = |past: &Self| past.facts.iter().map(|f| f.hash.clone()).collect::<Vec<_>>();
        !self.facts.is_empty() && hashes(self) == hashes(other)
    }
}

impl Checks {
    /// At the end nothing is under way, and every machine has the same record.
    pub(crate) fn over(&self, stores: &[SqliteStore], world: &World, at: Duration) {
        let all: Vec<Pasts> = stores.iter().map(pasts).collect();
        let first = &all[0];
        self.held(first, world, at);
        for lost in self.ledger.missing(first) {
            self.broken(at, &format!("{lost} was kept, and is lost"));
        }
        if all.iter().any(|pasts| !pasts.keys().eq(first.keys())) {
            self.broken(at, "the machines do not know the same runs");
        }
        for (store, pasts) in stores.iter().zip(&all) {
            match store.check_runs() {
                Ok(damage) if damage.is_empty() => {}
                other => self.broken(at, &format!("the chain of runs: {other:?}")),
            }
            for (run, past) in pasts {
                self.tell(at, &format!("run {run}: {}", past.kinds()));
                let view = &past.listed.view;
                if view.ended.is_none() {
                    let state = view.state.sentence();
                    self.broken(at, &format!("run {run} has not ended: it is {state}"));
                }
                if !first.get(run).is_some_and(|there| past.is_as(there)) {
                    self.broken(at, &format!("run {run} differs between machines"));
                }
                self.gates(past, at);
            }
        }
    }

    /// Automatic rollouts that are held are mentioned by the last run that held or released them, in its record or in a
    /// branch of it.
    fn held(&self, pasts: &Pasts, world: &World, at: Duration) {
        for name in world.held() {
            let last = pasts.values().rev().find_map(|past| {
                let branches = past.branches.iter().map(|branch| &branch.facts);
                let said =
                    branches.chain([&past.facts]).filter_map(|facts| says_held(facts, &name));
                said.reduce(|one, other| one || other)
            });
            if last != Some(true) {
                let what = format!("automatic rollouts of {name} are held, which no run mentions");
                self.broken(at, &what);
            }
        }
    }

    /// Only approvals open a gate: one, or as many different people's as the plan asks for.
    fn gates(&self, past: &Past, at: Duration) {
        let run = past.listed.view.number;
        let (mut approved, mut asks, mut rule) = (Vec::new(), true, None);
        for fact in &past.facts {
            match &fact.event {
                Recorded::Known(Event::RunStarted { plan, .. }) => {
                    rule = plan.policy.approvals.clone().filter(|_| plan.kind == RunKind::Deploy);
                    asks = plan.ask_at_gates || rule.is_some();
                }
                Recorded::Known(Event::CommandAccepted {
                    command: Command::Approve(_), ..
                }) => approved.push(fact.actor.as_str()),
                Recorded::Known(Event::GateAnswered { by, .. })
                    if asks && !matches!(by, AnsweredBy::Checklist) =>
                {
                    let needed = rule.as_ref().map_or(1, |rule| rule.people as usize);
                    let excluded =
                        rule.as_ref().is_some_and(|r| r.requester == Requester::Excluded);
                    let people: BTreeSet<_> =
                        approved.drain(..).filter(|who| !(excluded && *who == "ana")).collect();
                    if people.len() < needed {
                        let of = format!("a gate of run {run} opened with {people:?} of {needed}");
                        self.broken(at, &of);
                    } else if needed > 1 {
                        self.count("a gate opened by approvals of several people");
                    }
                }
                _ => {}
            }
        }
    }
}

/// Whether these facts end with held rollouts of a service; `None` if they say nothing about them.
fn says_held(facts: &[Fact], name: &str) -> Option<bool> {
    facts.iter().rev().find_map(|fact| match &fact.event {
        Recorded::Known(Event::RolloutsHeld { service, .. }) => {
            (service.as_str() == name).then_some(true)
        }
        Recorded::Known(Event::RolloutsReleased { service, problem }) => {
            (service.as_str() == name).then_some(problem.is_some())
        }
        _ => None,
    })
}
