//! The lease of an environment in the shared store: begins a run, takes one over, renews, locks.

use super::documents::{self, COUNTER, Change, Environment, Head, counter, environment_path};
use super::pull::pull;
use super::remote::{Remote, SharedError};
use crate::facts::{self, Stored};
use crate::leases;
use crate::mirror::{Lease, RunRow};
use crate::open::SqliteStore;
use crate::runner::Living;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::hash::Hash;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::plan::Plan;
use pointsman_core::ports::database::{Expected, Write};
use pointsman_core::ports::journal::{Entry, HumanLock, JournalError};
use pointsman_core::time::Timestamp;

/// Attempts beside other writers. A writer whose attempt fails reads again what the others wrote, so one that cannot
/// win finds the lease taken long before.
const ATTEMPTS: u32 = 20;

/// A fact to write, without borrowed parts.
#[derive(Debug, Clone)]
pub(crate) struct OwnedEntry {
    actor: String,
    at: Timestamp,
    elapsed_ms: u64,
    event: Event,
}

impl OwnedEntry {
    pub(crate) fn of(entry: &Entry<'_>) -> Self {
        let Entry { actor, at, elapsed_ms, event, .. } = *entry;
        Self { actor: actor.to_owned(), at, elapsed_ms, event: event.clone() }
    }

    fn with<'a>(&'a self, event: &'a Event) -> Entry<'a> {
        let Self { actor, at, elapsed_ms, .. } = self;
        Entry { actor, at: *at, elapsed_ms: *elapsed_ms, step: None, event }
    }
}

/// What a machine holds after it took a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) run: RunNumber,
    pub(super) environment: EnvironmentName,
    pub(super) fence: u64,
}

/// A run to begin.
pub(crate) struct Begin {
    pub(crate) plan: Plan,
    pub(crate) entry: OwnedEntry,
    pub(crate) take_over: bool,
}

/// A run that was begun, and the runs that it replaced.
pub(super) struct Begun {
    pub(super) held: Held,
    pub(super) replaced: Vec<RunNumber>,
}

/// Begins a run: takes the environment's lease and writes the plan, in one commit that also ends abandoned runs.
pub(super) async fn begin(
    remote: &Remote,
    mirror: &mut SqliteStore,
    wanted: &Begin,
) -> Result<Begun, SharedError> {
    // Attempts that may have taken effect: their reply was lost, or the request arrived twice and the reply is the second
    // one's.
    let (mut attempt, mut tried) = (0, Vec::<New>::new());
    let name = &wanted.plan.environment;
    loop {
        attempt += 1;
        pull(remote, mirror).await?;
        let (documents, _) =
            remote.read(&[COUNTER.to_owned(), environment_path(name.as_str())]).await?;
        let [count, environment] = documents.as_slice() else { return Err(crowded()) };
        let environment = Environment::read(environment.as_ref())?;
        let ours = |new: &New| environment.known.lease.as_ref() == Some(&new.lease);
        if let Some(at) = tried.iter().position(ours) {
            return tried.swap_remove(at).keep(mirror);
        }
        // Another machine wrote between the two readings, so the copy proves nothing about the lease.
        if environment.known != mirror.known(name)? {
            if attempt >= ATTEMPTS {
                return Err(crowded());
            }
            continue;
        }
        free(mirror, &environment, wanted)?;
        let run = RunNumber(documents::last_run(count.as_ref())? + 1);
        let number = match count {
            Some(document) => Expected::Unchanged(document.updated.clone()),
            None => Expected::NotThere,
        };
        let new = New::of(mirror, &environment, wanted, run)?;
        let mut writes = vec![counter(run.0, number)];
        writes.extend(new.writes(mirror, &environment)?);
        match remote.commit(&writes).await {
            Ok(_) => return new.keep(mirror),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                tried.push(new);
                remote.step_aside(attempt).await;
            }
            Err(error) if error.is_lost() && attempt < ATTEMPTS => tried.push(new),
            Err(error) => return Err(error),
        }
    }
}

/// The error of a change that others prevented on every attempt.
fn crowded() -> SharedError {
    let problem = Problem::new("the shared store changed on every attempt");
    let problem = problem.because("other machines write all the time").try_this("try again");
    JournalError::Unusable(problem).into()
}

