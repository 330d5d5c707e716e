//! Reads what other machines logged of runs, into the logs of this one.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::documents::{logs_of, read_entry};
use super::log::{EVERY, EVERY_LATER, Numbered, Shared};
use super::packed::unpacked;
use super::remote::{Remote, SharedError};
use crate::open::SqliteStore;
use crate::runner::Machine;
use pointsman_core::document::{Document, Value};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::ports::log::{LogLine, RunLogs};

/// Readings without news after which a log is read less often.
const QUIET: u32 = 12;

/// When each run's log was read last, for one process.
#[derive(Debug, Default)]
pub(super) struct LogReads(BTreeMap<RunNumber, LastRead>);

#[derive(Debug, Default, Clone)]
struct LastRead {
    at: Option<Duration>,
    /// The update times of its documents, and how often they were the same since.
    seen: Vec<String>,
    same: u32,
    /// When the run left the screen. Its driver shares the last lines at its end, a moment after the end itself.
    left: Option<Duration>,
}

impl LogReads {
    /// The runs whose log may have news: those on the screen, and those that have just left it. A run that waits for a
    /// person logs nothing for hours.
    pub(super) fn due(&mut self, runs: &[RunNumber], now: Duration) -> Vec<RunNumber> {
        let mut due = Vec::new();
        for run in runs {
            let last = self.0.entry(*run).or_default();
            last.left = None;
            let every = if last.same < QUIET { EVERY } else { EVERY_LATER };
            if last.at.is_none_or(|at| now.saturating_sub(at) >= every) {
                due.push(*run);
            }
        }
        let gone = |run: &RunNumber| !runs.contains(run);
        for (run, last) in self.0.iter_mut().filter(|(run, _)| gone(run)) {
            let left = *last.left.get_or_insert(now);
            if left == now || now.saturating_sub(left) >= EVERY {
                due.push(*run);
            }
        }
        self.0.retain(|_, last| last.left.is_none_or(|left| now.saturating_sub(left) < EVERY));
        due
    }

    fn read(&mut self, run: RunNumber, documents: &[Document], now: Duration) {
        let Some(last) = self.0.get_mut(&run) else { return };
        let seen: Vec<_> = documents.iter().map(|document| document.updated.clone()).collect();
        last.same = if last.seen == seen { last.same + 1 } else { 0 };
        (last.at, last.seen) = (Some(now), seen);
    }
}

/// Appends what other machines logged of a run to the log of this one, in the order of their clocks.
pub(super) async fn follow(
    remote: &Remote,
    mirror: &mut SqliteStore,
    logs: &dyn RunLogs,
    (run, reads, now): (RunNumber, &mut LogReads, Duration),
) -> Result<(), SharedError> {
    let mut documents = remote.numbered(&logs_of(run), 0).await?;
    reads.read(run, &documents, now);
    documents.sort_by(|one, other| one.updated.cmp(&other.updated));
    let (mut new, mut progress) = (Vec::new(), None);
    for document in &documents {
        let shared: Shared = read_entry(document)?;
        progress = Some(shared.progress);
        if mirror.here.machine.as_ref().is_none_or(|own| own.id != shared.machine.id) {
            new.extend(new_lines(mirror, run, document, &shared.machine)?);
        } else {
            progress = None;
        }
    }
    new.sort_by_key(|line| line.line.at);
    let lines: Vec<_> = new.iter().filter_map(|line| serde_json::to_string(line).ok()).collect();
    if !lines.is_empty()
        && let Err(error) = logs.append(run, &lines)
    {
        tracing::warn!(%error, %run, "the log of another machine cannot be kept");
    }
    // That of the machine which wrote last: an earlier driver is at no step any more.
    if let Some(progress) = progress {
        logs.set_progress(run, &progress);
    }
    Ok(())
}

/// The lines of a document that this machine lacks.
fn new_lines(
    mirror: &mut SqliteStore,
    run: RunNumber,
    document: &Document,
    machine: &Machine,
) -> Result<Vec<Foreign>, JournalError> {
    let Some(Value::Bytes(lines)) = document.fields.get("lines") else { return Ok(Vec::new()) };
    let lines = unpacked(lines).unwrap_or_default();
    let lines: Vec<Numbered> =
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let Some(last) = lines.last().map(|line| line.n) else { return Ok(Vec::new()) };
    let known = mirror.take_lines(run, &machine.id, last)?;
    let (mut wanted, mut new) = (known + 1, Vec::new());
    for Numbered { n, line } in lines.iter().filter(|line| line.n > known) {
        let Ok(line) = serde_json::from_str::<LogLine>(line) else { continue };
        let from = || machine.id.clone();
        if *n > wanted {
            new.push(Foreign { from: from(), line: missing(&line, *n - wanted, &machine.name) });
        }
        new.push(Foreign { from: from(), line });
        wanted = n + 1;
    }
    Ok(new)
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

/// Whether another machine wrote a line.
pub(super) fn is_foreign(line: &str) -> bool {
    // Most lines are not, and a log may have millions.
    line.contains("\"from\":") && serde_json::from_str::<Foreign>(line).is_ok()
}
