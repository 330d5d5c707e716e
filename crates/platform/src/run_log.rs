//! The complete log of a run: `runs/<n>/log.jsonl` in the state folder, readable only by its owner. `progress.json`
//! beside it holds the progress of the current step: the last message of each service.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use pointsman_core::ids::{RunNumber, ServiceName};
use pointsman_core::incident_card::POINTSMAN;
use pointsman_core::ports::log::{LogLine, RunLog};
use pointsman_core::redact::Lines;
use pointsman_core::text::{painted, rewritten};

/// Maximum characters of a line; the rest is cut (F52).
const MOST_CHARACTERS: usize = 64 * 1024;

/// The file of a run's log.
pub fn file_of(state: &Path, run: RunNumber) -> PathBuf {
    state.join("runs").join(run.0.to_string()).join("log.jsonl")
}

/// The file of a run's progress.
pub fn progress_of(state: &Path, run: RunNumber) -> PathBuf {
    file_of(state, run).with_file_name("progress.json")
}

/// The log file of a run, open for appending.
#[derive(Debug)]
pub struct FileLog {
    file: Mutex<File>,
    /// The command that calls this program, for readers of the incident card.
    own: String,
    progress: PathBuf,
    words: Mutex<BTreeMap<Option<ServiceName>, LogLine>>,
    secrets: Mutex<BTreeMap<Option<ServiceName>, Lines>>,
}

impl FileLog {
    /// Opens the log of a run for appending.
    pub fn open(state: &Path, run: RunNumber) -> io::Result<Self> {
        let file = appended(&file_of(state, run))?;
        let progress = progress_of(state, run);
        let own = format!("pointsman --state-dir '{}'", state.display());
        Ok(Self {
            file: Mutex::new(file),
            own,
            progress,
            words: Mutex::default(),
            secrets: Mutex::default(),
        })
    }

    /// Sets the command that calls this program, for the incident card.
    #[must_use]
    pub fn called(self, own: String) -> Self {
        Self { own, ..self }
    }

    /// Replaces the progress file.
    fn tell(&self, words: &BTreeMap<Option<ServiceName>, LogLine>) {
        let told = serde_json::to_vec(&words.values().collect::<Vec<_>>());
        let told = told.map_err(io::Error::from);
        if let Err(error) = told.and_then(|told| replace(&self.progress, &told)) {
            tracing::debug!(%error, "progress of the step is unknown");
        }
    }
}

/// Opens a log for appending, with its folder.
pub(super) fn appended(file: &Path) -> io::Result<File> {
    if let Some(folder) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)
}

/// Replaces a file atomically.
pub(super) fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600).open(&new)?.write_all(text)?;
    fs::rename(&new, file)
}

fn clean(line: &LogLine, secrets: &mut Lines) -> LogLine {
    let (said, tints) = painted(&rewritten(&line.text), MOST_CHARACTERS);
    let text = secrets.redacted(&said);
    // After a redaction, the tints no longer match the positions in the text.
    let tints = if text == said { tints } else { Vec::new() };
    LogLine { text, tints, ..line.clone() }
}

impl RunLog for FileLog {
    fn line(&self, line: &LogLine) {
        // Redact per service: one may be in the middle of a key while others write.
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let of = secrets.entry(line.service.clone()).or_default();
        let Ok(mut json) = serde_json::to_vec(&clean(line, of)) else {
            return;
        };
        json.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&json) {
            tracing::warn!(%error, "a log line is lost");
        }
    }

    fn progress(&self, line: &LogLine) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        let line = clean(line, &mut Lines::default());
        let before = words.insert(line.service.clone(), line.clone());
        if before.is_none_or(|before| before.text != line.text) {
            self.tell(&words);
        }
    }

    fn card(&self, text: &str) {
        let file = self.progress.with_file_name("break-glass.txt");
        let text = text.replace(POINTSMAN, &self.own) + "\n";
        if let Err(error) = replace(&file, text.as_bytes()) {
            tracing::warn!(%error, "the break-glass card is not on disk; pointsman card RUN prints it");
        }
    }

    fn over(&self) {
        let mut words = self.words.lock().unwrap_or_else(PoisonError::into_inner);
        if !words.is_empty() {
            words.clear();
            self.tell(&words);
        }
    }
}

/// A run log without progress and incident card: the past runs of a rehearsal take no time, so neither has a use.
#[derive(Debug)]
pub struct LinesOnly(pub FileLog);

impl RunLog for LinesOnly {
    fn line(&self, line: &LogLine) {
        self.0.line(line);
    }
}

/// A run log that discards everything.
#[derive(Debug, Clone, Copy)]
pub struct NoLog;

impl RunLog for NoLog {
    fn line(&self, _: &LogLine) {}
}
