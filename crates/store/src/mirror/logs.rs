//! How much of the logs of other machines this one has.

use rusqlite::{Connection, OptionalExtension as _, params};

use super::super::prepared::Prepared as _;
use crate::open::{Sql as _, SqliteStore, immediate};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;

impl SqliteStore {
    /// Takes the lines of a log up to `last` once, whichever process of this machine reads them. Returns the number of
    /// the last line that is here already. If this process dies before it has kept the others, they are lost here.
    pub(crate) fn take_lines(
        &mut self,
        run: RunNumber,
        machine: &str,
        last: u64,
    ) -> Result<u64, JournalError> {
        let transaction = immediate(&mut self.connection).sql()?;
        let known = line_of(&transaction, run, machine)?.unwrap_or_default();
        set_line(&transaction, run, machine, last)?;
        transaction.commit().sql()?;
        Ok(known)
    }

    /// The failed steps of a run.
    pub(crate) fn failures(&self, run: RunNumber) -> Result<u64, JournalError> {
        let sql = "SELECT count(*) FROM facts WHERE run = ?1 AND kind = 'step-failed'";
        let mut select = self.connection.prepare_cached(sql).sql()?;
        select.query_row([run.0], |row| row.get(0)).sql()
    }
}

fn line_of(
    connection: &Connection,
    run: RunNumber,
    machine: &str,
) -> Result<Option<u64>, JournalError> {
    let sql = "SELECT line FROM shared_logs WHERE run = ?1 AND machine = ?2";
    let mut select = connection.prepare_cached(sql).sql()?;
    select.query_row(params![run.0, machine], |row| row.get(0)).optional().sql()
}

fn set_line(
    connection: &Connection,
    run: RunNumber,
    machine: &str,
    line: u64,
) -> Result<(), JournalError> {
    let sql = "INSERT INTO shared_logs VALUES (?1, ?2, ?3)
         ON CONFLICT (run, machine) DO UPDATE SET line = max(line, ?3)";
    connection.run(sql, params![run.0, machine, line]).sql().map(drop)
}
