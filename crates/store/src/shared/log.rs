//! The last lines of a run's log, and those before each failure, for machines that follow it. The whole log stays with
//! the machine that drives the run: it may have millions of lines, and no decision depends on it.

use std::collections::{BTreeMap, VecDeque};
use std::io::Read;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::documents::{logs_of, read_entry};
use super::packed::{packed, unpacked};
use super::remote::{Remote, SharedError};
use crate::journal::text;
use crate::open::SqliteStore;
use crate::runner::Machine;
use pointsman_core::document::{Document, Fields, Value};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::database::{Expected, Write};
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::log::{LogLine, RunLogs};

/// Lines that are shared.
const LAST: usize = 200;
/// Lines before a failure that stay shared after later ones have followed, and their number for all failures.
const BEFORE_A_FAILURE: usize = 30;
const OF_FAILURES: usize = 150;
/// Their size before compression; a document has at most 1 `MiB`.
const MOST_BYTES: usize = 400_000;
/// Interval between two writes while another machine watches, and between those after the first `SOON`: a run of a
/// quarter of an hour makes fewer than 300 writes, with its facts and its lease.
const EVERY: Duration = Duration::from_secs(5);
const SOON: u32 = 60;
/// Readings without news after which it is read less often.
const QUIET: u32 = 12;
const EVERY_LATER: Duration = Duration::from_secs(15);

/// A line of the log's file, with its number there from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Numbered {
    n: u64,
    line: String,
}

/// Whose lines a document holds, and how far that machine's step is.
#[derive(Debug, Serialize, Deserialize)]
struct Shared {
    machine: Machine,
    /// The progress of the current step, as the machine keeps it.
    progress: String,
}

/// The end of the log of a run that this process drives. The log may also hold lines of other machines, from when those
/// drove it: they are not counted.
pub(super) struct Tail {
    pub(super) run: RunNumber,
    log: Option<Box<dyn Read + Send>>,
    /// The begun last line.
    begun: Vec<u8>,
    /// Own lines read so far.
    read: u64,
    last: VecDeque<Numbered>,
    of_failures: VecDeque<Numbered>,
    failures: u64,
    /// The last line that is shared, and the progress.
    shared: (u64, String),
    writes: u32,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail")
            .field("run", &self.run)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}

impl Tail {
    pub(super) fn new(run: RunNumber) -> Self {
        let (last, of_failures) = (VecDeque::new(), VecDeque::new());
        let (log, begun, shared) = (None, Vec::new(), (0, String::new()));
        Self { run, log, begun, read: 0, last, of_failures, failures: 0, shared, writes: 0 }
    }

    /// Reads what was logged since the last call. `failures`: the failed steps of the run so far.
    pub(super) fn read(&mut self, logs: &dyn RunLogs, failures: u64) {
        if self.log.is_none() {
            self.log = logs.open(self.run);
        }
        let mut chunk = vec![0; 64 << 10];
        while let Some(log) = &mut self.log {
            match log.read(&mut chunk) {
                Ok(0) | Err(_) => break,
                Ok(read) => self.take(&chunk[..read]),
            }
        }
        if failures > self.failures {
            self.failures = failures;
            let from = self.last.len().saturating_sub(BEFORE_A_FAILURE);
            let known = self.of_failures.back().map_or(0, |line| line.n);
            let before = self.last.iter().skip(from).filter(|line| line.n > known).cloned();
            self.of_failures.extend(before);
            let many = self.of_failures.len().saturating_sub(OF_FAILURES);
            self.of_failures.drain(..many);
        }
    }

    /// Interval between two writes.
    pub(super) fn every(&self) -> Duration {
        if self.writes < SOON { EVERY } else { EVERY_LATER }
    }

    /// Whether there is something that was not shared.
    pub(super) fn has_news(&self, logs: &dyn RunLogs) -> bool {
        self.shared != (self.read, logs.progress(self.run))
    }

    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if !part.ends_with(b"\n") {
                continue;
            }
            let line = std::mem::take(&mut self.begun);
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if is_foreign(&line) {
                continue;
            }
            self.read += 1;
            self.last.push_back(Numbered { n: self.read, line });
            if self.last.len() > LAST {
                self.last.pop_front();
            }
        }
    }

    /// The lines to share, oldest first, as many as fit.
    fn lines(&self) -> Vec<&Numbered> {
        let first = self.last.front().map_or(u64::MAX, |line| line.n);
        let earlier = self.of_failures.iter().filter(|line| line.n < first);
        let (mut bytes, mut lines) = (0, Vec::new());
        for line in earlier.chain(&self.last).collect::<Vec<_>>().into_iter().rev() {
            bytes += line.line.len();
            if bytes > MOST_BYTES {
                break;
            }
            lines.push(line);
        }
        lines.reverse();
        lines
    }

    /// Writes the lines for other machines.
    pub(super) async fn share(
        &mut self,
        remote: &Remote,
        machine: &Machine,
        logs: &dyn RunLogs,
    ) -> Result<(), SharedError> {
        let progress = logs.progress(self.run);
        let of = Shared { machine: machine.clone(), progress: progress.clone() };
        let lines = self.lines().into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let fields = [("entry", Value::text(text(&of)?)), ("lines", Value::Bytes(packed(lines)))];
        let fields: Fields =
            fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let read = self.read;
        let path = format!("{}/{}", logs_of(self.run), machine.id);
        remote.commit(&[Write::whole(path, Expected::Anything, fields)]).await?;
        self.shared = (read, progress);
        self.writes += 1;
        Ok(())
    }
}

