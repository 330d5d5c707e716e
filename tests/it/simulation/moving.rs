//! Changes of traffic that the platform has accepted and not carried out yet. On Cloud Run the newest replaces those before
//! it; App Hosting carries out one rollout after another. They land whatever has become of the process that sent them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::domain::event::Split;
use pointsman::domain::ids::{BuildId, RolloutId, RunNumber};
use pointsman::ports::clock::Clock as _;
use pointsman::ports::hosting::Traffic;
use pointsman::rehearsal::World;

use super::chance::Chance;
use super::checks::Checks;
use super::clock::SimClock;

/// How a platform carries out changes of traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Before it answers.
    AtOnce,
    /// The newest, a while after it was accepted.
    Newest,
    /// One after another.
    InOrder,
}

#[derive(Clone)]
struct Change {
    id: RolloutId,
    /// The run that requested it; `None` for a person.
    run: Option<RunNumber>,
    splits: Vec<Split>,
}

/// The changes of a platform that are on their way.
#[derive(Clone)]
pub(crate) struct Moving {
    pub(crate) pace: Pace,
    world: World,
    clock: SimClock,
    chance: Chance,
    checks: Arc<Checks>,
    /// Service → changes, oldest first.
    queues: Arc<Mutex<BTreeMap<String, Vec<Change>>>>,
}

impl Moving {
    /// These changes draw from a separate sequence: a seed with another pace tells the story that it always told.
    pub(crate) fn of(seed: u64, world: &World, clock: &SimClock, checks: &Arc<Checks>) -> Self {
        let chance = Chance::of(!seed);
        let pace = match chance.within(0..100) {
            0..50 => Pace::AtOnce,
            50..80 => Pace::Newest,
            _ => Pace::InOrder,
        };
        let (world, clock, checks) = (world.clone(), clock.clone(), checks.clone());
        Self { pace, world, clock, chance, checks, queues: Arc::default() }
    }

    /// Whether the platform can share the traffic of a service.
    pub(crate) fn shares(&self) -> bool {
        self.pace != Pace::InOrder
    }

    /// A person gives a build all traffic.
    pub(crate) fn moved_by_hand(&self, service: &str, build: &BuildId) {
        self.checks.moved(self.clock.elapsed());
        if self.pace == Pace::AtOnce {
            return self.world.give_traffic(service, build);
        }
        let id = RolloutId::new(format!("by-hand-{}", self.chance.within(0..u64::MAX))).unwrap();
        self.accepts(service, (id, None), &[Split { build: build.clone(), percent: 100 }]);
    }

    /// The platform accepts a change.
    pub(crate) fn accepts(
        &self,
        service: &str,
        (id, run): (RolloutId, Option<RunNumber>),
        splits: &[Split],
    ) {
        let mut queues = self.queues.lock().unwrap();
        let queue = queues.entry(service.to_owned()).or_default();
        if self.pace == Pace::Newest && !queue.is_empty() {
            self.checks.count("a change of traffic was replaced before it was in effect");
            queue.clear();
        }
        queue.push(Change { id: id.clone(), run, splits: splits.to_vec() });
        let most = *self.chance.one_of(&[500, 20_000, 20_000, 200_000]);
        let (moving, service, takes) = (self.clone(), service.to_owned(), self.chance.ms(1..most));
        tokio::spawn(async move {
            tokio::time::sleep(takes).await;
            while moving.is_behind(&service, &id) {
                tokio::time::sleep(Duration::from_millis(700)).await;
            }
            moving.lands(&service, &id);
        });
    }

    /// Whether a change waits for another one.
    fn is_behind(&self, service: &str, id: &RolloutId) -> bool {
        let queues = self.queues.lock().unwrap();
        queues[service].iter().position(|change| change.id == *id).is_some_and(|at| at > 0)
    }

    fn lands(&self, service: &str, id: &RolloutId) {
        let mut queues = self.queues.lock().unwrap();
        let queue = queues.entry(service.to_owned()).or_default();
        // Another one has replaced it.
        let Some(at) = queue.iter().position(|change| change.id == *id) else { return };
        let Change { run, splits, .. } = queue.remove(at);
        let now = self.clock.elapsed();
        // What a run left on its way is to the next one as if a person had moved the traffic.
        if run.is_none_or(|run| self.checks.is_over(run)) {
            self.checks.moved(now);
        }
        self.checks.count("traffic moved after it was requested");
        let shares: Vec<_> =
            splits.iter().map(|s| format!("{} {} %", s.build, s.percent)).collect();
        let to = shares.join(", ");
        self.checks.tell(now, &format!("the platform gives the traffic of {service} to {to}"));
        self.world.give_shares(service, &splits);
    }

    /// What was last requested, if it is not in effect yet.
    pub(crate) fn requested(&self, service: &str) -> Option<Vec<Split>> {
        let queues = self.queues.lock().unwrap();
        Some(queues.get(service)?.last()?.splits.clone())
    }

    /// Whether a change is on its way.
    pub(crate) fn has(&self, service: &str, id: &RolloutId) -> bool {
        let queues = self.queues.lock().unwrap();
        queues.get(service).is_some_and(|queue| queue.iter().any(|change| change.id == *id))
    }

    /// The services of which a run has left a change on its way.
    pub(crate) fn left_by(&self, run: RunNumber) -> Vec<String> {
        let queues = self.queues.lock().unwrap();
        let left = queues.iter().filter(|(_, queue)| queue.iter().any(|c| c.run == Some(run)));
        left.map(|(service, _)| service.clone()).collect()
    }

    /// The traffic of a service, with what is on its way.
    pub(crate) fn seen(&self, service: &str, traffic: Traffic) -> Traffic {
        let queues = self.queues.lock().unwrap();
        let Some(queue) = queues.get(service).filter(|queue| !queue.is_empty()) else {
            return traffic;
        };
        let ids = queue.iter().rev().map(|change| change.id.clone());
        let unfinished = if self.pace == Pace::InOrder { ids.collect() } else { Vec::new() };
        Traffic { moving: true, unfinished, ..traffic }
    }
}
