//! Writes this machine's facts to the shared store, and keeps its lease.

use super::documents::{self, Change, Entries, Environment, Head, TEAM};
use super::entries::{self, BranchEntry};
use super::lease::Held;
use super::pull::pull;
use super::remote::{Remote, SharedError};
use crate::facts::{self, Stored};
use crate::mirror::Lease;
use crate::open::SqliteStore;
use pointsman_core::event::{Event, Recorded};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::database::Expected;

/// Facts in one commit, and their size in bytes: a commit has at most 10 `MiB`, 4 `MiB` in Google's emulator.
const FACTS: usize = 200;
const BYTES: usize = 2_000_000;
/// Attempts of one commit.
const ATTEMPTS: u32 = 5;

/// A run that this process drives, as the shared store knows it.
#[derive(Debug)]
pub(super) struct Driven {
    pub(super) held: Held,
    /// The environment's document as it was written last, so that most writes need no read.
    environment: Option<Environment>,
}

/// The result of writing a driven run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    /// The shared store holds the run up to a fact. `proven`: a write was taken, so the lease was ours.
    Shared { seq: u64, proven: bool },
    /// Another machine has the run.
    TakenOver,
}

impl Driven {
    pub(super) fn new(held: Held) -> Self {
        Self { held, environment: None }
    }

    /// Writes every fact that the shared store lacks, and renews the lease if that is due.
    pub(super) async fn write(
        &mut self,
        remote: &Remote,
        mirror: &mut SqliteStore,
        renewal_is_due: bool,
    ) -> Result<Written, SharedError> {
        // Another process of this machine drives it now, and writes its facts.
        if mirror.run_row(self.held.run)?.runner != mirror.here.runner() {
            return Ok(Written::TakenOver);
        }
        self.write_all(remote, mirror, renewal_is_due).await
    }

