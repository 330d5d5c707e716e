//! Shares the last lines of a run's log, and those before each failure. The whole log stays with
//! the machine that drives the run: it may have millions of lines, and no decision depends on it.

use std::collections::VecDeque;
use std::io::Read;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::documents::logs_of;
use super::logs_read::is_foreign;
use super::packed::packed;
use super::remote::{Remote, SharedError};
use crate::journal::text;
use crate::runner::Machine;
use pointsman_core::document::{Fields, Value};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::database::{Expected, Write};
use pointsman_core::ports::log::RunLogs;

/// Lines that are shared.
const LAST: usize = 200;
/// Lines before a failure that stay shared after later ones have followed, and their number for all failures.
const BEFORE_A_FAILURE: usize = 30;
const OF_FAILURES: usize = 150;
/// Their size before compression; a document has at most 1 `MiB`.
const MOST_BYTES: usize = 400_000;
/// Interval between two writes while another machine watches, and between those after the first `SOON`: a run of a
/// quarter of an hour makes fewer than 300 writes, with its facts and its lease.
pub(super) const EVERY: Duration = Duration::from_secs(5);
const SOON: u32 = 60;
pub(super) const EVERY_LATER: Duration = Duration::from_secs(15);

/// A line of the log's file, with its number there from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Numbered {
    pub(super) n: u64,
    pub(super) line: String,
}

/// Whose lines a document holds, and how far that machine's step is.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Shared {
    pub(super) machine: Machine,
    /// The progress of the current step, as the machine keeps it.
    pub(super) progress: String,
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
