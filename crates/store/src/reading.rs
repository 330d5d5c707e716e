//! Opens the store for reading when it cannot be written: on a full disk, or in a read-only folder.

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OpenFlags};

use super::open::Sql as _;
use super::open::{SCHEMA_VERSION, SqliteStore, known_format};
use super::prepared::{Prepared as _, keep_statements};
use super::runner::Here;
use pointsman_core::describe;
use pointsman_core::error::Problem;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::processes::Processes;

impl SqliteStore {
    /// Opens the store for reading, even if it cannot be written. Any other failure stays an error: otherwise an old
    /// state of a readable store could pass for the current one.
    pub fn open_readable(
        folder: &Path,
        processes: Arc<dyn Processes>,
    ) -> Result<Self, JournalError> {
        let problem = match Self::open(folder, processes.clone()) {
            Err(JournalError::Unwritable(problem)) => problem,
            opened => return opened,
        };
        let file = folder.join("store.db");
        // With its WAL, if its shared memory is available: this is the current state.
        if let Ok((connection, version)) = read_only(&file, "mode=ro") {
            known_format(&file, version, 1..=SCHEMA_VERSION)?;
            return Ok(Self::on(connection, Here { processes, machine: None }, None));
        }
        // Without the WAL, only the state of the last checkpoint can be read.
        let opened = read_only(&file, "immutable=1");
        let Ok((connection, version)) = opened else {
            return Err(JournalError::Unwritable(problem));
        };
        known_format(&file, version, 1..=SCHEMA_VERSION)?;
        let mut store = Self::on(connection, Here { processes, machine: None }, None);
        store.behind = Some(problem);
        Ok(store)
    }

    /// The reason why reads may be stale; `None` if they are current.
    pub(super) fn read_behind(&self) -> Option<Problem> {
        if let Some(link) = &self.link
            && let Some(problem) = link.unreachable()
        {
            let standing = link.standing_of(Some(self));
            return Some(Problem { what: describe::unreachable(&standing), ..problem });
        }
        let problem = self.behind.clone()?;
        let what = "the store can only be read, as it was at its last checkpoint";
        Some(Problem { what: format!("{what}: {}", problem.what), ..problem })
    }
}

/// Opens the file read-only and reads its format. The queries are needed because `SQLite` opens a file at the first
/// read.
fn read_only(file: &Path, how: &str) -> Result<(Connection, i64), JournalError> {
    let mut address = url::Url::from_file_path(file)
        .map_err(|()| JournalError::Unusable(Problem::new("the state folder has no path")))?;
    address.set_query(Some(how));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(address.as_str(), flags).sql()?;
    keep_statements(&connection).sql()?;
    let version = connection.first("PRAGMA user_version", [], |row| row.get(0)).sql()?;
    let _: i64 = connection.first("SELECT count(*) FROM runs", [], |row| row.get(0)).sql()?;
    Ok((connection, version))
}
