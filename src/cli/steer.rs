//! `approve`, `pause`, `retry`, `abort`: commands to a run that another process drives, each bound to
//! what its sender had seen (N2), and `attach`, which follows a run.

use std::time::Duration;

use serde_json::json;

use super::Session;
use super::exit::{Failed, Finished, IN_DOUBT, OK, REFUSED};
use super::print;
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::event::{Event, Recorded};
use crate::domain::ids::RunNumber;
use crate::domain::run::RunState;
use crate::domain::words;
use crate::ports::journal::Journal as _;

/// How often the store is looked at for an answer.
const LOOK: Duration = Duration::from_millis(50);
/// A runner that lives answers within this; it looks for commands every 100 ms.
const MUST_ANSWER: Duration = Duration::from_secs(15);

/// Sends a command and waits for the fact that answers it.
pub(super) async fn steer(
    session: &Session,
    run: RunNumber,
    seen: Option<u64>,
    command: &Command,
) -> Finished {
    let app = &session.app;
    let listed = app.store()?.run(run)?;
    if let RunState::Ended { outcome } = listed.view.state {
        let what = format!("run {run} is over: {}", outcome.word());
        return Err(Failed::with(REFUSED, Problem::new(what)));
    }
    if listed.runner.is_none() {
        let problem =
            Problem::new(format!("nobody drives run {run}")).because("its runner is gone");
        let problem = problem.try_this(format!("pointsman resume {}", run.0));
        return Err(Failed::with(IN_DOUBT, problem));
    }
    let seen = seen.unwrap_or(listed.view.last_seq);
    let id = app.store()?.send(run, &app.actor, seen, command, app.clock.now())?;
    let began = app.clock.elapsed();
    loop {
        for fact in app.store()?.facts(run, listed.view.last_seq)? {
            match &fact.event {
                Recorded::Known(Event::CommandAccepted { id: answered, .. }) if *answered == id => {
                    let text = format!("run {run} takes it: {}", words::command(command));
                    session.result(&text, &json!({"run": run, "accepted": true, "seq": fact.seq}));
                    return Ok(OK);
                }
                Recorded::Known(Event::CommandRefused { id: answered, because, .. })
                    if *answered == id =>
                {
                    let problem =
                        Problem::new(format!("run {run} refuses")).because(because.clone());
                    let problem =
                        problem.try_this(format!("look again: pointsman events {}", run.0));
                    return Err(Failed::with(REFUSED, problem));
                }
                _ => {}
            }
        }
        if app.clock.elapsed().saturating_sub(began) > MUST_ANSWER {
            let problem = Problem::new(format!("run {run} does not answer"));
            return Err(Failed::with(
                IN_DOUBT,
                problem.try_this("look whether its process still works"),
            ));
        }
        app.clock.sleep(LOOK).await;
    }
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