/// Refuses a run while a person has locked the environment, or another run of it is driven.
fn free(
    mirror: &SqliteStore,
    environment: &Environment,
    wanted: &Begin,
) -> Result<(), JournalError> {
    let Begin { plan, entry, take_over } = wanted;
    if let Some(lock) = &environment.lock
        && !plan.passes_lock()
    {
        return Err(JournalError::Locked(plan.environment.clone(), lock.clone()));
    }
    match leases::busy(&mirror.connection, &mirror.here, &plan.environment, entry.at)? {
        Some(holder) if !(*take_over && holder.stale) => Err(JournalError::Busy(holder)),
        _ => Ok(()),
    }
}

/// A run that is about to begin, and the ones before it.
struct New {
    row: RunRow,
    lease: Lease,
    first: Stored,
    before: Vec<Before>,
}

/// An earlier run of the environment that is written together with a new one.
struct Before {
    row: RunRow,
    /// Its unshared facts. The last one of an abandoned run says which run replaces it.
    facts: Vec<Stored>,
    replaced: bool,
    /// Facts of it are damaged in the shared store, so its copy here is not whole.
    damaged: bool,
}

impl New {
    fn of(
        mirror: &mut SqliteStore,
        environment: &Environment,
        wanted: &Begin,
        run: RunNumber,
    ) -> Result<Self, JournalError> {
        let Begin { plan, entry, .. } = wanted;
        let runner = mirror.here.runner();
        let name = plan.environment.clone();
        let kind = plan.kind.label().to_owned();
        let row = RunRow { run, environment: name.clone(), kind, runner: runner.clone() };
        let fence = environment.known.lease.as_ref().map_or(0, |lease| lease.fence) + 1;
        let actor = entry.actor.clone();
        let lease = Lease { run, fence, runner, actor, released: false };
        let first = Stored::after(run, (0, Hash::zero()), &entry.with(&entry.event))?;
        let mut before = Vec::new();
        for (old, replaced) in earlier(mirror, &name, environment.known.lease.as_ref())? {
            let mut facts = mirror.unshared(old)?;
            let damaged = mirror.shared_damage()?.iter().any(|damage| damage.run == old);
            if replaced {
                let last = match (facts.last(), &environment.head) {
                    (_, Some(head)) if damaged && head.run == old => (head.seq, head.hash.clone()),
                    (Some(Stored { fact, .. }), _) => (fact.seq, fact.hash.clone()),
                    (None, _) => mirror.shared_to(old)?,
                };
                let by = Event::RunSuperseded { by: run };
                facts.push(Stored::after(old, last, &entry.with(&by))?);
            }
            before.push(Before { row: mirror.run_row(old)?, facts, replaced, damaged });
        }
        Ok(Self { row, lease, first, before })
    }

    fn writes(
        &self,
        mirror: &SqliteStore,
        environment: &Environment,
    ) -> Result<Vec<Write>, JournalError> {
        let Self { row, lease, first, before } = self;
        let fact = &first.fact;
        let head = Head { run: row.run, seq: fact.seq, hash: fact.hash.clone() };
        let change = Change::default().lease(lease)?.head(&head)?;
        let mut writes = vec![
            change.write(row.environment.as_str(), environment.unchanged()),
            documents::run(row, None, Expected::NotThere)?,
            documents::fact(row.run, first),
        ];
        for Before { row, facts, replaced, damaged } in before {
            writes.extend(facts.iter().map(|stored| documents::fact(row.run, stored)));
            let mut chain = facts::stored_after(&mirror.connection, row.run, 0)?;
            chain.extend(facts.last().filter(|_| *replaced).cloned());
            let chain = (!damaged).then_some(chain.as_slice());
            writes.push(documents::run(row, chain, Expected::Anything)?);
        }
        Ok(writes)
    }

    /// Writes what the shared store has taken into this machine's copy.
    fn keep(self, mirror: &mut SqliteStore) -> Result<Begun, SharedError> {
        let mut replaced = Vec::new();
        for before in &self.before {
            match mirror.import(&before.row, &before.facts) {
                Err(JournalError::Damaged { run, .. }) => mirror.end_damaged(run)?,
                kept => kept?,
            }
            replaced.extend(before.replaced.then_some(before.row.run));
        }
        mirror.import(&self.row, std::slice::from_ref(&self.first))?;
        mirror.hold(&self.row.environment, &self.lease, self.first.fact.at)?;
        let Self { row: RunRow { run, environment, .. }, lease: Lease { fence, .. }, .. } = self;
        Ok(Begun { held: Held { run, environment, fence }, replaced })
    }
}

