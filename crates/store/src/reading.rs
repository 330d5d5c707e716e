//! Opening the store to read it where it cannot be written: on a full disk, in a read-only folder.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::open::Sql as _;
use super::open::{SCHEMA_VERSION, SqliteStore, known_format};
use pointsman_core::error::Problem;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::processes::Processes;

impl SqliteStore {
    /// Opens the store to read it, also where it cannot be written. Any other trouble than that stays an error:
    /// an old state of a store that could be read would pass for the present.
    pub fn open_readable(
        folder: &Path,
        processes: Arc<dyn Processes>,
    ) -> Result<Self, JournalError> {
        let problem = match Self::open(folder, processes.clone()) {
            Err(JournalError::Unwritable(problem)) => problem,
            opened => return opened,
        };
        let file = folder.join("store.db");
        // With its WAL where its shared memory can be had, which is the present.
        if let Ok((connection, version)) = read_only(&file, "mode=ro") {
            known_format(&file, version, 1..=SCHEMA_VERSION)?;
            return Ok(Self::on(connection, processes, None));
        }
        // Without it the last checkpoint: what an unfinished WAL holds is not seen.
        let opened = read_only(&file, "immutable=1");
        let Ok((connection, version)) = opened else {
            return Err(JournalError::Unwritable(problem));
        };
        known_format(&file, version, 1..=SCHEMA_VERSION)?;
        let mut store = Self::on(connection, processes, None);
        store.behind = Some(problem);
        Ok(store)
    }

    /// The reason why reads may be stale; `None` if they are current.
    pub(super) fn read_behind(&self) -> Option<Problem> {
        let problem = self.behind.clone()?;
        let what = "the store can only be read, as it was at its last checkpoint";
        Some(Problem { what: format!("{what}: {}", problem.what), ..problem })
    }
}

/// Opens the file without writing, and reads its format: `SQLite` opens it at the first read.
fn read_only(file: &Path, how: &str) -> Result<(Connection, i64), JournalError> {
    let mut address = url::Url::from_file_path(file)
        .map_err(|()| JournalError::Unusable(Problem::new("the state folder has no path")))?;
    address.set_query(Some(how));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address.as_str(), flags).sql()?;
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).sql()?;
    let _: i64 = connection.query_row("SELECT count(*) FROM runs", [], |row| row.get(0)).sql()?;
    Ok((connection, version))
}
