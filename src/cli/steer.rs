//! `approve`, `pause`, `retry`, `abort`: commands to a run that another process drives, each bound to
//! what its sender had seen (N2).

use serde_json::json;

use super::Session;
use super::exit::{Finished, OK};
use crate::domain::command::Command;
use crate::domain::ids::RunNumber;
use crate::domain::words;
use crate::propose;

/// Sends a command and says how it was answered.
pub(super) async fn steer(
    session: &Session,
    run: RunNumber,
    seen: Option<u64>,
    command: &Command,
) -> Finished {
    let seq = propose::command(&session.app, run, seen, command).await?;
    let text = format!("run {run} takes it: {}", words::command(command));
    session.result(&text, &json!({"run": run, "accepted": true, "seq": seq}));
    Ok(OK)
}