/// The earlier runs that a new one is written together with, each with whether the new one replaces it: abandoned ones, and
/// one of this machine that has ended and that the shared store does not know to the end.
fn earlier(
    mirror: &mut SqliteStore,
    name: &EnvironmentName,
    lease: Option<&Lease>,
) -> Result<Vec<(RunNumber, bool)>, JournalError> {
    let ours = lease.filter(|lease| mirror.here.has(&lease.runner)).map(|lease| lease.run);
    let unfinished = leases::unfinished(&mirror.connection, name)?;
    let mut earlier: Vec<_> = unfinished.into_iter().map(|(run, _)| (run, true)).collect();
    for (run, _) in &earlier {
        // What this machine wrote after it had lost the run is no part of it.
        if ours != Some(*run) && !mirror.unshared(*run)?.is_empty() {
            mirror.branch_off(*run)?;
        }
    }
    if let Some(run) = ours
        && mirror.has_ended(run)?
        && !mirror.unshared(run)?.is_empty()
    {
        earlier.push((run, false));
    }
    Ok(earlier)
}

/// Takes the lease of a run for this process: from `from`, which hands it over, or from a runner that is gone.
pub(super) async fn claim(
    remote: &Remote,
    mirror: &mut SqliteStore,
    (run, from): (RunNumber, Option<u32>),
    (actor, at): (&str, Timestamp),
) -> Result<Held, SharedError> {
    let (mut attempt, mut tried) = (0, Vec::<Lease>::new());
    loop {
        attempt += 1;
        pull(remote, mirror).await?;
        let row = mirror.run_row(run)?;
        let (environment, _) = remote.environment(&row.environment).await?;
        if environment.known != mirror.known(&row.environment)? {
            if attempt >= ATTEMPTS {
                return Err(crowded());
            }
            continue;
        }
        // An earlier attempt took effect, though its reply did not say so.
        if tried.iter().any(|tried| environment.known.lease.as_ref() == Some(tried)) {
            let Some(lease) = &environment.known.lease else { return Err(crowded()) };
            mirror.hold(&row.environment, lease, at)?;
            let fence = lease.fence;
            return Ok(Held { run, environment: row.environment, fence });
        }
        let own = mirror.here.runner();
        let runner = leases::runner_of(&mirror.connection, run)?;
        if let Some(living) = leases::living(&mirror.connection, &mirror.here, run, &runner)? {
            let Living { pid, host } = &living;
            let others = host.is_some() || (*pid != own.process.pid && Some(*pid) != from);
            if others && facts::view(&mirror.connection, run)?.handed.is_none() {
                let holder = leases::holder(&mirror.connection, run, living, at)?;
                return Err(JournalError::Busy(holder).into());
            }
        }
        let before = environment.known.lease.as_ref();
        // A later run of the environment has the lease: this one was replaced.
        let Some(before) = before.filter(|lease| lease.run == run) else {
            return Err(JournalError::LeaseLost(run).into());
        };
        let (fence, actor) = (before.fence + 1, actor.to_owned());
        let lease = Lease { run, fence, runner: own.clone(), actor, released: before.released };
        let change = Change::default().lease(&lease)?;
        let taken =
            remote.commit(&[change.write(row.environment.as_str(), environment.unchanged())]).await;
        match taken {
            Ok(_) => {
                mirror.hold(&row.environment, &lease, at)?;
                return Ok(Held { run, environment: row.environment, fence });
            }
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                tried.push(lease);
                remote.step_aside(attempt).await;
            }
            Err(error) if error.is_lost() && attempt < ATTEMPTS => tried.push(lease),
            Err(error) => return Err(error),
        }
    }
}

/// Sets or releases a person's lock. Returns the lock that was there.
pub(super) async fn lock(
    remote: &Remote,
    mirror: &mut SqliteStore,
    name: &EnvironmentName,
    lock: Option<&HumanLock>,
) -> Result<Option<HumanLock>, SharedError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (environment, _) = remote.environment(name).await?;
        let there = environment.lock.clone();
        if there.is_some() == lock.is_some() {
            // Also after a lost reply: then it is ours.
            return Ok(if there.as_ref() == lock && attempt > 1 { None } else { there });
        }
        let write = Change::default().lock(lock)?.write(name.as_str(), environment.unchanged());
        match remote.commit(&[write]).await {
            Ok(_) => {
                pull(remote, mirror).await?;
                return Ok(there);
            }
            Err(error) if (error.is_conflict() || error.is_lost()) && attempt < ATTEMPTS => {
                remote.step_aside(attempt).await;
            }
            Err(error) => return Err(error),
        }
    }
}
