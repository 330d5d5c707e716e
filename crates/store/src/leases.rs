//! Leases and locks: which process drives a run, and which environments people have locked.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _};

use super::facts;
use super::open::{Sql as _, SqliteStore};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Holder, HumanLock, JournalError, LEASE};
use pointsman_core::ports::processes::{ProcessIdentity, Processes};
use pointsman_core::time::Timestamp;

impl SqliteStore {
    /// The time of the last lease renewal of the unfinished run, as its runner wrote it. Compare two readings to see
    /// whether the lease is being renewed, whatever the clocks say.
    pub fn renewed(&self, environment: &EnvironmentName) -> Result<Option<String>, JournalError> {
        let sql =
            "SELECT renewed FROM runs WHERE environment = ?1 AND ended = 0 ORDER BY number DESC";
        let found = self.connection.query_row(sql, [environment.as_str()], |row| row.get(0));
        found.optional().sql()
    }
}

/// The live process that drives a run of an environment, if any.
pub(super) fn busy(
    connection: &Connection,
    processes: &dyn Processes,
    environment: &EnvironmentName,
    now: Timestamp,
) -> Result<Option<Holder>, JournalError> {
    let open = unfinished(connection, environment)?;
    let lives =
        |(run, runner): (RunNumber, String)| living(processes, &runner).map(|pid| (run, pid));
    let Some((run, pid)) = open.into_iter().find_map(lives) else { return Ok(None) };
    holder(connection, run, pid, now).map(Some)
}

pub(super) fn runner_of(connection: &Connection, run: RunNumber) -> Result<String, JournalError> {
    let sql = "SELECT runner FROM runs WHERE number = ?1";
    connection.query_row(sql, [run.0], |row| row.get(0)).sql()
}

pub(super) fn holder(
    connection: &Connection,
    run: RunNumber,
    pid: u32,
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
    let renewed: String = connection.query_row(sql, [run.0], |row| row.get(0)).sql()?;
    let age = renewed.parse::<Timestamp>().map(|renewed| now.duration_since(renewed));
    let stale = age.is_ok_and(|age| Duration::try_from(age).is_ok_and(|age| age > LEASE));
    Ok(Holder { run, pid, actor, at, since, stale })
}

pub(super) fn lock_of(
    connection: &Connection,
    environment: &EnvironmentName,
) -> Result<Option<HumanLock>, JournalError> {
    let sql = "SELECT actor, reason, since FROM locks WHERE environment = ?1";
    let row = connection
        .query_row(sql, [environment.as_str()], |row| {
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
        .prepare("SELECT number, runner FROM runs WHERE environment = ?1 AND ended = 0")
        .sql()?;
    let rows = statement
        .query_map([environment.as_str()], |row| Ok((RunNumber(row.get(0)?), row.get(1)?)))
        .sql()?;
    rows.collect::<Result<_, _>>().sql()
}

pub(super) fn living(processes: &dyn Processes, runner: &str) -> Option<u32> {
    let runner: ProcessIdentity = serde_json::from_str(runner).ok()?;
    processes.alive(&runner).then_some(runner.pid)
}
