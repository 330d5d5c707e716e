//! A probe that is a program of the team's: its end is its answer.

use std::path::Path;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::timeout;

use super::Miss;
use crate::adapters::group::Group;
use crate::adapters::process::ThisMachine;
use crate::domain::probe::Fault;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::domain::time::spoken;
use crate::ports::processes::Processes as _;

/// More than that of what it says is never read into memory.
const MOST: usize = 64 * 1024;

/// Runs it: good if it ends with 0 in time.
pub(super) async fn run(
    argv: &[String],
    folder: Option<&Path>,
    within: Duration,
) -> Result<(), Miss> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Miss::Ours("it names no program".to_owned()));
    };
    let folder = folder.unwrap_or(Path::new("."));
    let mut group = Group::start(program, arguments, folder, Vec::new())
        // That it cannot be started says nothing about what it would have looked at.
        .map_err(|e| Miss::Ours(format!("{program} cannot be started: {e}")))?;
    let leader = group.child.id();
    let (out, err) = (group.child.stdout.take(), group.child.stderr.take());
    let ended = timeout(within, async {
        let end = async {
            let status = group.child.wait().await;
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
