//! Reads what changed in the shared store into this machine's copy.

use serde::de::DeserializeOwned;

use super::documents::{
    self, ENVIRONMENTS, Entries, Environment, RUNS, TEAM, environment_path, read_entry, read_fact,
    read_run,
};
use super::entries::{BranchEntry, CommandEntry, Mark, TickEntry, mark};
use super::remote::{Remote, SharedError};
use crate::facts::Stored;
use crate::mirror::{Known, RunRow};
use crate::open::SqliteStore;
use pointsman_core::document::Document;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Damage, JournalError};
use pointsman_core::time::Timestamp;

/// The overlap of a reading with the newest change it knows: changes of the same moment may appear in any order.
const OVERLAP: jiff::SignedDuration = jiff::SignedDuration::from_secs(2);

/// Reads every change since the last reading. It stops at the first failure, and the next one begins where it began.
pub(super) async fn pull(remote: &Remote, mirror: &mut SqliteStore) -> Result<(), SharedError> {
    let since = mirror.reading()?.changed;
    let changes = remote.changed(&since).await?;
    let mut newest = since.parse::<Timestamp>().unwrap_or_default();
    for document in &changes.documents {
        let at = if document.path == environment_path(TEAM) {
            let (count, at) = documents::of_team(document);
            mutes(remote, mirror, count).await?;
            at
        } else {
            let Some((name, environment)) = readable(document) else { continue };
            take(remote, mirror, &name, &environment).await?;
            environment.changed
        };
        let at = at.parse::<Timestamp>().unwrap_or_default();
        newest = newest.max(at.checked_sub(OVERLAP).unwrap_or(at));
    }
    mirror.set_reading(&newest.to_string(), &changes.at)?;
    Ok(())
}

/// Reads the mutes that were added since the last reading.
async fn mutes(remote: &Remote, mirror: &SqliteStore, count: u64) -> Result<(), SharedError> {
    let read = mirror.mutes_read()?;
    if count <= read {
        return Ok(());
    }
    let mut last = read;
    for document in remote.numbered(&Entries::Mutes.of(TEAM), read).await? {
        // The count is written with each mute: a higher number is none of ours.
        let number = documents::number_of(&document).filter(|number| *number <= count);
        let Some(number) = number else { continue };
        if let Some(entry) = known_entry(&document) {
            mirror.keep_mute(number, &entry)?;
        }
        last = last.max(number);
    }
    Ok(mirror.set_mutes_read(last)?)
}

/// An environment of the shared store. One that cannot be read does not hide the others.
fn readable(document: &Document) -> Option<(EnvironmentName, Environment)> {
    let name = document.path.strip_prefix(&format!("{ENVIRONMENTS}/"))?;
    let read = EnvironmentName::new(name).map_err(JournalError::Unusable);
    let read = read.and_then(|name| Ok((name, Environment::read(Some(document))?)));
    read.inspect_err(|error| tracing::warn!(%error, name, "an environment cannot be read")).ok()
}

/// The entry of a document. One of a later version is not taken.
fn known_entry<T: DeserializeOwned>(document: &Document) -> Option<T> {
    let read = read_entry(document);
    let path = &document.path;
    read.inspect_err(|error| tracing::warn!(%error, path, "an entry cannot be read")).ok()
}

/// Reads what changed in one environment.
async fn take(
    remote: &Remote,
    mirror: &mut SqliteStore,
    name: &EnvironmentName,
    environment: &Environment,
) -> Result<(), SharedError> {
    let known = mirror.known(name)?;
    // The copy of an unchanged environment is complete: each reading sees the last changes again.
    let behind = is_behind(mirror, name, environment)?;
    if known == environment.known && !behind && mirror.has_lock(name, environment.lock.as_ref())? {
        return Ok(());
    }
    if let Some(head) = environment.head.as_ref().filter(|_| behind) {
        if mirror.shared_to(head.run)?.0 == 0 {
            new_runs(remote, mirror).await?;
        }
        for run in mirror.open_runs(name, head.run)? {
            let row = mirror.run_row(run)?;
            more_facts(remote, mirror, &row).await?;
        }
        complete(mirror, environment)?;
    }
    let now = &environment.known;
    if now.ticks > known.ticks {
        for document in remote.numbered(&Entries::Ticks.of(name.as_str()), known.ticks).await? {
            let Some(TickEntry { release, tick }) = known_entry(&document) else { continue };
            mirror.keep_tick(name, &release, &tick)?;
        }
    }
    if now.branches > known.branches {
        for document in
            remote.numbered(&Entries::Branches.of(name.as_str()), known.branches).await?
        {
            let Some(BranchEntry { run, host, fact }) = known_entry(&document) else { continue };
            if let Ok(stored) = Stored::parse(&fact) {
                mirror.keep_branch(run, &host, &stored)?;
            }
        }
    }
    if now.commands > known.commands {
        commands(remote, mirror, name, (&known, environment)).await?;
    }
    Ok(mirror.set_known(name, now, environment.lock.as_ref())?)
}

