//! Log of a build and of its service: one file per build.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use pointsman_core::text::{harmless, rewritten};

/// Opens a build's log for appending.
pub(super) fn open_log(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)
}

/// Maximum size of one read from a log, in bytes.
const MOST_AT_ONCE: u64 = 256 * 1024;

/// Reads the complete lines from a byte offset, and returns them with the next offset. The next call returns a line
/// that is still being written.
pub(super) fn lines_from(log: &Path, from: u64) -> (Vec<String>, u64) {
    use io::{Read as _, Seek as _};
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        file.seek(io::SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(MOST_AT_ONCE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    // A line longer than one read is returned in parts: waiting for its end would wait forever.
    let full = bytes.len() as u64 == MOST_AT_ONCE;
    let end = bytes.iter().rposition(|b| *b == b'\n').map(|at| at + 1);
    let whole = end.unwrap_or(if full { bytes.len() } else { 0 });
    let text = String::from_utf8_lossy(&bytes[..whole]);
    let lines = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned);
    (lines.collect(), from + whole as u64)
}

/// Remembers where the log of a build's process begins, behind the log of its making, unless that is known.
pub(super) fn mark_runtime_start(log: &Path) -> io::Result<()> {
    let mark = runtime_mark(log);
    if mark.exists() {
        return Ok(());
    }
    let length = std::fs::metadata(log).map_or(0, |about| about.len());
    std::fs::write(mark, length.to_string())
}

/// Where the log of a build's process begins.
pub(super) fn runtime_start(log: &Path) -> u64 {
    let told = std::fs::read_to_string(runtime_mark(log)).ok();
    told.and_then(|text| text.trim().parse().ok()).unwrap_or_default()
}

fn runtime_mark(log: &Path) -> std::path::PathBuf {
    log.with_extension("runtime")
}

/// The last line of a log, for the end of an error message.
pub(super) fn last_words(log: &Path) -> String {
    let from = std::fs::metadata(log).map_or(0, |m| m.len().saturating_sub(MOST_AT_ONCE));
    let last = lines_from(log, from).0.pop();
    let told = |line: String| format!("; its last line: {}", harmless(&rewritten(&line), 4000));
    last.map(told).unwrap_or_default()
}
