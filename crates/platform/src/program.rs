//! Runs programs of the config: each in a separate process group, without stdin, with all its output read.

use std::path::Path;

use super::group::{Groups, LeftBehind, Lines};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::programs::{Program, Programs};
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;

/// Maximum characters per line.
const MOST_ERROR_CHARACTERS: usize = 2000;

/// Runs programs on this machine.
#[derive(Debug, Clone)]
pub struct MachinePrograms {
    /// Records the process groups of started programs.
    pub groups: Groups,
}

impl Programs for MachinePrograms {
    fn run<'a>(
        &'a self,
        program: Program<'a>,
        heard: &'a (dyn Fn(&str) + Send + Sync),
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let (name, arguments) = program.argv.split_first().ok_or("it names no program")?;
            let folder = Path::new(program.folder);
            let started = self.groups.start(name, arguments, folder, program.environment.to_vec());
            let mut group = started
                .map_err(|e| format!("{name} cannot be started in {}: {e}", program.folder))?;
            let (mut out, mut err) = (Said::new(heard), Said::new(heard));
            let status = group
                .finish(LeftBehind::Kept, |bytes| out.take(bytes), |bytes| err.take(bytes))
                .await;
            let (out, err) = (out.end(), err.end());
            let status = status.map_err(|e| e.to_string())?;
            if status.success() {
                return Ok(());
            }
            let last = err.or(out).map(|line| format!(": {line}")).unwrap_or_default();
            Err(format!("{status}{last}"))
        })
    }
}

/// Passes on every line unchanged, and keeps the last one redacted and safe to display.
struct Said<'a> {
    lines: Lines,
    last: Option<String>,
    heard: &'a (dyn Fn(&str) + Send + Sync),
}

impl<'a> Said<'a> {
    fn new(heard: &'a (dyn Fn(&str) + Send + Sync)) -> Self {
        Self { lines: Lines::new(), last: None, heard }
    }

    fn take(&mut self, bytes: &[u8]) {
        let Self { lines, last, heard } = self;
        lines.push(bytes, |line| hear(line, *heard, last));
    }

    fn end(mut self) -> Option<String> {
        let Self { lines, last, heard } = &mut self;
        lines.end(|line| hear(line, *heard, last));
        self.last
    }
}

fn hear(line: &[u8], heard: &(dyn Fn(&str) + Send + Sync), last: &mut Option<String>) {
    let line = String::from_utf8_lossy(line);
    heard(&line);
    let line = redacted(&harmless(line.trim_end(), MOST_ERROR_CHARACTERS));
    if !line.is_empty() {
        *last = Some(line);
    }
}
