//! State that survives a restart of the emulator: resources in the JSON of the API, answered request ids, and
//! slots.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::processes::ProcessIdentity;
use pointsman_core::time::Timestamp;

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS resources (
    id     INTEGER PRIMARY KEY AUTOINCREMENT,
    name   TEXT NOT NULL UNIQUE,
    kind   TEXT NOT NULL,
    parent TEXT NOT NULL,
    body   TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS resources_of ON resources (kind, parent, id);
CREATE TABLE IF NOT EXISTS requests (id TEXT PRIMARY KEY, operation TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS slots (
    build   TEXT PRIMARY KEY,
    port    INTEGER NOT NULL,
    process TEXT,
    wanted  INTEGER NOT NULL
) STRICT;
";

/// Kinds of resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Backend,
    Build,
    Rollout,
    Traffic,
    Operation,
    /// A service of Cloud Run with no backend above it.
    Service,
    /// A revision of one.
    Revision,
    /// Tags without traffic at the Cloud Run service of a backend.
    RunTags,
    /// A composite index of a database.
    Index,
    /// A field of a database, with its settings.
    Field,
    /// A change or an export of a database.
    DatabaseOperation,
}

impl Kind {
    /// Whether Google gives it a uid, times and an etag.
    fn has_common_fields(self) -> bool {
        matches!(
            self,
            Self::Backend
                | Self::Build
                | Self::Rollout
                | Self::Traffic
                | Self::Service
                | Self::Revision
        )
    }

    fn label(self) -> &'static str {
        match self {
            Self::Backend => "backend",
            Self::Build => "build",
            Self::Rollout => "rollout",
            Self::Traffic => "traffic",
            Self::Operation => "operation",
            Self::Service => "service",
            Self::Revision => "revision",
            Self::RunTags => "run-tags",
            Self::Index => "index",
            Self::Field => "field",
            Self::DatabaseOperation => "database-operation",
        }
    }
}

/// A stored slot.
#[derive(Debug, Clone)]
pub(super) struct SlotRecord {
    pub(super) build: String,
    pub(super) port: u16,
    pub(super) process: Option<ProcessIdentity>,
    /// Whether it should run.
    pub(super) wanted: bool,
}

pub(super) struct Registry {
    connection: Connection,
    clock: Arc<dyn Clock>,
}

/// The result of a database access. The API answers an error with 500 INTERNAL.
pub(super) type Stored<T> = Result<T, rusqlite::Error>;