/// Whether the copy lacks facts of an environment: of its last run, or of an earlier one, which has ended. The last one may be
/// there without them, because a reading stopped between the two, or was about another environment.
fn is_behind(
    mirror: &SqliteStore,
    name: &EnvironmentName,
    environment: &Environment,
) -> Result<bool, JournalError> {
    let Some(head) = &environment.head else { return Ok(false) };
    let unfinished = mirror.open_runs(name, head.run)?.into_iter().any(|run| run < head.run);
    Ok(unfinished || mirror.shared_to(head.run)? != (head.seq, head.hash.clone()))
}

/// Reads the runs, of any environment, that began since the newest one of the copy.
async fn new_runs(remote: &Remote, mirror: &mut SqliteStore) -> Result<(), SharedError> {
    // Not after the newest run of the copy: this machine may have begun a later one itself.
    for document in remote.numbered(RUNS, mirror.reading()?.runs.0).await? {
        let Some(number) = documents::number_of(&document).map(RunNumber) else { continue };
        match read_run(&document) {
            // A chain that does not fit is not taken: the facts themselves decide.
            Ok((row, chain)) if chain.is_empty() || mirror.import(&row, &chain).is_err() => {
                more_facts(remote, mirror, &row).await?;
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, run = %number, "a run cannot be read"),
        }
        mirror.set_runs_read(number)?;
    }
    Ok(())
}

/// Reads the facts of a run that the copy lacks. A damaged run is recorded, and does not hide the others.
async fn more_facts(
    remote: &Remote,
    mirror: &mut SqliteStore,
    row: &RunRow,
) -> Result<(), SharedError> {
    let run = row.run;
    let after = mirror.shared_to(run)?.0;
    let found = remote.numbered(&documents::facts_of(run), after).await?;
    let facts: Vec<_> = found.iter().map_while(|document| read_fact(document).ok()).collect();
    let unread = (facts.len() < found.len()).then(|| JournalError::Damaged {
        run,
        seq: after + 1 + facts.len() as u64,
        because: "its document in the shared store cannot be read".to_owned(),
    });
    match mirror.import(row, &facts).and(unread.map_or(Ok(()), Err)) {
        Err(JournalError::Damaged { run, seq, because }) => {
            tracing::warn!(%run, seq, because, environment = %row.environment, "damaged in the shared store");
            Ok(mirror.keep_damage(&Damage { run, seq, because, ended: false })?)
        }
        Err(error) => Err(error.into()),
        Ok(()) if facts.is_empty() => Ok(()),
        Ok(()) => Ok(mirror.forget_damage(run)?),
    }
}

/// Remembers facts that the environment's document promises and that are not there.
fn complete(mirror: &SqliteStore, environment: &Environment) -> Result<(), SharedError> {
    let Some(head) = &environment.head else { return Ok(()) };
    let (seq, _) = mirror.shared_to(head.run)?;
    if seq < head.seq {
        let because = "it is missing in the shared store".to_owned();
        let damage = Damage { run: head.run, seq: seq + 1, because, ended: false };
        return Ok(mirror.keep_damage(&damage)?);
    }
    Ok(mirror.forget_damage(head.run)?)
}

/// Takes the new commands of an environment, if this machine has its lease. A command that its sender has withdrawn is
/// not taken, and one that is taken can no longer be withdrawn.
async fn commands(
    remote: &Remote,
    mirror: &mut SqliteStore,
    name: &EnvironmentName,
    (known, environment): (&Known, &Environment),
) -> Result<(), SharedError> {
    let lease = environment.known.lease.as_ref().filter(|lease| !lease.released);
    let Some(lease) = lease.filter(|lease| mirror.here.has(&lease.runner)) else { return Ok(()) };
    for document in remote.numbered(&Entries::Commands.of(name.as_str()), known.commands).await? {
        let Some(number) = documents::number_of(&document) else { continue };
        let Some(entry) = known_entry::<CommandEntry>(&document) else { continue };
        if entry.run == lease.run && mark(remote, document, Mark::Taken).await? {
            mirror.keep_command(number, &entry)?;
        }
    }
    Ok(())
}
