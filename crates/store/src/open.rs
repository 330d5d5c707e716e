//! Opens the database and migrates its schema.

use std::collections::HashMap;
use std::fmt;
use std::fs::{DirBuilder, OpenOptions};
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::chains::Chains;
use super::ledger;
use super::mirror;
use super::mutes;
use super::prepared::{Prepared as _, keep_statements};
use super::runner::Here;
use super::shared::Link;
use pointsman_core::error::Problem;
use pointsman_core::hash::Hash;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::{Damage, JournalError};
use pointsman_core::ports::processes::Processes;

/// The current schema version.
pub(super) const SCHEMA_VERSION: i64 = 7;

/// Tables added in version 2.
const TICKS: &str = "
CREATE TABLE ticks (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    release     TEXT NOT NULL,
    item        TEXT NOT NULL,
    act         TEXT NOT NULL,
    actor       TEXT NOT NULL,
    at          TEXT NOT NULL,
    note        TEXT NOT NULL,
    subject     TEXT NOT NULL
) STRICT;
CREATE INDEX ticks_of_release ON ticks (environment, release, id);
";

/// Tables added in version 3.
const LETTERS: &str = "
CREATE TABLE letters (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    key      TEXT NOT NULL,
    channel  TEXT NOT NULL,
    alert    TEXT NOT NULL,
    state    TEXT NOT NULL,
    until    INTEGER NOT NULL,
    why      TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    UNIQUE (key, channel)
) STRICT;
CREATE INDEX letters_that_wait ON letters (state, channel, id);
CREATE TABLE told (
    subject TEXT PRIMARY KEY,
    stands  TEXT NOT NULL
) STRICT;
CREATE TABLE silence (
    until  INTEGER NOT NULL,
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL
) STRICT;
";

/// Added in version 4: since when every process that tried a delivery lacked its setting, in ms since the epoch.
const UNSET: &str = "ALTER TABLE letters ADD COLUMN unset_since INTEGER;";

/// What each version added, from version 1.
const VERSIONS: [&[&str]; 7] = [
    &[TABLES],
    &[TICKS],
    &[LETTERS],
    &[UNSET],
    &[ledger::TABLE],
    &[mirror::TABLES],
    &[mutes::TABLES, mirror::LOGS],
];

const TABLES: &str = "
CREATE TABLE runs (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    kind        TEXT NOT NULL,
    head_seq    INTEGER NOT NULL,
    head_hash   TEXT NOT NULL,
    runner      TEXT NOT NULL,
    renewed     TEXT NOT NULL,
    ended       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX runs_of_environment ON runs (environment, number);
CREATE TABLE facts (
    run        INTEGER NOT NULL REFERENCES runs (number),
    seq        INTEGER NOT NULL,
    at         TEXT NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    step       TEXT,
    kind       TEXT NOT NULL,
    data       TEXT NOT NULL,
    prev       TEXT NOT NULL,
    hash       TEXT NOT NULL,
    PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
CREATE TABLE commands (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    run      INTEGER NOT NULL REFERENCES runs (number),
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL,
    seen     INTEGER NOT NULL,
    command  TEXT NOT NULL,
    answered INTEGER
) STRICT;
CREATE TABLE locks (
    environment TEXT PRIMARY KEY,
    actor       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    since       TEXT NOT NULL
) STRICT;
";

/// The store. Its connection is used by one thread at a time.
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) here: Here,
    /// The connection to the shared store, of which this one is a copy.
    pub(super) link: Option<Arc<Link>>,
    /// Whether the caller waits for the answer to a command.
    pub(super) hurried: bool,
    /// The file, and its identity when it was opened; `None` for a read-only store.
    pub(super) file: Option<(PathBuf, (u64, u64))>,
    /// Why the store is read-only and possibly stale; `None` if it is current.
    pub(super) behind: Option<Problem>,
    /// The last record that this process wrote to each run.
    pub(super) heads: HashMap<RunNumber, (u64, Hash)>,
    /// The damaged runs found so far.
    pub(super) damaged: Mutex<Vec<Damage>>,
    /// The verified chains, shared with other connections of this process if set.
    pub(super) chains: Chains,
    /// The address of the CI job that this process runs in.
    pub(super) job: Option<String>,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("path", &self.connection.path()).finish_non_exhaustive()
    }
}

