//! What was read of the shared store: environments, and how far.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::prepared::Prepared as _;
use super::{Known, Lease, Reading};
use crate::journal::{text, unreadable};
use crate::open::{Sql as _, SqliteStore, immediate};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::journal::{Damage, HumanLock, JournalError};
use pointsman_core::time::Timestamp;

impl SqliteStore {
    /// What was read last of an environment.
    pub(crate) fn known(&self, environment: &EnvironmentName) -> Result<Known, JournalError> {
        let sql = "SELECT lease, beat, commands, ticks, branches FROM shared_environments
             WHERE environment = ?1";
        let row = |row: &rusqlite::Row<'_>| {
            let known = Known {
                lease: None,
                beat: row.get(1)?,
                commands: row.get(2)?,
                ticks: row.get(3)?,
                branches: row.get(4)?,
                mutes: 0,
            };
            Ok((row.get::<_, Option<String>>(0)?, known))
        };
        let found = self.connection.first(sql, [environment.as_str()], row).optional().sql()?;
        let Some((lease, known)) = found else { return Ok(Known::default()) };
        let lease = lease.map(|lease| serde_json::from_str(&lease)).transpose();
        Ok(Known { lease: lease.map_err(unreadable)?, ..known })
    }

    /// Records what was read of an environment. The lease of another machine becomes the runner of its run here.
    pub(crate) fn set_known(
        &mut self,
        environment: &EnvironmentName,
        known: &Known,
        lock: Option<&HumanLock>,
    ) -> Result<(), JournalError> {
        let lease = known.lease.as_ref().map(text).transpose()?;
        let here = self.here.clone();
        let transaction = immediate(&mut self.connection).sql()?;
        // Another process of this machine has read, or taken, a later lease meanwhile.
        let fence = known.lease.as_ref().map_or(0, |lease| lease.fence);
        if stored_lease(&transaction, environment)?.is_some_and(|stored| stored.fence > fence) {
            return Ok(());
        }
        let sql = "INSERT INTO shared_environments VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (environment) DO UPDATE SET lease = ?2, beat = ?3,
             commands = max(commands, ?4), ticks = max(ticks, ?5), branches = max(branches, ?6)";
        let Known { beat, commands, ticks, branches, .. } = known;
        transaction
            .run(sql, params![environment.as_str(), lease, beat, commands, ticks, branches])
            .sql()?;
        if let Some(lease) = known.lease.as_ref().filter(|lease| !here.has(&lease.runner)) {
            let sql = "UPDATE runs SET runner = ?2, renewed = ?3 WHERE number = ?1";
            transaction.run(sql, params![lease.run.0, text(&lease.runner)?, beat]).sql()?;
        }
        transaction
            .run("DELETE FROM locks WHERE environment = ?1", [environment.as_str()])
            .sql()?;
        if let Some(HumanLock { actor, reason, since }) = lock {
            let row = params![environment.as_str(), actor, reason, since.to_string()];
            transaction.run("INSERT INTO locks VALUES (?1, ?2, ?3, ?4)", row).sql()?;
        }
        transaction.commit().sql()
    }

    /// Makes this process the runner of a run, after the shared store has given it the lease.
    pub(crate) fn hold(
        &mut self,
        environment: &EnvironmentName,
        lease: &Lease,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        let transaction = immediate(&mut self.connection).sql()?;
        let sql = "INSERT INTO shared_environments VALUES (?1, ?2, '', 0, 0, 0)
             ON CONFLICT (environment) DO UPDATE SET lease = ?2";
        transaction.run(sql, params![environment.as_str(), text(lease)?]).sql()?;
        let sql = "UPDATE runs SET runner = ?2, renewed = ?3 WHERE number = ?1";
        let row = params![lease.run.0, text(&lease.runner)?, at.to_string()];
        transaction.run(sql, row).sql()?;
        transaction.commit().sql()
    }

    /// What was read so far.
    pub(crate) fn reading(&self) -> Result<Reading, JournalError> {
        let sql = "SELECT changed, at, runs FROM shared_reading";
        let row = |row: &rusqlite::Row<'_>| {
            Ok(Reading { changed: row.get(0)?, at: row.get(1)?, runs: RunNumber(row.get(2)?) })
        };
        self.connection.first(sql, [], row).sql()
    }

    /// Records a complete reading.
    pub(crate) fn set_reading(&self, changed: &str, at: &str) -> Result<(), JournalError> {
        let sql = "UPDATE shared_reading SET changed = ?1, at = ?2";
        self.connection.run(sql, [changed, at]).sql().map(drop)
    }

    /// Records that every run up to a number was read.
    pub(crate) fn set_runs_read(&self, last: RunNumber) -> Result<(), JournalError> {
        let sql = "UPDATE shared_reading SET runs = max(runs, ?1)";
        self.connection.run(sql, [last.0]).sql().map(drop)
    }

    /// Remembers a run that is damaged in the shared store, by what was found first.
    pub(crate) fn keep_damage(&self, damage: &Damage) -> Result<(), JournalError> {
        let sql = "INSERT OR IGNORE INTO shared_damage VALUES (?1, ?2, ?3)";
        let row = params![damage.run.0, damage.seq, damage.because];
        self.connection.run(sql, row).sql().map(drop)
    }

    pub(crate) fn forget_damage(&self, run: RunNumber) -> Result<(), JournalError> {
        self.connection.run("DELETE FROM shared_damage WHERE run = ?1", [run.0]).sql().map(drop)
    }

    /// The runs that are damaged in the shared store.
    pub(crate) fn shared_damage(&self) -> Result<Vec<Damage>, JournalError> {
        let sql = "SELECT run, seq, because FROM shared_damage ORDER BY run";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let row = |row: &rusqlite::Row<'_>| {
            let run = RunNumber(row.get(0)?);
            Ok(Damage { run, seq: row.get(1)?, because: row.get(2)?, ended: false })
        };
        select.query_map([], row).sql()?.collect::<Result<_, _>>().sql()
    }
}

/// The lease of an environment as this machine knows it.
pub(super) fn stored_lease(
    connection: &Connection,
    environment: &EnvironmentName,
) -> Result<Option<Lease>, JournalError> {
    let sql = "SELECT lease FROM shared_environments WHERE environment = ?1";
    let row = |row: &rusqlite::Row<'_>| row.get::<_, Option<String>>(0);
    let lease = connection.first(sql, [environment.as_str()], row).optional().sql()?;
    lease.flatten().map(|lease| serde_json::from_str(&lease).map_err(unreadable)).transpose()
}
