//! What must hold at every effect, at the end of every run, and at the end of a simulation.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Mutex;
use std::time::Duration;

use futures_util::FutureExt as _;
use pointsman::domain::document::Value;
use pointsman::domain::event::{Event, Fact, Outcome, Recorded};
use pointsman::domain::ids::RunNumber;
use pointsman::domain::migration::{Direction, record_path};
use pointsman::domain::plan::RunKind;
use pointsman::domain::release::SchemaVersion;
use pointsman::domain::run::RunState;
use pointsman::domain::step::{StepKind, StepState};
use pointsman::domain::view::RunView;
use pointsman::ports::database::{Database as _, Write};
use pointsman::ports::journal::{Journal as _, JournalError};
use pointsman::rehearsal::{Act, World};
use pointsman::store::SqliteStore;
use serde_json::Value as Json;

use super::data::{self, Data};
use super::ledger::Ledger;
use super::moving::Moving;
use super::server::Way;
use crate::world::service;

pub(crate) const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];

/// How long the answer to a question and the request after it may be on their ways: what happens meanwhile, no process can
/// know.
const ON_THE_WAY: Duration = Duration::from_secs(41);

/// The live build of each of `SERVICES`; `None` while several share its traffic.
type Live = Vec<Option<String>>;

/// What a simulation has seen.
#[derive(Default)]
pub(crate) struct Checks {
    /// Sentences about what must not happen.
    pub(crate) broken: Mutex<Vec<String>>,
    /// What happened, for a person who looks for the reason.
    pub(crate) story: Mutex<Vec<String>>,
    /// Fingerprints of the states that were reached.
    pub(crate) states: Mutex<BTreeSet<u64>>,
    /// When traffic was moved by anything but the run that has the environment.
    moved: Mutex<Option<Duration>>,
    /// The runs whose drivers have said how they ended.
    ended: Mutex<BTreeSet<RunNumber>>,
    /// When each run began, and what was live then.
    begun: Mutex<BTreeMap<RunNumber, (Duration, Live)>>,
    pub(super) ledger: Ledger,
    /// How many times each thing happened.
    pub(crate) counts: Mutex<BTreeMap<&'static str, u32>>,
}

fn live(world: &World) -> Live {
    SERVICES.map(|name| world.live(name).map(|build| build.to_string())).to_vec()
}

impl Checks {
    pub(crate) fn tell(&self, at: Duration, what: &str) {
        self.story.lock().unwrap().push(format!("{:8.3} {what}", at.as_secs_f64()));
    }

    /// Something happened that the simulation must reach.
    pub(crate) fn count(&self, what: &'static str) {
        *self.counts.lock().unwrap().entry(what).or_default() += 1;
    }

    /// The store accepted a fact of a driver.
    pub(crate) fn kept(&self, run: RunNumber, fact: &Fact) {
        self.ledger.keep(run, fact);
    }

    pub(super) fn broken(&self, at: Duration, what: &str) {
        self.tell(at, &format!("BROKEN: {what}"));
        self.broken.lock().unwrap().push(what.to_owned());
    }

    pub(crate) fn reached(&self, state: impl Hash) {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        self.states.lock().unwrap().insert(hasher.finish());
    }

    pub(crate) fn began(&self, run: RunNumber, at: Duration, world: &World) {
        self.begun.lock().unwrap().insert(run, (at, live(world)));
    }

    /// Whether a run is over: its driver has said how it ended, or another run has begun.
    pub(super) fn is_over(&self, run: RunNumber) -> bool {
        self.is_followed(run) || self.ended.lock().unwrap().contains(&run)
    }

    /// Whether another run has begun since.
    fn is_followed(&self, run: RunNumber) -> bool {
        self.begun.lock().unwrap().keys().any(|other| *other > run)
    }

    /// A person or another program moved traffic.
    pub(crate) fn moved(&self, at: Duration) {
        *self.moved.lock().unwrap() = Some(at);
    }