/// When each run's log was read last, for one process.
#[derive(Debug, Default)]
pub(super) struct LogReads(BTreeMap<RunNumber, LastRead>);

#[derive(Debug, Default, Clone)]
struct LastRead {
    at: Duration,
    /// The update times of its documents, and how often they were the same since.
    seen: Vec<String>,
    same: u32,
}

impl LogReads {
    /// The runs whose log may have news, of those that a person has on the screen. A run that waits for a person logs
    /// nothing for hours.
    pub(super) fn due(&self, runs: &[RunNumber], now: Duration) -> Vec<RunNumber> {
        let due = |run: &&RunNumber| match self.0.get(run) {
            None => true,
            Some(last) => {
                let every = if last.same < QUIET { EVERY } else { EVERY_LATER };
                now.saturating_sub(last.at) >= every
            }
        };
        runs.iter().filter(due).copied().collect()
    }

    fn read(&mut self, run: RunNumber, documents: &[Document], now: Duration) {
        let seen: Vec<_> = documents.iter().map(|document| document.updated.clone()).collect();
        let last = self.0.entry(run).or_default();
        let same = if last.seen == seen { last.same + 1 } else { 0 };
        *last = LastRead { at: now, seen, same };
    }
}

/// Appends what other machines logged of runs to the logs of this one.
pub(super) async fn follow(
    remote: &Remote,
    mirror: &mut SqliteStore,
    logs: &dyn RunLogs,
    (runs, reads, now): (&[RunNumber], &mut LogReads, Duration),
) -> Result<(), SharedError> {
    for run in runs {
        if mirror.run_row(*run).is_ok_and(|row| mirror.here.has(&row.runner)) {
            continue;
        }
        let documents = remote.numbered(&logs_of(*run), 0).await?;
        reads.read(*run, &documents, now);
        for document in &documents {
            append(mirror, logs, *run, document)?;
        }
    }
    Ok(())
}

fn append(
    mirror: &mut SqliteStore,
    logs: &dyn RunLogs,
    run: RunNumber,
    document: &Document,
) -> Result<(), JournalError> {
    let Shared { machine, progress } = read_entry(document)?;
    if mirror.here.machine.as_ref().is_some_and(|own| own.id == machine.id) {
        return Ok(());
    }
    let Some(Value::Bytes(lines)) = document.fields.get("lines") else { return Ok(()) };
    let lines = unpacked(lines).unwrap_or_default();
    let lines: Vec<Numbered> =
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let Some(last) = lines.last().map(|line| line.n) else { return Ok(()) };
    mirror.take_lines(run, &machine.id, last, |known| {
        let new = lines.iter().filter(|line| line.n > known);
        let (mut wanted, mut all) = (known + 1, Vec::new());
        for Numbered { n, line } in new {
            let Ok(line) = serde_json::from_str::<LogLine>(line) else { continue };
            if *n > wanted {
                all.push(foreign(&missing(&line, *n - wanted, &machine.name), &machine));
            }
            all.push(foreign(&line, &machine));
            wanted = n + 1;
        }
        if all.is_empty() { Ok(()) } else { logs.append(run, &all) }
    })?;
    logs.set_progress(run, &progress);
    Ok(())
}

/// A line about those that are not shared.
fn missing(next: &LogLine, many: u64, machine: &str) -> LogLine {
    let lines = if many == 1 { "line is" } else { "lines are" };
    let text = format!("… {many} {lines} only on {machine}");
    LogLine { text, service: None, tints: Vec::new(), ..next.clone() }
}

/// A line as it is kept on a machine that did not write it.
#[derive(Serialize, Deserialize)]
struct Foreign {
    /// The id of the machine that wrote it.
    from: String,
    #[serde(flatten)]
    line: LogLine,
}

fn foreign(line: &LogLine, machine: &Machine) -> String {
    let line = Foreign { from: machine.id.clone(), line: line.clone() };
    serde_json::to_string(&line).unwrap_or_default()
}

fn is_foreign(line: &str) -> bool {
    // Most lines are not, and a log may have millions.
    line.contains("\"from\":") && serde_json::from_str::<Foreign>(line).is_ok()
}
