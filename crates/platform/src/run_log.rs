//! `runs/<n>/log.jsonl` in the state folder: whole, for its owner's eyes only. Beside it
//! `progress.json`: how far the step under way is, the last word for each service.

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

/// Lines are cut here (F52).
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
    /// The command with which readers of the card call this program.
    own: String,
    progress: PathBuf,
    words: Mutex<BTreeMap<Option<ServiceName>, LogLine>>,
    secrets: Mutex<BTreeMap<Option<ServiceName>, Lines>>,
}

impl FileLog {
    /// Opens the log of a run, to append to it.
    pub fn open(state: &Path, run: RunNumber) -> io::Result<Self> {
        let file = file_of(state, run);
        if let Some(folder) = file.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(file)?;
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

    /// With another way to call this program, for the card.
    #[must_use]
    pub fn called(self, own: String) -> Self {
        Self { own, ..self }
    }

    /// Replaces the progress text.
    fn tell(&self, words: &BTreeMap<Option<ServiceName>, LogLine>) {
        let told = serde_json::to_vec(&words.values().collect::<Vec<_>>());
        let told = told.map_err(io::Error::from);
        if let Err(error) = told.and_then(|told| replace(&self.progress, &told)) {
            tracing::debug!(%error, "progress of the step is unknown");
        }
    }
}

/// Replaces a file atomically.
fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true).mode(0o600).open(&new)?.write_all(text)?;
    fs::rename(&new, file)
}

fn clean(line: &LogLine, secrets: &mut Lines) -> LogLine {
    let (said, tints) = painted(&rewritten(&line.text), MOST_CHARACTERS);
    let text = secrets.redacted(&said);
    // Where something was taken out, nothing behind it is in its place any more.
    let tints = if text == said { tints } else { Vec::new() };
    LogLine { text, tints, ..line.clone() }
}

impl RunLog for FileLog {
    fn line(&self, line: &LogLine) {
        // One service may be in the middle of a key while others speak.
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

/// The lines of a run alone: a rehearsal's past runs in no time, so nobody could read its progress or need its card.
#[derive(Debug)]
pub struct LinesOnly(pub FileLog);

impl RunLog for LinesOnly {
    fn line(&self, line: &LogLine) {
        self.0.line(line);
    }
}

/// A sink without a log.
#[derive(Debug, Clone, Copy)]
pub struct NoLog;

impl RunLog for NoLog {
    fn line(&self, _: &LogLine) {}
}
