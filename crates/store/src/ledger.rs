//! The chain of runs: one row when a run starts and one when it ends, each with the hash of the previous row. It
//! detects runs that were removed, inserted or moved to another environment, and runs whose end was cut off together
//! with their head. It does not detect that the newest row was cut off together with the end of its run, or that the
//! whole ledger was rewritten. To detect a rewrite, compare the last hash with that of a report kept elsewhere.

use std::fmt;

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::facts;
use super::open::Sql as _;
use super::open::SqliteStore;
use super::prepared::Prepared as _;
use pointsman_core::hash::Hash;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;

/// The first schema version that has a ledger.
pub(super) const SINCE: i64 = 5;

pub(super) const TABLE: &str = "
CREATE TABLE ledger (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    run         INTEGER NOT NULL,
    environment TEXT NOT NULL,
    kind        TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    head        TEXT NOT NULL,
    ended       INTEGER NOT NULL,
    prev        TEXT NOT NULL,
    hash        TEXT NOT NULL
) STRICT;
";

/// The fields that a run's row and its ledger rows share.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    run: u64,
    environment: String,
    kind: String,
    seq: u64,
    head: String,
    ended: bool,
}

impl Entry {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            run: row.get(0)?,
            environment: row.get(1)?,
            kind: row.get(2)?,
            seq: row.get(3)?,
            head: row.get(4)?,
            ended: row.get(5)?,
        })
    }

    fn hash(&self, prev: &str) -> String {
        let Self { run, environment, kind, seq, head, ended } = self;
        let whole = serde_json::json!([prev, run, environment, kind, seq, head, ended]);
        Hash::of(whole.to_string().as_bytes()).0
    }
}

/// A run that does not fit the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    pub run: RunNumber,
    pub because: &'static str,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {} does not fit the chain of runs: {}", self.run, self.because)
    }
}

/// Selects the current rows of runs.
const NOW: &str = "SELECT number, environment, kind, head_seq, head_hash, ended FROM runs";

/// Appends the current state of a run to the ledger, inside the caller's transaction.
pub(super) fn note(connection: &Connection, run: RunNumber) -> Result<(), JournalError> {
    let sql = format!("{NOW} WHERE number = ?1");
    let entry = connection.first(&sql, [run.0], Entry::read).sql()?;
    let last = "SELECT hash FROM ledger ORDER BY id DESC LIMIT 1";
    let prev = connection.first(last, [], |row| row.get::<_, String>(0)).optional().sql()?;
    let prev = prev.unwrap_or_else(|| Hash::zero().0);
    connection
        .run(
            "INSERT INTO ledger (run, environment, kind, seq, head, ended, prev, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                entry.run,
                entry.environment,
                entry.kind,
                entry.seq,
                entry.head,
                entry.ended,
                prev,
                entry.hash(&prev)
            ],
        )
        .sql()?;
    Ok(())
}

/// Marks a run as ended, in its row and in the ledger.
pub(super) fn close(connection: &Connection, run: RunNumber) -> Result<(), JournalError> {
    connection.run("UPDATE runs SET ended = 1 WHERE number = ?1", [run.0]).sql()?;
    note(connection, run)
}

/// Fills the ledger of a store that already has runs. Their current state is trusted.
pub(super) fn begin(connection: &Connection) -> rusqlite::Result<()> {
    let mut select = connection.prepare_cached("SELECT number FROM runs ORDER BY number")?;
    let runs: Vec<u64> = select.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
    for run in runs {
        note(connection, RunNumber(run)).map_err(|_| rusqlite::Error::InvalidQuery)?;
    }
    Ok(())
}

impl SqliteStore {
    /// Lists every break in the chain of runs.
    pub fn check_runs(&self) -> Result<Vec<Misfit>, JournalError> {
        // A store of an earlier version, opened read-only, has no ledger.
        let there = "SELECT count(*) FROM sqlite_master WHERE name = 'ledger'";
        if self.connection.first(there, [], |row| row.get::<_, u64>(0)).sql()? == 0 {
            return Ok(Vec::new());
        }
        let mut select = self.connection.prepare_cached(
            "SELECT run, environment, kind, seq, head, ended, prev, hash FROM ledger ORDER BY id",
        ).sql()?;
        let rows = select
            .query_map([], |row| {
                Ok((Entry::read(row)?, row.get::<_, String>(6)?, row.get::<_, String>(7)?))
            })
            .sql()?;
        let (mut found, mut last) = (Vec::new(), Hash::zero().0);
        for row in rows {
            let (entry, prev, hash) = row.sql()?;
            let because = if prev != last || hash != entry.hash(&prev) {
                Some("the chain was changed here")
            } else {
                self.differs(&entry)?
            };
            found.extend(because.map(|because| Misfit { run: RunNumber(entry.run), because }));
            last = hash;
        }
        found.extend(self.unnoted()?);
        Ok(found)
    }

    /// Runs, and ends of runs, that are missing from the chain.
    fn unnoted(&self) -> Result<Vec<Misfit>, JournalError> {
        let mut select = self
            .connection
            .prepare_cached(
                "SELECT number FROM runs WHERE NOT EXISTS (SELECT 1 FROM ledger
             WHERE ledger.run = runs.number AND ledger.ended = runs.ended) ORDER BY number",
            )
            .sql()?;
        let runs =
            select.query_map([], |row| row.get(0)).sql()?.collect::<Result<Vec<u64>, _>>().sql()?;
        let because = "it is not in the chain as it is now";
        Ok(runs.into_iter().map(|run| Misfit { run: RunNumber(run), because }).collect())
    }

    /// How a run differs from its ledger row, if it does.
    fn differs(&self, entry: &Entry) -> Result<Option<&'static str>, JournalError> {
        let sql = format!("{NOW} WHERE number = ?1");
        let now = self.connection.first(&sql, [entry.run], Entry::read).optional().sql()?;
        let Some(now) = now else { return Ok(Some("the run was removed")) };
        if (&now.environment, &now.kind) != (&entry.environment, &entry.kind) {
            return Ok(Some("the run was given to another environment"));
        }
        // Another machine took the run over, and the record that was noted is in a branch.
        let sql = "SELECT count(*) FROM branches WHERE run = ?1 AND hash = ?2";
        let branched =
            self.connection.first(sql, params![entry.run, entry.head], |row| row.get::<_, u64>(0));
        if branched.is_ok_and(|many| many > 0) {
            return Ok(None);
        }
        if now.seq < entry.seq || (entry.ended && (now.seq, &now.head) != (entry.seq, &entry.head))
        {
            return Ok(Some("its last records were cut off"));
        }
        let noted = "SELECT hash FROM facts WHERE run = ?1 AND seq = ?2";
        let noted = self
            .connection
            .first(noted, params![entry.run, entry.seq], |row| row.get::<_, String>(0));
        // The run's own chain also detects a removed or edited record.
        let same = noted.optional().sql()?.is_some_and(|hash| hash == entry.head);
        Ok((!same).then_some("the record that was noted of it is another one now"))
    }

    /// The first break in the chain that concerns one run, if any.
    pub fn check_run(&self, run: RunNumber) -> Result<Option<Misfit>, JournalError> {
        facts::head(&self.connection, run)?;
        Ok(self.check_runs()?.into_iter().find(|misfit| misfit.run == run))
    }
}
