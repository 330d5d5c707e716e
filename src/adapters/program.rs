//! The team's own programs, each in a group of its own, without stdin, drained to the end of what it says.

use std::path::Path;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};

use super::group::Groups;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::ports::BoxFuture;
use crate::ports::programs::{Program, Programs};

/// A line is cut after so many signs.
const MOST: usize = 2000;

/// Runs programs on this machine.
#[derive(Debug, Clone)]
pub struct MachinePrograms {
    /// Where what they start is noted.
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
            let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
            let (out, err) = tokio::join!(lines(out, heard), lines(err, heard));
            let status = group.child.wait().await.map_err(|e| e.to_string())?;
            if status.success() {
                return Ok(());
            }
            let last = err.or(out).map(|line| format!(": {line}")).unwrap_or_default();
            Err(format!("{status}{last}"))
        })
    }
}

/// Hands every line on as it was written, and answers with the last one, harmless and without secrets.
async fn lines(
    pipe: Option<impl AsyncRead + Unpin>,
    heard: &(dyn Fn(&str) + Send + Sync),
) -> Option<String> {
    let mut lines = BufReader::new(pipe?).split(b'\n');
    let mut last = None;
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line);
        heard(&line);
        let line = redacted(&harmless(line.trim_end(), MOST));
        last = Some(line).filter(|line| !line.is_empty()).or(last);
    }
    last
}
