//! One run as the journal lists it.

use std::sync::PoisonError;

use rusqlite::params;

use super::open::{Sql as _, SqliteStore};
use super::{facts, leases};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Damage, JournalError, Listed};

impl SqliteStore {
    pub(super) fn listed(&self, run: RunNumber) -> Result<Listed, JournalError> {
        facts::head(&self.connection, run)?;
        // Read the process first: otherwise a runner that ends its run and then exits could look dead in the middle of
        // the run.
        let runner = leases::runner_of(&self.connection, run)?;
        let living = leases::living(&self.connection, &self.here, run, &runner)?;
        let (runner, host) = match living {
            Some(living) => (Some(living.pid), living.host),
            None => (None, None),
        };
        Ok(Listed { view: self.chains.view(&self.connection, run)?, runner, host })
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
