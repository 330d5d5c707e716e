//! The working copy that a machine keeps of the shared store: what was read from it, what of the own facts it holds by
//! now, and the branches that were left when another machine took a run over.

mod branches;
mod known;
mod logs;

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction, params};
use serde::{Deserialize, Serialize};

use self::branches::move_tail;
use super::facts::{self, Stored};
use super::journal::{text, unreadable};
use super::open::{Sql as _, SqliteStore, immediate};
use super::prepared::Prepared as _;
use super::runner::Runner;
use super::{leases, ledger};
use pointsman_core::event::{Event, Recorded};
use pointsman_core::hash::Hash;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{HumanLock, JournalError, LEASE};
use pointsman_core::time::Timestamp;

/// Tables added in version 6. They stay empty in a store that is not shared.
pub(crate) const TABLES: &str = "
CREATE TABLE shared_runs (
    run  INTEGER PRIMARY KEY,
    seq  INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TABLE shared_environments (
    environment TEXT PRIMARY KEY,
    lease       TEXT,
    beat        TEXT NOT NULL,
    commands    INTEGER NOT NULL,
    ticks       INTEGER NOT NULL,
    branches    INTEGER NOT NULL
) STRICT;
CREATE TABLE shared_reading (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    changed     TEXT NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    at          TEXT NOT NULL DEFAULT '',
    runs        INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO shared_reading (one) VALUES (1);
CREATE TABLE shared_damage (
    run     INTEGER PRIMARY KEY,
    seq     INTEGER NOT NULL,
    because TEXT NOT NULL
) STRICT;
CREATE TABLE shared_ticks (
    tick INTEGER PRIMARY KEY
) STRICT;
CREATE TABLE branches (
    run    INTEGER NOT NULL,
    host   TEXT NOT NULL,
    seq    INTEGER NOT NULL,
    hash   TEXT NOT NULL,
    fact   TEXT NOT NULL,
    shared INTEGER NOT NULL,
    PRIMARY KEY (run, host, hash)
) STRICT;
";

/// Added in version 7: the last line that this machine has of what each other one logged of a run.
pub(crate) const LOGS: &str = "
CREATE TABLE shared_logs (
    run     INTEGER NOT NULL,
    machine TEXT NOT NULL,
    line    INTEGER NOT NULL,
    PRIMARY KEY (run, machine)
) STRICT;
";

/// The lease of an environment in the shared store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lease {
    pub(crate) run: RunNumber,
    /// Counts the takings of this environment's lease. It only grows.
    pub(crate) fence: u64,
    pub(crate) runner: Runner,
    pub(crate) actor: String,
    /// Whether its run has ended. The lease stays, so that the fence never starts again.
    pub(crate) released: bool,
}

/// What was read last of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) lease: Option<Lease>,
    /// Server time of the last renewal.
    pub(crate) beat: String,
    /// The numbers of commands, ticks and branch facts that were written.
    pub(crate) commands: u64,
    pub(crate) ticks: u64,
    pub(crate) branches: u64,
    /// The number of mutes, which only the team's document counts.
    pub(crate) mutes: u64,
}

/// How far the shared store was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// Server time up to which changes of environments were read.
    pub(crate) changed: String,
    /// Server time of the last complete reading; empty before the first one.
    pub(crate) at: String,
    /// The newest run up to which all were read.
    pub(crate) runs: RunNumber,
}

/// The run that facts belong to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunRow {
    pub(crate) run: RunNumber,
    pub(crate) environment: EnvironmentName,
    pub(crate) kind: String,
    pub(crate) runner: Runner,
}

/// What of a run the shared store holds: its last fact's number and hash.
pub(crate) fn shared_head(
    connection: &Connection,
    run: RunNumber,
) -> Result<(u64, Hash), JournalError> {
    let sql = "SELECT seq, hash FROM shared_runs WHERE run = ?1";
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, Hash(row.get(1)?)));
    let found = connection.first(sql, [run.0], row).optional().sql()?;
    Ok(found.unwrap_or_else(|| (0, Hash::zero())))
}

fn set_shared(
    connection: &Connection,
    run: RunNumber,
    (seq, hash): (u64, &Hash),
) -> Result<(), JournalError> {
    let sql = "INSERT INTO shared_runs VALUES (?1, ?2, ?3)
         ON CONFLICT (run) DO UPDATE SET seq = ?2, hash = ?3";
    connection.run(sql, params![run.0, seq, hash.0]).sql().map(drop)
}

