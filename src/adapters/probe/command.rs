//! A probe that is a program of the team's: its end is its answer.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use super::Miss;
use crate::domain::probe::Fault;
use crate::domain::redact::redacted;
use crate::domain::text::harmless;
use crate::domain::time::spoken;

/// Runs it: good if it ends with 0 in time. It leaves no child of its own group behind.
pub(super) async fn run(argv: &[String], within: Duration) -> Result<(), Miss> {
    let bad = |why: String| Miss::Bad(Fault::Command, why);
    let Some((program, arguments)) = argv.split_first() else {
        return Err(Miss::Ours("it names no program".to_owned()));
    };
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        // That it cannot be started says nothing about what it would have looked at.
        .map_err(|e| Miss::Ours(format!("{program} cannot be started: {e}")))?;
    let group = child.id().and_then(|pid| i32::try_from(pid).ok());
    let ended = timeout(within, child.wait_with_output()).await;
    let Ok(output) = ended else {
        if let Some(group) = group.and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        return Err(Miss::Bad(Fault::NoAnswer, format!("did not end within {}", spoken(within))));
    };
    let output = output.map_err(|e| Miss::Ours(e.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stderr, output.stdout];
    let said = said.iter().map(|said| String::from_utf8_lossy(said));
    let last =
        said.filter_map(|said| said.trim().lines().last().map(|l| redacted(&harmless(l, 120))));
    let last = last.map(|line| format!(": {line}")).next().unwrap_or_default();
    Err(bad(format!("{}{last}", output.status)))
}
