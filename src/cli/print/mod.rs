//! Everything that is printed, through one door: what comes from a platform, a config or a person drives no
//! terminal.

pub mod json;
pub mod lines;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::exit::Failed;
use crate::domain::redact::{redacted, without_known};
use crate::domain::text::{harmless, harmless_json, harmless_lines};

/// The first error of writing a result.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// Why some result of this process was not written whole. A reader that went away is no error of ours.
pub(super) fn unwritten() -> Option<io::Error> {
    UNWRITTEN.lock().ok()?.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// A result for people, on stdout.
pub(super) fn result(text: impl AsRef<str>) {
    write(&harmless_lines(&without_known(text.as_ref().trim_end())));
}

/// A result for programs, on stdout, as one line.
pub(super) fn value(value: &Value) {
    write(&without_known(&harmless_json(value)));
}

fn write(text: &str) {
    let mut out = io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush())
        && let Ok(mut first) = UNWRITTEN.lock()
    {
        first.get_or_insert(error);
    }
}

/// Anything else, on stderr.
pub(super) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(&redacted(text.as_ref())));
}

/// A question on stderr, whose answer stands behind it.
pub(super) fn question(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{}", harmless_lines(&redacted(text))).and_then(|()| err.flush());
}

/// The report of what went wrong: with `--json` as an object on stdout too, since that is what the
/// caller reads.
pub(super) fn failed(failed: &Failed, as_json: bool) {
    if as_json {
        let findings = failed.findings.as_ref().map(|f| &f.findings);
        value(&json!({"error": failed.problem, "findings": findings, "exit": failed.code}));
    }
    match &failed.findings {
        Some(findings) => note(findings.to_string()),
        None => note(lines::problem(&failed.problem)),
    }
}

/// The progress line, overwritten in place. Only on a terminal.
#[derive(Debug)]
pub(super) struct LiveLine {
    terminal: bool,
    shown: bool,
}

impl LiveLine {
    pub(super) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), shown: false }
    }

    pub(super) fn show(&mut self, text: &str) {
        if self.terminal && !text.is_empty() {
            let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |w| w.ws_col);
            let text = harmless(text, usize::from(columns.max(20)) - 5);
            let _ = write!(io::stderr().lock(), "\r\x1b[2K  … {text}");
            let _ = io::stderr().flush();
            self.shown = true;
        }
    }

    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.shown) {
            let _ = write!(io::stderr().lock(), "\r\x1b[2K");
        }
    }
}