/// Whether the lease of a run was current when the shared store was last read. Both times are the server's.
pub(crate) fn lease_is_current(
    connection: &Connection,
    run: RunNumber,
) -> Result<bool, JournalError> {
    let sql = "SELECT lease, beat, at FROM shared_environments, shared_reading
         WHERE environment = (SELECT environment FROM runs WHERE number = ?1)";
    let row = |row: &rusqlite::Row<'_>| {
        Ok((row.get::<_, Option<String>>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?))
    };
    let Some((lease, beat, at)) = connection.first(sql, [run.0], row).optional().sql()? else {
        return Ok(false);
    };
    let lease: Option<Lease> = match lease {
        Some(lease) => Some(serde_json::from_str(&lease).map_err(unreadable)?),
        None => None,
    };
    Ok(lease.is_some_and(|lease| lease.run == run && lease.holds(&beat, &at)))
}

impl Lease {
    /// Whether the lease is held at a server time, given that of its last renewal. A time that cannot be read proves no
    /// end.
    pub(crate) fn holds(&self, beat: &str, at: &str) -> bool {
        let (Ok(beat), Ok(at)) = (beat.parse::<Timestamp>(), at.parse::<Timestamp>()) else {
            return !self.released;
        };
        let age = Duration::try_from(at.duration_since(beat)).unwrap_or_default();
        !self.released && age <= LEASE
    }
}

impl SqliteStore {
    /// The facts of a run that the shared store lacks.
    pub(crate) fn unshared(&self, run: RunNumber) -> Result<Vec<Stored>, JournalError> {
        let (seq, _) = shared_head(&self.connection, run)?;
        facts::stored_after(&self.connection, run, seq)
    }

    /// The unfinished or unshared runs of this machine: those that the shared store lacks facts of.
    pub(crate) fn unshared_runs(&self) -> Result<Vec<RunNumber>, JournalError> {
        let sql = "SELECT number FROM runs LEFT JOIN shared_runs ON run = number
             WHERE head_seq > coalesce(seq, 0) ORDER BY number";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let runs = select.query_map([], |row| Ok(RunNumber(row.get(0)?))).sql()?;
        runs.collect::<Result<_, _>>().sql()
    }

    /// Records that the shared store holds a run up to a fact.
    pub(crate) fn mark_shared(
        &self,
        run: RunNumber,
        head: (u64, &Hash),
    ) -> Result<(), JournalError> {
        set_shared(&self.connection, run, head)
    }