impl SqliteStore {
    /// Opens `store.db` in a folder, creating both if they are missing. Concurrent processes create the tables only
    /// once, in one immediate transaction.
    pub fn open(folder: &Path, processes: Arc<dyn Processes>) -> Result<Self, JournalError> {
        Self::open_as(folder, Here { processes, machine: None })
    }

    pub(super) fn open_as(folder: &Path, here: Here) -> Result<Self, JournalError> {
        let file = folder.join("store.db");
        private_file(folder, &file).map_err(|e| {
            let problem = Problem::new(format!("{} cannot be used", file.display()));
            let problem =
                problem.because(e.to_string()).try_this("name another folder with --state-dir");
            if unwritable(e.kind()) {
                JournalError::Unwritable(problem)
            } else {
                JournalError::Unusable(problem)
            }
        })?;
        let (connection, version) =
            with_tables(patiently(|| in_wal(&file)).sql()?, folder).sql()?;
        known_format(&file, version, 0..=SCHEMA_VERSION)?;
        let which = which(&file).map_err(|e| replaced(&e.to_string()))?;
        Ok(Self::on(connection, here, Some((file, which))))
    }

    pub(super) fn on(
        connection: Connection,
        here: Here,
        file: Option<(PathBuf, (u64, u64))>,
    ) -> Self {
        let (heads, damaged) = (HashMap::new(), Mutex::default());
        let (chains, link, hurried) = (Chains::default(), None, false);
        let (behind, job) = (None, None);
        Self { connection, here, link, hurried, file, behind, heads, damaged, chains, job }
    }

    /// Shares the chains that other connections of this process have verified.
    #[must_use]
    pub fn sharing(mut self, chains: &Chains) -> Self {
        self.chains = chains.clone();
        self
    }

    /// Makes this the copy of a shared store.
    #[must_use]
    pub fn linked(mut self, link: &Arc<Link>) -> Self {
        (self.here, self.link) = (link.here(), Some(link.clone()));
        self
    }

    /// Reads what is new in the shared store, if there is one and the last reading is not recent.
    pub(super) fn refresh(&self) {
        if let Some(link) = &self.link {
            link.refresh(self.hurried);
        }
    }

    /// Names the CI job that this process runs in.
    #[must_use]
    pub fn in_job(self, job: Option<String>) -> Self {
        Self { job, ..self }
    }

    /// Leaves syncing to the operating system: written data survives a kill, but not a power cut. Only for a rehearsal,
    /// whose history would otherwise take a second to write.
    pub fn without_sync(self) -> Result<Self, JournalError> {
        self.connection.pragma_update(None, "synchronous", "OFF").sql()?;
        Ok(self)
    }

    /// Refuses to write if the file was deleted or replaced since it was opened: SQLite would keep writing to an
    /// unlinked file.
    pub(super) fn still_there(&self) -> Result<(), JournalError> {
        let Some((file, opened)) = &self.file else { return Ok(()) };
        match which(file) {
            Ok(now) if now == *opened => Ok(()),
            Ok(_) => Err(replaced(&format!("{} is another file now", file.display()))),
            Err(error) => Err(replaced(&format!("{}: {error}", file.display()))),
        }
    }

    /// A number that changes whenever another connection has written.
    pub fn data_version(&self) -> Result<i64, JournalError> {
        let mut asked = self.connection.prepare_cached("PRAGMA data_version").sql()?;
        asked.query_row([], |row| row.get(0)).sql()
    }
}

/// Refuses a schema version outside `known`.
pub(super) fn known_format(
    file: &Path,
    version: i64,
    known: RangeInclusive<i64>,
) -> Result<(), JournalError> {
    if known.contains(&version) {
        return Ok(());
    }
    let problem = Problem::new(format!("{} has format {version}", file.display()))
        .because(format!("this pointsman knows format {SCHEMA_VERSION}"));
    Err(JournalError::Unusable(problem.try_this("use the newer pointsman that wrote it")))
}

fn unwritable(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::StorageFull
    )
}