impl Registry {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>) -> Stored<Self> {
        let file = folder.join("emulator.db");
        let made = OpenOptions::new().append(true).create(true).mode(0o600).open(&file);
        drop(made);
        let connection = Connection::open(&file)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        connection.execute_batch(TABLES)?;
        Ok(Self { connection, clock })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn get(&self, name: &str) -> Stored<Option<Value>> {
        let body: Option<String> = self
            .connection
            .prepare_cached("SELECT body FROM resources WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        Ok(body.and_then(|body| serde_json::from_str(&body).ok()))
    }

    /// Stores a new resource with the fields common to all resources, and returns the complete resource.
    pub(super) fn create(&self, kind: Kind, name: &str, mut body: Value) -> Stored<Value> {
        body["name"] = json!(name);
        if kind.has_common_fields() {
            body["uid"] = json!(uuid::Uuid::new_v4());
            body["createTime"] = json!(self.now());
        }
        self.save(kind, name, body)
    }

    /// Stores a changed resource with a new etag, and returns the complete resource.
    pub(super) fn save(&self, kind: Kind, name: &str, mut body: Value) -> Stored<Value> {
        if kind.has_common_fields() {
            body["updateTime"] = json!(self.now());
            body["etag"] =
                json!(format!("\"{}\"", &uuid::Uuid::new_v4().simple().to_string()[..22]));
        }
        let parent = name.rsplitn(3, '/').nth(2).unwrap_or_default();
        self.connection
            .prepare_cached(
                "INSERT INTO resources (name, kind, parent, body) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (name) DO UPDATE SET body = excluded.body",
            )?
            .execute(params![name, kind.label(), parent, body.to_string()])?;
        Ok(body)
    }

    /// Runs several writes in one transaction: after a crash, all or none are stored.
    pub(super) fn at_once<T>(&self, writes: impl FnOnce(&Self) -> Stored<T>) -> Stored<T> {
        let transaction = self.connection.unchecked_transaction()?;
        let done = writes(self)?;
        transaction.commit()?;
        Ok(done)
    }

    /// Changes a resource in place. Returns `None` if it does not exist.
    pub(super) fn change(
        &self,
        kind: Kind,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Stored<Option<Value>> {
        let Some(mut body) = self.get(name)? else {
            return Ok(None);
        };
        change(&mut body);
        self.save(kind, name, body).map(Some)
    }

    pub(super) fn delete(&self, name: &str) -> Stored<()> {
        let delete = "DELETE FROM resources WHERE name = ?1 OR name LIKE ?1 || '/%'";
        self.connection.prepare_cached(delete)?.execute([name])?;
        Ok(())
    }

    /// The resources of a kind, oldest first. `-` in the parent matches any location, or collection group.
    pub(super) fn list(&self, kind: Kind, parent: &str) -> Stored<Vec<Value>> {
        let pattern = parent.replace("/locations/-", "/locations/%");
        let pattern = pattern.replace("/collectionGroups/-", "/collectionGroups/%");
        let mut statement = self.connection.prepare_cached(
            "SELECT body FROM resources WHERE kind = ?1 AND parent LIKE ?2 ORDER BY id",
        )?;
        let rows =
            statement.query_map(params![kind.label(), pattern], |row| row.get::<_, String>(0))?;
        let bodies: Vec<String> = rows.collect::<Result<_, _>>()?;
        Ok(bodies.iter().filter_map(|body| serde_json::from_str(body).ok()).collect())
    }

    /// Every resource of a kind.
    pub(super) fn all(&self, kind: Kind) -> Stored<Vec<Value>> {
        self.list(kind, "%")
    }

    /// The operation returned for a request id.
    pub(super) fn answered(&self, request_id: &str) -> Stored<Option<String>> {
        self.connection
            .prepare_cached("SELECT operation FROM requests WHERE id = ?1")?
            .query_row([request_id], |row| row.get(0))
            .optional()
    }

    pub(super) fn remember(&self, request_id: &str, operation: &str) -> Stored<()> {
        let insert = "INSERT OR IGNORE INTO requests VALUES (?1, ?2)";
        self.connection.prepare_cached(insert)?.execute(params![request_id, operation])?;
        Ok(())
    }

    pub(super) fn slots(&self) -> Stored<Vec<SlotRecord>> {
        let mut statement =
            self.connection.prepare_cached("SELECT build, port, process, wanted FROM slots")?;
        let rows = statement.query_map([], |row| {
            let process: Option<String> = row.get(2)?;
            Ok(SlotRecord {
                build: row.get(0)?,
                port: row.get(1)?,
                process: process.and_then(|p| serde_json::from_str(&p).ok()),
                wanted: row.get(3)?,
            })
        })?;
        rows.collect()
    }

    pub(super) fn save_slot(&self, slot: &SlotRecord) -> Stored<()> {
        let process = slot.process.as_ref().and_then(|p| serde_json::to_string(p).ok());
        let row = params![slot.build, slot.port, process, slot.wanted];
        let replace = "INSERT OR REPLACE INTO slots VALUES (?1, ?2, ?3, ?4)";
        self.connection.prepare_cached(replace)?.execute(row)?;
        Ok(())
    }

    pub(super) fn forget_slot(&self, build: &str) -> Stored<()> {
        self.connection.prepare_cached("DELETE FROM slots WHERE build = ?1")?.execute([build])?;
        Ok(())
    }
}
