//! `runs/<n>/log.jsonl` in the state folder: whole, for its owner's eyes only.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::domain::ids::RunNumber;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::ports::log::{LogLine, RunLog};

/// Lines are cut here (F52).
const MOST_CHARACTERS: usize = 64 * 1024;

/// The file of a run's log.
pub fn file_of(state: &Path, run: RunNumber) -> PathBuf {
    state.join("runs").join(run.0.to_string()).join("log.jsonl")
}

/// An open log.
#[derive(Debug)]
pub struct FileLog(Mutex<File>);

impl FileLog {
    /// Opens the log of a run, to append to it.
    pub fn open(state: &Path, run: RunNumber) -> io::Result<Self> {
        let file = file_of(state, run);
        if let Some(folder) = file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(file)
            .map(|f| Self(Mutex::new(f)))
    }
}

impl RunLog for FileLog {
    fn line(&self, line: &LogLine) {
        let text = redacted(&harmless(&line.text, MOST_CHARACTERS));
        let Ok(mut json) = serde_json::to_vec(&LogLine { text, ..line.clone() }) else {
            return;
        };
        json.push(b'\n');
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&json) {
            tracing::warn!(%error, "a log line is lost");
        }
    }
}

/// Where no log can be kept.
#[derive(Debug, Clone, Copy)]
pub struct NoLog;

impl RunLog for NoLog {
    fn line(&self, _: &LogLine) {}
}
