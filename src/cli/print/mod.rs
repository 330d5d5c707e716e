//! Everything that is printed.

pub mod json;
pub(super) mod lines;

use std::io::{self, IsTerminal as _, Write as _};

use serde_json::json;

use super::exit::Failed;

/// A result, on stdout. A reader that went away is no error of ours.
pub(super) fn result(text: impl AsRef<str>) {
    let _ = writeln!(io::stdout().lock(), "{}", text.as_ref().trim_end());
}

/// Anything else, on stderr.
pub(super) fn note(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", text.as_ref());
}

/// The report of what went wrong: with `--json` as an object on stdout too, since that is what the
/// caller reads.
pub(super) fn failed(failed: &Failed, as_json: bool) {
    if as_json {
        let findings = failed.findings.as_ref().map(|f| &f.findings);
        result(
            json!({"error": failed.problem, "findings": findings, "exit": failed.code}).to_string(),
        );
    }
    match &failed.findings {
        Some(findings) => note(findings.to_string()),
        None => note(lines::problem(&failed.problem)),
    }
}

/// The one line that is overwritten while a step goes on. Only on a terminal.
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
            let text: String = text.chars().take(usize::from(columns.max(20)) - 4).collect();
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
