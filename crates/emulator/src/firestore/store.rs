//! Stores the documents in SQLite.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use super::error::Refusal;
use super::path::Root;
use super::query::Mask;
use pointsman_core::document::Fields;
use pointsman_core::ports::clock::Clock;

/// `place` is the key of the collection that contains the document, `kind` the collection's id.
const TABLES: &str = "
CREATE TABLE IF NOT EXISTS documents (
    key     BLOB PRIMARY KEY,
    place   BLOB NOT NULL,
    kind    TEXT NOT NULL,
    path    TEXT NOT NULL,
    fields  TEXT NOT NULL,
    created TEXT NOT NULL,
    updated TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS documents_in ON documents (place, key);
CREATE INDEX IF NOT EXISTS documents_called ON documents (kind, key);
";

/// A stored document.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) path: String,
    pub(super) fields: Fields,
    pub(super) created: String,
    pub(super) updated: String,
}

impl Kept {
    /// The document in the API's format, reduced to the fields of `mask`.
    pub(super) fn json(&self, root: &Root, mask: Option<&Mask>) -> Result<Value, Refusal> {
        let fields = match mask {
            None => self.fields.clone(),
            Some(mask) => mask.only(&self.fields)?,
        };
        let mut json = json!({
            "name": format!("{}/{}", root.prefix(), self.path),
            "createTime": self.created, "updateTime": self.updated,
        });
        if !fields.is_empty() {
            json["fields"] = json!(fields);
        }
        Ok(json)
    }
}

pub(super) struct Store {
    pub(super) connection: Connection,
    clock: Arc<dyn Clock>,
    /// Time of the last change. Every change gets a later one: a precondition could not tell two changes with the
    /// same time apart.
    last: String,
}

impl Store {
    pub(super) fn open(file: &Path, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let made = OpenOptions::new().append(true).create(true).mode(0o600).open(file);
        drop(made);
        Self::on(Connection::open(file)?, clock)
    }

    /// An in-memory store, discarded when dropped.
    pub(super) fn in_memory(clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        Self::on(Connection::open_in_memory()?, clock)
    }

    fn on(connection: Connection, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        // Or a query is prepared again for each page: see `prepared.rs` of the store.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        connection.execute_batch(TABLES)?;
        let mut newest = connection.prepare_cached("SELECT max(updated) FROM documents")?;
        let last: Option<String> = newest.query_row([], |row| row.get(0))?;
        drop(newest);
        Ok(Self { connection, clock, last: last.unwrap_or_default() })
    }

    /// The current time to the microsecond, always with the same number of digits.
    pub(super) fn now(&self) -> String {
        format!("{:.6}", self.clock.now())
    }

    /// The time for a new change, later than every earlier one.
    pub(super) fn next_time(&mut self) -> String {
        let mut at = self.clock.now();
        while format!("{at:.6}") <= self.last {
            at = at.checked_add(jiff::SignedDuration::from_micros(1)).unwrap_or(at);
        }
        self.last = format!("{at:.6}");
        self.last.clone()
    }

    pub(super) fn get(&self, key: &[u8]) -> rusqlite::Result<Option<Kept>> {
        self.connection
            .prepare_cached("SELECT path, fields, created, updated FROM documents WHERE key = ?1")?
            .query_row([key], Self::row)
            .optional()
    }

    pub(super) fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Kept> {
        let fields: String = row.get(1)?;
        Ok(Kept {
            path: row.get(0)?,
            fields: serde_json::from_str(&fields).unwrap_or_default(),
            created: row.get(2)?,
            updated: row.get(3)?,
        })
    }

    pub(super) fn put(&self, root: &Root, kept: &Kept) -> rusqlite::Result<()> {
        let key = super::path::key(root, &kept.path);
        let (parent, kind) = match kept.path.rsplit_once('/') {
            Some((collection, _)) => {
                (collection, collection.rsplit('/').next().unwrap_or_default())
            }
            None => ("", ""),
        };
        let place = super::path::key(root, parent);
        let fields = serde_json::to_string(&kept.fields).unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO documents (key, place, kind, path, fields, created, updated)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (key) DO UPDATE SET fields = excluded.fields, updated = excluded.updated",
            )?
            .execute(params![key, place, kind, kept.path, fields, kept.created, kept.updated])?;
        Ok(())
    }

    pub(super) fn remove(&self, key: &[u8]) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM documents WHERE key = ?1")?.execute([key])?;
        Ok(())
    }

    /// Runs `act` in one transaction: commits if it succeeds, rolls back if it fails.
    pub(super) fn whole<T>(
        &mut self,
        act: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let done = act(self);
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        self.connection.execute_batch(end)?;
        done
    }
}