    async fn write_all(
        &mut self,
        remote: &Remote,
        mirror: &mut SqliteStore,
        mut renew: bool,
    ) -> Result<Written, SharedError> {
        let run = self.held.run;
        let (mut attempt, mut proven) = (0, false);
        loop {
            let facts = portion(mirror.unshared(run)?);
            if facts.is_empty() && !renew {
                // What is shared may be what another machine wrote since it took the run over.
                let known = mirror.known(&self.held.environment)?.lease;
                if known.is_some_and(|lease| !self.is_ours(&lease)) {
                    return taken_over(remote, mirror, run).await;
                }
                let (seq, _) = mirror.shared_to(run)?;
                return Ok(Written::Shared { seq, proven });
            }
            let environment = match self.environment.take() {
                Some(environment) => environment,
                None => remote.environment(&self.held.environment).await?.0,
            };
            let Some(lease) = self.own(&environment) else {
                return taken_over(remote, mirror, run).await;
            };
            attempt += 1;
            match commit(remote, mirror, &environment, (lease, &facts)).await {
                Ok(written) => {
                    self.environment = Some(written);
                    if let Some(last) = facts.last() {
                        mirror.mark_shared(run, (last.fact.seq, &last.fact.hash))?;
                    }
                    (renew, attempt, proven) = (false, 0, true);
                }
                // A command was sent, or the reply was lost: what is there now decides.
                Err(error) if (error.is_conflict() || error.is_lost()) && attempt < ATTEMPTS => {
                    remote.step_aside(attempt).await;
                    self.environment = Some(remote.environment(&self.held.environment).await?.0);
                    if attempt > 1 || error.is_lost() {
                        pull(remote, mirror).await?;
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The environment's lease, if it is the one that this process took.
    fn own<'a>(&self, environment: &'a Environment) -> Option<&'a Lease> {
        environment.known.lease.as_ref().filter(|lease| self.is_ours(lease))
    }

    fn is_ours(&self, lease: &Lease) -> bool {
        lease.fence == self.held.fence && lease.run == self.held.run
    }
}

/// The first facts, as many as fit into a commit.
fn portion(mut facts: Vec<Stored>) -> Vec<Stored> {
    let mut bytes = 0;
    let fits = facts.iter().take(FACTS).take_while(|stored| {
        bytes += stored.json().to_string().len();
        bytes < BYTES
    });
    let many = fits.count().max(1);
    facts.truncate(many);
    facts
}

/// Writes facts behind the lease. Returns the environment's document after it.
async fn commit(
    remote: &Remote,
    mirror: &SqliteStore,
    environment: &Environment,
    (lease, facts): (&Lease, &[Stored]),
) -> Result<Environment, SharedError> {
    let row = mirror.run_row(lease.run)?;
    let mut after = environment.clone();
    let mut change = Change::default().beat();
    let mut writes: Vec<_> =
        facts.iter().map(|stored| documents::fact(lease.run, stored)).collect();
    if let Some(Stored { fact, .. }) = facts.last() {
        let head = Head { run: lease.run, seq: fact.seq, hash: fact.hash.clone() };
        change = change.head(&head)?;
        after.head = Some(head);
        if let Recorded::Known(Event::RunEnded { .. } | Event::RunSuperseded { .. }) = fact.event {
            let released = Lease { released: true, ..lease.clone() };
            change = change.lease(&released)?;
            after.known.lease = Some(released);
            let chain = facts::stored_after(&mirror.connection, lease.run, 0)?;
            writes.push(documents::run(&row, Some(&chain), Expected::Anything)?);
        }
    }
    writes.push(change.write(row.environment.as_str(), environment.unchanged()));
    let times = remote.commit(&writes).await?;
    after.updated = times.last().cloned().unwrap_or_default();
    Ok(after)
}

/// Another process has the run. If it is on another machine, what this one wrote since becomes a branch.
async fn taken_over(
    remote: &Remote,
    mirror: &mut SqliteStore,
    run: RunNumber,
) -> Result<Written, SharedError> {
    pull(remote, mirror).await?;
    let name = mirror.run_row(run)?.environment;
    let lease = mirror.known(&name)?.lease.filter(|lease| lease.run == run);
    if !lease.is_some_and(|lease| mirror.here.has(&lease.runner)) {
        mirror.branch_off(run)?;
    }
    Ok(Written::TakenOver)
}

/// Writes what earlier processes of this machine left: facts of runs without a runner here, branches, ticks, and
/// mutes. A run
/// that cannot be written does not hold up the others.
pub(super) async fn leftovers(
    remote: &Remote,
    mirror: &mut SqliteStore,
) -> Result<(), SharedError> {
    let mut first = Ok(());
    for run in mirror.unshared_runs()? {
        let written = leftover(remote, mirror, run).await;
        first = first.and(written);
    }
    let host = mirror.here.name();
    for (run, stored) in mirror.unshared_branches()? {
        let row = mirror.run_row(run)?;
        let fact = stored.json().to_string();
        let entry = BranchEntry { run, host: host.clone(), fact };
        entries::add(remote, row.environment.as_str(), Entries::Branches, &entry).await?;
        mirror.keep_branch(run, &host, &stored)?;
    }
    for (id, environment, entry) in mirror.unshared_ticks()? {
        entries::add(remote, environment.as_str(), Entries::Ticks, &entry).await?;
        mirror.mark_tick(id)?;
    }
    for (id, entry) in mirror.unshared_mutes()? {
        let number = entries::add(remote, TEAM, Entries::Mutes, &entry).await?;
        mirror.mark_mute(id, number)?;
    }
    first
}

async fn leftover(
    remote: &Remote,
    mirror: &mut SqliteStore,
    run: RunNumber,
) -> Result<(), SharedError> {
    let row = mirror.run_row(run)?;
    // A process that drives it writes its facts itself.
    if mirror.here.runs(&row.runner) {
        return Ok(());
    }
    let (environment, _) = remote.environment(&row.environment).await?;
    let lease = environment.known.lease.as_ref().filter(|lease| lease.run == run);
    match lease.filter(|lease| mirror.here.has(&lease.runner)) {
        Some(lease) => {
            let held = Held { run, environment: row.environment.clone(), fence: lease.fence };
            Driven::new(held).write_all(remote, mirror, false).await.map(drop)
        }
        None => taken_over(remote, mirror, run).await.map(drop),
    }
}
