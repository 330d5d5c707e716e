//! Leases and locks: which process drives a run, and which environments people have locked.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::facts;
use super::mirror;
use super::open::{Sql as _, SqliteStore};
use super::prepared::Prepared as _;
use super::runner::{Here, Living, Runner};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Holder, HumanLock, JournalError, LEASE};
use pointsman_core::time::Timestamp;

impl SqliteStore {
    /// The time of the last lease renewal of the unfinished run, as its runner wrote it. Compare two readings to see
    /// whether the lease is being renewed, whatever the clocks say.
    pub fn renewed(&self, environment: &EnvironmentName) -> Result<Option<String>, JournalError> {
        self.refresh();
        let sql =
            "SELECT renewed FROM runs WHERE environment = ?1 AND ended = 0 ORDER BY number DESC";
        let found = self.connection.first(sql, [environment.as_str()], |row| row.get(0));
        found.optional().sql()
    }
}

/// The live process that drives a run of an environment, if any.
pub(super) fn busy(
    connection: &Connection,
    here: &Here,
    environment: &EnvironmentName,
    now: Timestamp,
) -> Result<Option<Holder>, JournalError> {
    for (run, runner) in unfinished(connection, environment)? {
        if let Some(living) = living(connection, here, run, &runner)? {
            return holder(connection, run, living, now).map(Some);
        }
    }
    Ok(None)
}

pub(super) fn runner_of(connection: &Connection, run: RunNumber) -> Result<String, JournalError> {
    let sql = "SELECT runner FROM runs WHERE number = ?1";
    connection.first(sql, [run.0], |row| row.get(0)).sql()
}

pub(super) fn holder(
    connection: &Connection,
    run: RunNumber,
    living: Living,
    now: Timestamp,
) -> Result<Holder, JournalError> {
    let (at, since, actor) = match facts::view(connection, run) {
        Ok(view) => (view.state.sentence(), view.started, view.actor),
        // The run is still being driven.
        Err(JournalError::Damaged { because, .. }) => {
            (format!("damaged ({because})"), now, "unknown".to_owned())
        }
        Err(error) => return Err(error),
    };
    let sql = "SELECT renewed FROM runs WHERE number = ?1";
    let renewed: String = connection.first(sql, [run.0], |row| row.get(0)).sql()?;
    let age = renewed.parse::<Timestamp>().map(|renewed| now.duration_since(renewed));
    // The lease of another machine is measured by the server's clock, in `mirror::lease_is_current`.
    let stale = living.host.is_none()
        && age.is_ok_and(|age| Duration::try_from(age).is_ok_and(|age| age > LEASE));
    let Living { pid, host } = living;
    Ok(Holder { run, pid, host, actor, at, since, stale })
}

pub(super) fn lock_of(
    connection: &Connection,
    environment: &EnvironmentName,
) -> Result<Option<HumanLock>, JournalError> {
    let sql = "SELECT actor, reason, since FROM locks WHERE environment = ?1";
    let row = connection
        .first(sql, [environment.as_str()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?))
        })
        .optional()
        .sql()?;
    Ok(row.map(|(actor, reason, since)| {
        let since = since.parse().unwrap_or(Timestamp::UNIX_EPOCH);
        HumanLock { actor, reason, since }
    }))
}

pub(super) fn unfinished(
    connection: &Connection,
    environment: &EnvironmentName,
) -> Result<Vec<(RunNumber, String)>, JournalError> {
    let mut statement = connection
        .prepare_cached("SELECT number, runner FROM runs WHERE environment = ?1 AND ended = 0")
        .sql()?;
    let rows = statement
        .query_map([environment.as_str()], |row| Ok((RunNumber(row.get(0)?), row.get(1)?)))
        .sql()?;
    rows.collect::<Result<_, _>>().sql()
}

/// The runner of a run, if it is alive: its process runs here, or its machine still has the lease.
pub(super) fn living(
    connection: &Connection,
    here: &Here,
    run: RunNumber,
    runner: &str,
) -> Result<Option<Living>, JournalError> {
    let Ok(runner) = serde_json::from_str::<Runner>(runner) else { return Ok(None) };
    let pid = runner.process.pid;
    if here.has(&runner) {
        return Ok(here.runs(&runner).then_some(Living { pid, host: None }));
    }
    let host = runner.machine.map(|machine| machine.name);
    Ok(mirror::lease_is_current(connection, run)?.then_some(Living { pid, host }))
}