    /// A process is about to have an effect on the platform.
    pub(crate) fn effect(
        &self,
        act: &Act,
        (pid, run): (u32, RunNumber),
        store: &SqliteStore,
        (world, moving, way): (&World, &Moving, Option<&Way>),
        at: Duration,
    ) {
        self.tell(at, &format!("process {pid}, run {run}: {act:?}"));
        let Ok(listed) = store.run(run) else {
            return self.broken(at, &format!("{act:?} by a process whose run cannot be read"));
        };
        let view = listed.view;
        let facts = store.facts(run, 0).unwrap_or_default();
        match (facts.iter().rev().find(|fact| announces(fact, act)), way) {
            (None, _) => self.broken(at, &format!("{act:?} without an intent in the journal")),
            // What gives traffic back does not wait for the shared store.
            (Some(fact), Some(way)) if !view.returns_traffic() && !way.has(run, fact.seq) => {
                self.broken(at, &format!("{act:?} before its intent is in the shared store"));
            }
            _ => {}
        }
        let holder = match way {
            Some(way) => holder(way, view.plan.environment.as_str()),
            None => listed.runner.map(|pid| (run, pid)),
        };
        if let Act::Stopped(name, build) | Act::Deleted(name, build) = act
            && (world.splits(name).iter())
                .chain(&moving.requested(name).unwrap_or_default())
                .any(|s| s.build.as_str() == build && s.percent > 0)
        {
            self.count("a build got traffic while it was stopped or deleted");
            let moved = self.moved.lock().unwrap().is_some_and(|moved| at < moved + ON_THE_WAY);
            if !moved {
                self.broken(at, &format!("{act:?} has the traffic"));
            }
        }
        if holder == Some((run, pid)) {
            return;
        }
        // A rollback continues while the store cannot be reached, and then others may have taken the run.
        if view.returns_traffic() {
            self.count("a rollback acted without the lease");
            self.moved(at);
        } else {
            let what =
                format!("{act:?} by process {pid} of run {run}, but {holder:?} has the lease");
            self.broken(at, &what);
        }
    }

    /// A process is about to commit to the database.
    pub(crate) fn writes(
        &self,
        writes: &[Write],
        (pid, run): (u32, RunNumber),
        store: &SqliteStore,
        way: Option<&Way>,
        at: Duration,
    ) {
        // Each commit of a migration has its record, from the first, before any document, to the last.
        let of = |version: &SchemaVersion| writes.iter().any(|w| w.path == record_path(version));
        let Ok(listed) = store.run(run) else {
            return self.broken(at, "a commit of a process whose run cannot be read");
        };
        for planned in listed.view.plan.databases.iter().flat_map(|of| &of.migrations) {
            if !of(&planned.version) {
                continue;
            }
            self.count("a migration was written");
            self.tell(at, &format!("process {pid}, run {run}: {} writes", writes.len()));
            let facts = store.facts(run, 0).unwrap_or_default();
            let announces = |fact: &&Fact| {
                matches!(&fact.event, Recorded::Known(Event::MigrationRequested { version, .. })
                    if *version == planned.version)
            };
            match (facts.iter().rev().find(announces), way) {
                (None, _) => self.broken(at, "a migration is written without an intent"),
                (Some(fact), Some(way))
                    if !listed.view.returns_traffic() && !way.has(run, fact.seq) =>
                {
                    self.broken(at, "a migration is written before its intent is shared");
                }
                _ => {}
            }
        }
    }

    /// A driver says how its run ended.
    pub(crate) fn ended(
        &self,
        view: &RunView,
        (world, moving, data): (&World, &Moving, Option<&Data>),
        way: Option<&Way>,
        at: Duration,
    ) {
        let RunState::Ended { outcome } = view.state else { return };
        self.tell(at, &format!("run {} ended: {}", view.number, outcome.label()));
        self.ended.lock().unwrap().insert(view.number);
        // A driver that was cut off for longer than its lease does not know of the next run, and of one that ended a moment
        // ago the next run may have begun.
        let lease = way.and_then(|way| lease(way, view.plan.environment.as_str()));
        if lease.is_some_and(|lease| lease["run"] != view.number.0) || self.is_followed(view.number)
        {
            return;
        }
        self.migrated(view, outcome, data, at);
        let begun = self.begun.lock().unwrap().get(&view.number).cloned();
        let Some((since, before)) = begun else { return };
        if self.moved.lock().unwrap().is_some_and(|moved| moved >= since) {
            return;
        }
        let left = moving.left_by(view.number);
        if !left.is_empty() && outcome != Outcome::Unknown && !view.traffic_unknown() {
            let said = outcome.label();
            let what = format!(
                "run {} ended {said}, and traffic of {left:?} is still on its way",
                view.number
            );
            self.broken(at, &what);
        }
        let now = live(world);
        self.serving(view, world, at);
        let green = |name: &&str| {
            let seen = view.services.get(&service(name))?;
            seen.green.as_ref().map(ToString::to_string)
        };
        let greens: Vec<_> = SERVICES.iter().map(green).collect();
        let wanted = match (view.plan.kind, outcome) {
            (RunKind::Deploy, Outcome::Promoted) => greens,
            (RunKind::Rollback, Outcome::RolledBack) => targets(view),
            (RunKind::Deploy, Outcome::RolledBack) | (RunKind::Cleanup, Outcome::CleanedUp) => {
                before
            }
            // It ended before it moved traffic, or says that it does not know.
            (RunKind::Deploy, Outcome::Aborted)
                if !view.services.values().any(|s| s.switch_asked) =>
            {
                before
            }
            _ => return,
        };
        // A run leaves the services alone that it does not name.
        let wanted: Vec<_> =
            wanted.into_iter().zip(now.clone()).map(|(wanted, now)| wanted.or(now)).collect();
        if now != wanted {
            let what = format!(
                "run {} says {}, and live is {now:?} where {wanted:?} should be",
                view.number,
                outcome.label()
            );
            self.broken(at, &what);
        }
    }

