//! A probe that runs a program of the config: its exit status is the result.

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use super::Miss;
use crate::group::{Group, LeftBehind};
use pointsman_core::probe::Fault;
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;
use pointsman_core::time::spoken;

/// Maximum output kept in memory per pipe, in bytes.
const MOST_OUTPUT_BYTES: usize = 64 * 1024;

/// Runs the program. The probe is good if it exits with 0 before the timeout.
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
        // A program that cannot be started proves nothing about its target.
        .map_err(|e| Miss::Ours(format!("{program} cannot be started: {e}")))?;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let (heard_out, heard_err) = (|b: &[u8]| keep(&mut out, b), |b: &[u8]| keep(&mut err, b));
    let finish = group.finish(LeftBehind::Ended, heard_out, heard_err);
    let Ok(status) = timeout(within, finish).await else {
        return Err(Miss::Bad(Fault::NoAnswer, format!("did not end within {}", spoken(within))));
    };
    let status = status.map_err(|e| Miss::Ours(e.to_string()))?;
    if status.success() {
        return Ok(());
    }
    let said = last_line(&err)
        .or_else(|| last_line(&out))
        .map(|line| format!(": {}", redacted(&harmless(&line, 120))));
    Err(Miss::Bad(Fault::Command, format!("{status}{}", said.unwrap_or_default())))
}

/// Keeps the end of the output.
fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    let over = kept.len().saturating_sub(MOST_OUTPUT_BYTES);
    kept.drain(..over);
}

fn last_line(kept: &[u8]) -> Option<String> {
    String::from_utf8_lossy(kept).trim().lines().last().map(str::to_owned)
}
