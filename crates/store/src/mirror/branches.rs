//! Branches: facts that a machine wrote to a run after another one had taken it over.

use rusqlite::{Transaction, params};

use super::super::prepared::Prepared as _;
use super::known::stored_lease;
use super::shared_head;
use crate::facts::{self, Stored};
use crate::ledger;
use crate::open::{Sql as _, SqliteStore, immediate};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::sharing::Branch;

impl SqliteStore {
    /// Ends a run here whose facts in the shared store are damaged, so that it holds up no later one.
    pub(crate) fn end_damaged(&self, run: RunNumber) -> Result<(), JournalError> {
        ledger::close(&self.connection, run)
    }

    /// Turns own facts that the shared store lacks into a branch: another machine has the run.
    pub(crate) fn branch_off(&mut self, run: RunNumber) -> Result<(), JournalError> {
        let host = self.here.name();
        let here = self.here.clone();
        let name = self.run_row(run)?.environment;
        let transaction = immediate(&mut self.connection).sql()?;
        // A process of this machine has taken the run back meanwhile: these may be its facts.
        let lease = stored_lease(&transaction, &name)?.filter(|lease| lease.run == run);
        if lease.is_some_and(|lease| here.has(&lease.runner)) {
            return Ok(());
        }
        let (seq, hash) = shared_head(&transaction, run)?;
        // The shared store has all of it, with its end if it has one: nothing becomes a branch.
        if facts::stored_after(&transaction, run, seq)?.is_empty() {
            return Ok(());
        }
        move_tail(&transaction, run, seq, &host)?;
        let sql = "UPDATE runs SET head_seq = ?2, head_hash = ?3, ended = 0 WHERE number = ?1";
        transaction.run(sql, params![run.0, seq, hash.0]).sql()?;
        transaction.commit().sql()
    }

    /// Keeps facts of a branch that another machine wrote, or marks own ones as shared.
    pub(crate) fn keep_branch(
        &self,
        run: RunNumber,
        host: &str,
        stored: &Stored,
    ) -> Result<(), JournalError> {
        let sql = "INSERT INTO branches VALUES (?1, ?2, ?3, ?4, ?5, 1)
             ON CONFLICT (run, host, hash) DO UPDATE SET shared = 1";
        let fact = &stored.fact;
        let row = params![run.0, host, fact.seq, fact.hash.0, stored.json().to_string()];
        self.connection.run(sql, row).sql().map(drop)
    }

    /// Own facts in branches that the shared store lacks.
    pub(crate) fn unshared_branches(&self) -> Result<Vec<(RunNumber, Stored)>, JournalError> {
        let sql = "SELECT run, fact FROM branches WHERE shared = 0 ORDER BY run, seq";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let rows =
            select.query_map([], |row| Ok((RunNumber(row.get(0)?), row.get::<_, String>(1)?)));
        let rows = rows.sql()?.collect::<Result<Vec<_>, _>>().sql()?;
        rows.into_iter().map(|(run, fact)| Ok((run, Stored::parse(&fact)?))).collect()
    }

    /// The branches of a run.
    pub(crate) fn branches_of(&self, run: RunNumber) -> Result<Vec<Branch>, JournalError> {
        let sql = "SELECT host, fact FROM branches WHERE run = ?1 ORDER BY host, seq";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        let rows = select
            .query_map([run.0], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        let mut branches: Vec<Branch> = Vec::new();
        for (host, fact) in rows.sql()?.collect::<Result<Vec<_>, _>>().sql()? {
            let fact = Stored::parse(&fact)?.fact;
            match branches.last_mut().filter(|branch| branch.host == host) {
                Some(branch) => branch.facts.push(fact),
                None => branches.push(Branch { host, facts: vec![fact] }),
            }
        }
        Ok(branches)
    }
}

/// Moves the facts after a number into a branch of this machine.
pub(super) fn move_tail(
    transaction: &Transaction<'_>,
    run: RunNumber,
    after: u64,
    host: &str,
) -> Result<(), JournalError> {
    for late in facts::stored_after(transaction, run, after)? {
        let sql = "INSERT OR IGNORE INTO branches VALUES (?1, ?2, ?3, ?4, ?5, 0)";
        let json = late.json().to_string();
        let row = params![run.0, host, late.fact.seq, late.fact.hash.0, json];
        transaction.run(sql, row).sql()?;
    }
    let delete = "DELETE FROM facts WHERE run = ?1 AND seq > ?2";
    transaction.run(delete, params![run.0, after]).sql().map(drop)
}