    /// A run that reached its goal has done the migrations that it says it did, and the database has the version that it says.
    fn migrated(&self, view: &RunView, outcome: Outcome, data: Option<&Data>, at: Duration) {
        let Some(data) = data.filter(|_| outcome.reached()) else { return };
        let schema = data.schema();
        for step in &view.steps {
            let StepKind::Migrate { version, direction, .. } = &step.plan.kind else { continue };
            // A run that rolled back may have ended before this step, or a person has skipped it.
            if !matches!(step.state, StepState::Ok | StepState::Warning) {
                continue;
            }
            let applied = schema.applied().any(|record| record.version == *version);
            if applied != (*direction == Direction::Up) {
                let what =
                    format!("run {} did {}: {:?}", view.number, step.plan.id, schema.records);
                self.broken(at, &what);
            }
            self.count("a run ended that had migrated");
            let said = view.databases.get(data::NAME).and_then(|of| of.version.clone());
            if said != schema.version() {
                let what = format!("run {} says {said:?}: {:?}", view.number, schema.version());
                self.broken(at, &what);
            }
        }
    }

    /// What the run says of traffic is what the platform does, or it says that it does not know.
    fn serving(&self, view: &RunView, world: &World, at: Duration) {
        if view.state == (RunState::Ended { outcome: Outcome::Unknown }) || view.may_be_split() {
            return;
        }
        for (service, seen) in &view.services {
            let Some(serving) = &seen.serving else { continue };
            let live = world.live(service.as_str());
            if live.as_ref() != Some(serving) {
                let what = format!(
                    "run {} says that {serving} of {service} is live: {live:?}",
                    view.number
                );
                self.broken(at, &what);
            }
        }
    }

    /// A machine has read the whole shared store again, and compared it with its copy.
    pub(crate) fn verified(&self, read: &Result<(usize, Vec<String>), JournalError>, at: Duration) {
        if !matches!(read, Ok((_, differs)) if differs.is_empty()) {
            self.broken(at, &format!("the shared store: {read:?}"));
        }
    }
}

/// The builds that a rollback gives the traffic to.
fn targets(view: &RunView) -> Live {
    let to = |name: &str| {
        let member = view.plan.members.iter().find(|member| member.service().as_str() == name)?;
        member.to.as_ref().map(ToString::to_string)
    };
    SERVICES.iter().map(|name| to(name)).collect()
}

/// Whether a fact announces an effect.
fn announces(fact: &Fact, act: &Act) -> bool {
    let Recorded::Known(event) = &fact.event else { return false };
    match (act, event) {
        (Act::Built(_, id), Event::BuildRequested { build, .. }) => build.as_str() == id,
        (Act::Switched(name, id), Event::SwitchRequested { service, to, .. }) => {
            service.as_str() == name && to.as_str() == id
        }
        (Act::Shared(name, _, share), Event::ShiftRequested { service, percent, .. }) => {
            service.as_str() == name && percent == share
        }
        // The plan names the builds, and a step stops or deletes those of one service.
        (Act::Stopped(name, _) | Act::Deleted(name, _), Event::StepStarted { .. }) => {
            let step = fact.step.as_ref().map(ToString::to_string).unwrap_or_default();
            step.ends_with(&format!(":{name}"))
        }
        _ => false,
    }
}

/// The run and the process that have the lease of the environment on the server.
fn holder(way: &Way, environment: &str) -> Option<(RunNumber, u32)> {
    let lease = lease(way, environment)?;
    let held = lease["released"] == false;
    let pid = u32::try_from(lease["runner"]["pid"].as_u64()?).ok()?;
    held.then_some((RunNumber(lease["run"].as_u64()?), pid))
}

/// The lease of the environment as the server has it.
fn lease(way: &Way, environment: &str) -> Option<Json> {
    let path = [format!("environments/{environment}")];
    let reading = way.server.database.read(&path).now_or_never()?.ok()?;
    let document = reading.documents.into_iter().flatten().next()?;
    let lease = document.fields.get("lease").and_then(Value::as_text)?;
    serde_json::from_str(lease).ok()
}
