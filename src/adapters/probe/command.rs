//! A probe that is a program of the team's: its end is its answer.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Miss;
use crate::adapters::process::ThisMachine;
use crate::domain::probe::Fault;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::domain::time::spoken;
use crate::ports::processes::Processes as _;

/// More than that of what it says is never read into memory.
const MOST: usize = 64 * 1024;

/// The program and what it started. Whatever ends the question ends them all.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        // One that was waited for has none any more, and its group was ended then.
        if let Some(leader) = self.0.id() {
            ThisMachine.end_group(leader, true);
        }
    }
}

/// Runs it: good if it ends with 0 in time.
pub(super) async fn run(
    argv: &[String],
    folder: Option<&Path>,
    within: Duration,
) -> Result<(), Miss> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Miss::Ours("it names no program".to_owned()));
    };
    let child = Command::new(program)
        .args(arguments)
        .current_dir(folder.unwrap_or(Path::new(".")))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        // That it cannot be started says nothing about what it would have looked at.
        .map_err(|e| Miss::Ours(format!("{program} cannot be started: {e}")))?;
    let mut group = Group(child);
    let leader = group.0.id();
    let (out, err) = (group.0.stdout.take(), group.0.stderr.take());
    let ended = timeout(within, async {
        let end = async {
            let status = group.0.wait().await;
            // A child that it leaves behind would hold the pipes open, and the answer up.
            if let Some(leader) = leader {
                ThisMachine.end_group(leader, true);
            }
            status
        };
        tokio::join!(end, last_line(err), last_line(out))
    });
    let Ok((status, err, out)) = ended.await else {
        return Err(Miss::Bad(Fault::NoAnswer, format!("did not end within {}", spoken(within))));
    };
    let status = status.map_err(|e| Miss::Ours(e.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let said = err.or(out).map(|line| format!(": {}", redacted(&harmless(&line, 120))));
    Err(Miss::Bad(Fault::Command, format!("{status}{}", said.unwrap_or_default())))
}

/// The last line of what is said. All of it is read, so that nobody waits for a full pipe.
async fn last_line(pipe: Option<impl AsyncRead + Unpin>) -> Option<String> {
    let mut pipe = pipe?;
    let (mut kept, mut chunk) = (Vec::new(), vec![0; 8 * 1024]);
    while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
        kept.extend_from_slice(&chunk[..read]);
        let over = kept.len().saturating_sub(MOST);
        kept.drain(..over);
    }
    let text = String::from_utf8_lossy(&kept);
    text.trim().lines().last().map(str::to_owned)
}