    /// The row of a run, for the shared store.
    pub(crate) fn run_row(&self, run: RunNumber) -> Result<RunRow, JournalError> {
        let sql = "SELECT environment, kind, runner FROM runs WHERE number = ?1";
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, String>(0)?, row.get(1)?, row.get::<_, String>(2)?))
        };
        let found = self.connection.first(sql, [run.0], row).optional().sql()?;
        let (environment, kind, runner) = found.ok_or(JournalError::NoSuchRun(run))?;
        let environment = EnvironmentName::new(environment).map_err(JournalError::Unusable)?;
        let runner = serde_json::from_str(&runner).map_err(unreadable)?;
        Ok(RunRow { run, environment, kind, runner })
    }

    /// Takes over facts that were read from the shared store. Own facts that differ from them become a branch.
    ///
    /// # Errors
    /// A fact that is torn, edited, missing or does not continue the one before it is `Damaged`; those before it are kept.
    pub(crate) fn import(&mut self, of: &RunRow, facts: &[Stored]) -> Result<(), JournalError> {
        let host = self.here.name();
        let transaction = immediate(&mut self.connection).sql()?;
        let is_new = begin(&transaction, of)?;
        let (mut seq, mut hash) = shared_head(&transaction, of.run)?;
        let (known, mut damaged) = (seq, None);
        for stored in facts.iter().filter(|stored| stored.fact.seq > known) {
            if let Err(because) = stored.follows(of.run, seq, &hash) {
                damaged = Some(JournalError::Damaged { run: of.run, seq: seq + 1, because });
                break;
            }
            take(&transaction, of.run, stored, &host)?;
            (seq, hash) = (stored.fact.seq, stored.fact.hash.clone());
        }
        set_shared(&transaction, of.run, (seq, &hash))?;
        if is_new && seq > 0 {
            ledger::note(&transaction, of.run)?;
        }
        close(&transaction, of.run)?;
        transaction.commit().sql()?;
        damaged.map_or(Ok(()), Err)
    }

    /// What of a run the shared store holds, as far as this machine knows.
    pub(crate) fn shared_to(&self, run: RunNumber) -> Result<(u64, Hash), JournalError> {
        shared_head(&self.connection, run)
    }

    /// The runs of an environment that may have grown: its unfinished ones, and its last one.
    pub(crate) fn open_runs(
        &self,
        environment: &EnvironmentName,
        last: RunNumber,
    ) -> Result<Vec<RunNumber>, JournalError> {
        let sql = "SELECT number FROM runs
             WHERE environment = ?1 AND (ended = 0 OR number = ?2) ORDER BY number";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let row = |row: &rusqlite::Row<'_>| Ok(RunNumber(row.get(0)?));
        let runs = select.query_map(params![environment.as_str(), last.0], row).sql()?;
        runs.collect::<Result<_, _>>().sql()
    }

    /// The number of facts that the shared store lacks, branches included.
    pub(crate) fn unshared_records(&self) -> Result<u64, JournalError> {
        let sql = "SELECT (SELECT coalesce(sum(head_seq - coalesce(seq, 0)), 0)
             FROM runs LEFT JOIN shared_runs ON run = number WHERE head_seq > coalesce(seq, 0))
             + (SELECT count(*) FROM branches WHERE shared = 0)
             + (SELECT count(*) FROM mutes WHERE number IS NULL)
             + (SELECT count(*) FROM ticks WHERE id NOT IN (SELECT tick FROM shared_ticks))";
        self.connection.first(sql, [], |row| row.get(0)).sql()
    }

    pub(crate) fn has_ended(&self, run: RunNumber) -> Result<bool, JournalError> {
        Ok(facts::head(&self.connection, run)?.ended)
    }

    /// Whether an environment's lock is this one.
    pub(crate) fn has_lock(
        &self,
        environment: &EnvironmentName,
        lock: Option<&HumanLock>,
    ) -> Result<bool, JournalError> {
        Ok(leases::lock_of(&self.connection, environment)?.as_ref() == lock)
    }
}

/// Adds the row of a run, unless it is there. Returns whether it is new.
fn begin(transaction: &Transaction<'_>, of: &RunRow) -> Result<bool, JournalError> {
    let sql = "INSERT OR IGNORE INTO runs
         (number, environment, kind, head_seq, head_hash, runner, renewed)
         VALUES (?1, ?2, ?3, 0, ?4, ?5, '')";
    let row =
        params![of.run.0, of.environment.as_str(), of.kind, Hash::zero().0, text(&of.runner)?];
    Ok(transaction.run(sql, row).sql()? == 1)
}

/// Writes one fact of the shared store. If this machine wrote another one in its place, that one and all later ones
/// become a branch.
fn take(
    transaction: &Transaction<'_>,
    run: RunNumber,
    stored: &Stored,
    host: &str,
) -> Result<(), JournalError> {
    let fact = &stored.fact;
    let own = "SELECT hash FROM facts WHERE run = ?1 AND seq = ?2";
    let own: Option<String> =
        transaction.first(own, params![run.0, fact.seq], |row| row.get(0)).optional().sql()?;
    match own {
        Some(own) if own == fact.hash.0 => return Ok(()),
        Some(_) => {
            move_tail(transaction, run, fact.seq - 1, host)?;
            transaction.run("UPDATE runs SET ended = 0 WHERE number = ?1", [run.0]).sql()?;
        }
        None => {}
    }
    facts::insert(transaction, run, stored)
}

/// Marks a run as ended if its last fact is its end.
fn close(transaction: &Transaction<'_>, run: RunNumber) -> Result<(), JournalError> {
    if facts::head(transaction, run)?.ended {
        return Ok(());
    }
    let last = facts::last(transaction, run)?;
    let ends = |event: &Recorded| {
        matches!(event, Recorded::Known(Event::RunEnded { .. } | Event::RunSuperseded { .. }))
    };
    if last.is_some_and(|stored| ends(&stored.fact.event)) {
        ledger::close(transaction, run)?;
    }
    Ok(())
}
