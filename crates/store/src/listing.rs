//! One run as the journal lists it.

use std::sync::PoisonError;

use rusqlite::params;

use super::open::{Sql as _, SqliteStore};
use super::runner::Living;
use super::{facts, leases};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Damage, JournalError, Listed};

impl SqliteStore {
    /// Runs with the processes that drive them, in the order of the numbers.
    pub(super) fn listed(
        &self,
        runs: &[RunNumber],
    ) -> Result<Vec<Result<Listed, JournalError>>, JournalError> {
        // Read the processes first: otherwise a runner that ends its run and then exits could look dead in the middle of
        // the run.
        let living: Vec<_> = {
            let _snapshot = facts::snapshot(&self.connection)?;
            runs.iter().map(|run| self.living(*run)).collect()
        };
        let _snapshot = facts::snapshot(&self.connection)?;
        self.chains.read_ahead(&self.connection, runs);
        let listed = |(living, run): (Result<Option<Living>, _>, &RunNumber)| {
            let (runner, host) =
                living?.map_or((None, None), |Living { pid, host }| (Some(pid), host));
            Ok(Listed { view: self.chains.view(&self.connection, *run)?, runner, host })
        };
        Ok(living.into_iter().zip(runs).map(listed).collect())
    }

    /// The process that drives a run, if it is alive.
    pub(super) fn living(&self, run: RunNumber) -> Result<Option<Living>, JournalError> {
        let runner = leases::runner_of(&self.connection, run)?;
        leases::living(&self.connection, &self.here, run, &runner)
    }

    /// The newest runs before one, newest first. Reads no more of the store than that, however many runs it has.
    pub(super) fn numbers(
        &self,
        environment: Option<&EnvironmentName>,
        before: Option<RunNumber>,
        limit: usize,
    ) -> Result<Vec<RunNumber>, JournalError> {
        // Two statements: with `?1 IS NULL OR environment = ?1`, SQLite uses no index.
        let of_one = "SELECT number FROM runs WHERE environment = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3";
        let of_all = "SELECT number FROM runs WHERE ?1 IS NULL AND number < ?2 ORDER BY number DESC LIMIT ?3";
        let name = environment.map(EnvironmentName::as_str);
        let before = before.map_or(i64::MAX, |run| run.0.cast_signed());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.connection
            .prepare_cached(if name.is_some() { of_one } else { of_all })
            .sql()?
            .query_map(params![name, before, limit], |row| row.get(0).map(RunNumber))
            .sql()?
            .collect::<Result<_, _>>()
            .sql()
    }

    pub(super) fn note_damage(&self, damage: Damage) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if !damaged.contains(&damage) {
            damaged.push(damage);
        }
    }
}
