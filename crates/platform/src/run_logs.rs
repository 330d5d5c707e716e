//! Implements the port `RunLogs`: the logs of runs in the state folder.

use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::PathBuf;

use super::run_log::{appended, file_of, progress_of, replace};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::log::RunLogs;

/// The logs below a state folder.
#[derive(Debug, Clone)]
pub struct LogFolder(pub PathBuf);

impl RunLogs for LogFolder {
    fn open(&self, run: RunNumber) -> Option<Box<dyn Read + Send>> {
        Some(Box::new(File::open(file_of(&self.0, run)).ok()?))
    }

    fn append(&self, run: RunNumber, lines: &[String]) -> io::Result<()> {
        let mut file = appended(&file_of(&self.0, run))?;
        file.write_all((lines.join("\n") + "\n").as_bytes())
    }

    fn progress(&self, run: RunNumber) -> String {
        fs::read_to_string(progress_of(&self.0, run)).unwrap_or_default()
    }

    fn set_progress(&self, run: RunNumber, progress: &str) {
        if progress.is_empty() || progress == self.progress(run) {
            return;
        }
        if let Err(error) = replace(&progress_of(&self.0, run), progress.as_bytes()) {
            tracing::debug!(%error, "progress of the step is unknown");
        }
    }
}
