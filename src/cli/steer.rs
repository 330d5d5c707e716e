//! `approve`, `pause`, `retry`, `abort`: commands to a run that another process drives, each bound to
//! what its sender had seen (N2), and `attach`, which follows a run.

use std::time::Duration;

use serde_json::json;

use super::Session;
use super::exit::{Failed, Finished, IN_DOUBT, OK};
use super::print;
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::run::RunState;
use crate::domain::words;
use crate::ports::journal::Journal as _;
use crate::propose;

/// How often the store is looked at.
const LOOK: Duration = Duration::from_millis(50);

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

/// Prints a run's facts as they come, until it ends or its runner is gone.
pub(super) async fn attach(session: &Session, run: RunNumber) -> Finished {
    let mut seen = 0;
    loop {
        let listed = session.app.store()?.run(run)?;
        for fact in session.app.store()?.facts(run, seen)? {
            seen = fact.seq;
            if session.arguments.json {
                print::result(fact.to_json().to_string());
            } else {
                print::result(words::fact(&fact));
            }
        }
        if matches!(listed.view.state, RunState::Ended { .. }) && seen >= listed.view.last_seq {
            return Ok(listed.view.exit_code());
        }
        if listed.runner.is_none() {
            let problem =
                Problem::new(format!("run {run} is in doubt")).because("its runner is gone");
            let problem = problem.try_this(format!("pointsman resume {}", run.0));
            return Err(Failed::with(IN_DOUBT, problem));
        }
        session.app.clock.sleep(LOOK).await;
    }
}
