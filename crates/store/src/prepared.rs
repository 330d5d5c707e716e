//! Statements that a connection prepares once. Preparing takes longer than what most of ours do, so the methods of rusqlite
//! that prepare at each call are not used (`clippy.toml`).

use rusqlite::config::DbConfig;
use rusqlite::{Connection, Params, Row};

/// More than the statements of the whole crate: a smaller cache would throw out what the next call needs.
const STATEMENTS: usize = 160;

/// A connection that keeps its statements.
pub(super) trait Prepared {
    /// Runs a statement that returns no rows. Returns how many rows it changed.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize, rusqlite::Error>;

    /// The first row of a query.
    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, rusqlite::Error>;
}

impl Prepared for Connection {
    fn run(&self, sql: &str, params: impl Params) -> Result<usize, rusqlite::Error> {
        self.prepare_cached(sql)?.execute(params)
    }

    fn first<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> Result<T, rusqlite::Error>,
    ) -> Result<T, rusqlite::Error> {
        self.prepare_cached(sql)?.query_row(params, read)
    }
}

/// Makes a new connection keep its statements. Without the planner's guarantee SQLite (built with `STAT4`, as ours is) prepares a
/// statement again for each other value in a comparison, in case another plan would suit that value.
pub(super) fn keep_statements(connection: &Connection) -> Result<(), rusqlite::Error> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn statement_is_prepared_once_whatever_it_compares() {
        let connection = Connection::open_in_memory().unwrap();
        keep_statements(&connection).unwrap();
        let table =
            "CREATE TABLE facts (run INTEGER, seq INTEGER, PRIMARY KEY (run, seq)) WITHOUT ROWID";
        connection.execute_batch(table).unwrap();
        let sql = "SELECT seq FROM facts WHERE run = ?1 AND seq > ?2 ORDER BY seq LIMIT ?3";
        for run in 0..3 {
            let found = connection.first(sql, [run, run, 5], |row| row.get::<_, u64>(0));
            assert_eq!(found, Err(rusqlite::Error::QueryReturnedNoRows));
        }
        let kept = connection.prepare_cached(sql).unwrap();
        assert_eq!(kept.get_status(StatementStatus::Run), 3, "the statement was not kept");
        assert_eq!(kept.get_status(StatementStatus::RePrepare), 0);
    }
}
