//! The only place that prints. Text from platforms, configs and people is sanitized here, so that it cannot control the
//! terminal.

pub mod json;
pub mod lines;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

use serde_json::{Value, json};

use super::exit::Failed;
use crate::domain::redact::{redacted, without_known};
use crate::domain::text::{harmless, harmless_json, harmless_lines};

/// The first error while writing a result.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// Why a result was not written completely. A closed pipe is not an error.
pub(super) fn unwritten() -> Option<io::Error> {
    UNWRITTEN.lock().ok()?.take().filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
}

/// Prints a result as text, on stdout.
pub(super) fn result(text: impl AsRef<str>) {
    write(&harmless_lines(&without_known(text.as_ref().trim_end())));
}

/// Prints a result as one line of JSON, on stdout.
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

/// Prints any other message, on stderr.
pub(super) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", harmless_lines(&redacted(text.as_ref())));
}

/// Prints a question on stderr without a line break, so that the answer follows it.
pub(super) fn question(text: &str) {
    let mut err = io::stderr().lock();
    let _ = write!(err, "{}", harmless_lines(&redacted(text))).and_then(|()| err.flush());
}

/// Prints a failure on stderr. With `--json` it also prints it as an object on stdout, because the caller reads that.
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

/// A progress line that is overwritten in place. Prints only to a terminal.
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
