//! Sends a command to a run that another process drives, bound to what its sender had seen (N2).

use std::time::Duration;

use super::Refusal;
use crate::services::Services;
use pointsman_core::approvals::Approval;
use pointsman_core::code::Code;
use pointsman_core::command::Command;
use pointsman_core::error::Problem;
use pointsman_core::event::{Event, Recorded};
use pointsman_core::ids::RunNumber;
use pointsman_core::run::RunState;
use pointsman_core::view::RunView;

/// Poll interval of the store for an answer.
const ANSWER_POLL: Duration = Duration::from_millis(50);
/// Time limit for an answer. A live runner polls for commands every 100 ms.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// An approval names the plan that its giver saw.
fn with_plan(command: &Command, view: &RunView) -> Command {
    match command.clone() {
        Command::Approve(Approval { plan: None, note }) => {
            Command::Approve(Approval { plan: Some(view.plan.hash()), note })
        }
        other => other,
    }
}

/// Sends a command, waits for the fact that answers it, and returns the number of that fact. Without `seen`, the sender
/// counts as having seen every fact.
pub async fn command(
    ports: &Services,
    run: RunNumber,
    seen: Option<u64>,
    command: &Command,
) -> Result<u64, Refusal> {
    let mut store = ports.stores.open()?;
    let listed = store.run(run)?;
    if let RunState::Ended { outcome } = listed.view.state {
        return Err(Refusal::Refused(Problem::new(format!(
            "run {run} has ended: {}",
            outcome.word()
        ))));
    }
    if listed.runner.is_none() {
        let problem = Problem::coded(Code::IN_DOUBT, format!("run {run} has no driver"))
            .because("its process died");
        return Err(Refusal::InDoubt(problem.try_this(format!("pointsman resume {}", run.0))));
    }
    let seen = seen.unwrap_or(listed.view.last_seq);
    let command = &with_plan(command, &listed.view);
    let id = store.send(run, &ports.actor, seen, command, ports.clock.now())?;
    let began = ports.clock.elapsed();
    while ports.clock.elapsed().saturating_sub(began) <= ANSWER_WITHIN {
        for fact in store.facts(run, listed.view.last_seq)? {
            match &fact.event {
                Recorded::Known(Event::CommandAccepted { id: answered, .. }) if *answered == id => {
                    return Ok(fact.seq);
                }
                Recorded::Known(Event::CommandRefused { id: answered, because, .. })
                    if *answered == id =>
                {
                    return Err(Refusal::Refused(
                        Problem::coded(Code::COMMAND_REFUSED, format!("run {run} refuses"))
                            .because(because.clone())
                            .try_this(format!("check pointsman events {}", run.0)),
                    ));
                }
                _ => {}
            }
        }
        ports.clock.sleep(ANSWER_POLL).await;
    }
    // Withdraw the command, so that a runner that wakes later does not execute it.
    let withdrawn = store.withdraw(id)?;
    let problem = Problem::coded(Code::NO_ANSWER_FROM_RUN, format!("run {run} does not answer"));
    let problem = problem.because(if withdrawn {
        "the request is withdrawn"
    } else {
        "the run has just read the request and may execute it"
    });
    Err(Refusal::InDoubt(problem.try_this("check whether its process is still alive")))
}

/// Time for a run to reach the end of its step and be handed over. A soak may take long.
const HANDED_WITHIN: Duration = Duration::from_hours(1);

/// Accepts an offered run, and waits until its driver hands it over. The caller then has a minute to take it.
pub async fn accept(ports: &Services, run: RunNumber) -> Result<(), Refusal> {
    command(ports, run, None, &Command::Accept).await?;
    let store = ports.stores.open()?;
    let began = ports.clock.elapsed();
    while ports.clock.elapsed().saturating_sub(began) <= HANDED_WITHIN {
        let view = store.run(run)?.view;
        if view.handed.as_deref() == Some(ports.actor.as_str()) {
            return Ok(());
        }
        if view.ended.is_some() {
            let problem = Problem::new(format!("run {run} was not handed over"));
            let because = format!("it {} meanwhile", view.state.sentence());
            return Err(Refusal::Refused(problem.because(because)));
        }
        ports.clock.sleep(ANSWER_POLL).await;
    }
    let problem =
        Problem::coded(Code::NO_ANSWER_FROM_RUN, format!("run {run} was not handed over"));
    Err(Refusal::InDoubt(
        problem.because("its step takes too long").try_this("offer it again later"),
    ))
}