/// The identity of a file: device and inode.
fn which(file: &Path) -> std::io::Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(file).map(|found| (found.dev(), found.ino()))
}

/// The error for a store that was deleted or replaced after it was opened.
pub(super) fn replaced(why: &str) -> JournalError {
    JournalError::Unusable(
        Problem::new("the store was deleted or replaced while a run was under way")
            .because(why)
            .try_this(
                "put the store back, then pointsman status; pointsman rollback ENV works without it",
            ),
    )
}

/// Creates or migrates the tables of a connection. Returns the version found before.
fn with_tables(
    mut connection: Connection,
    folder: &Path,
) -> Result<(Connection, i64), rusqlite::Error> {
    connection.busy_timeout(Duration::from_secs(5))?;
    keep_statements(&connection)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Check the version without a lock first, so that readers do not wait for a writer.
    let version: i64 = connection.first("PRAGMA user_version", [], |row| row.get(0))?;
    if version == SCHEMA_VERSION {
        return Ok((connection, version));
    }
    let transaction = immediate(&mut connection)?;
    let version: i64 = transaction.first("PRAGMA user_version", [], |row| row.get(0))?;
    if (0..SCHEMA_VERSION).contains(&version) {
        let after = usize::try_from(version).unwrap_or_default();
        for tables in VERSIONS.iter().skip(after).copied().flatten() {
            transaction.execute_batch(tables)?;
        }
        if version < ledger::SINCE {
            ledger::begin(&transaction)?;
        }
        if version < mutes::SINCE {
            mutes::of_samples(&transaction, folder)?;
        }
        transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    }
    transaction.commit()?;
    Ok((connection, version))
}

fn in_wal(file: &Path) -> Result<Connection, rusqlite::Error> {
    let connection = Connection::open(file)?;
    // Short, because `patiently` retries: all attempts together last as long as the wait for any other lock.
    connection.busy_timeout(Duration::from_millis(200))?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    Ok(connection)
}

/// Opens a store with retries. When many processes create a new store at the same time, the switch to WAL immediately
/// fails as busy for some of them (SQLite applies no busy timeout there, to avoid a deadlock). It may also fail with an
/// I/O error if a journal disappears while another process reads it. A broken disk fails every time.
fn patiently<T>(
    mut open: impl FnMut() -> Result<T, rusqlite::Error>,
) -> Result<T, rusqlite::Error> {
    let passes = |error: &rusqlite::Error| {
        let code = error.sqlite_error_code();
        matches!(code, Some(ErrorCode::DatabaseBusy | ErrorCode::SystemIoFailure))
    };
    for _ in 0..20 {
        match open() {
            Err(error) if passes(&error) => std::thread::sleep(Duration::from_millis(50)),
            opened => return opened,
        }
    }
    open()
}

/// Creates the file if it is missing. An existing file is not opened: closing it again would release every lock that
/// `SQLite` holds on it in this process (`fcntl`), and another process would remove the WAL that this one writes.
pub(super) fn private_file(folder: &Path, file: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(file) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        made => made.map(|_| ()),
    }
}

/// A transaction that holds the write lock from its start: an ordinary one may find out too late that another process
/// has written meanwhile.
pub(super) fn immediate(
    connection: &mut Connection,
) -> Result<rusqlite::Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
}

/// Maps an SQLite error to the journal's errors.
pub(super) trait Sql<T> {
    fn sql(self) -> Result<T, JournalError>;
}

impl<T> Sql<T> for Result<T, rusqlite::Error> {
    fn sql(self) -> Result<T, JournalError> {
        self.map_err(|error| journal_error(&error))
    }
}

fn journal_error(error: &rusqlite::Error) -> JournalError {
    let code = error
        .sqlite_error()
        .map_or_else(String::new, |sqlite| format!(" (SQLite's code {})", sqlite.extended_code));
    let unwritable = matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::ReadOnly
                | ErrorCode::DiskFull
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::SystemIoFailure
        )
    );
    let problem = Problem::new("the store cannot be used")
        .because(format!("{error}{code}"))
        .try_this("check that its disk is there and has room");
    if unwritable { JournalError::Unwritable(problem) } else { JournalError::Unusable(problem) }
}
