//! `approve`, `pause`, `retry` and `abort`: send commands to a run that another process drives. Each command carries
//! the last fact that its sender saw (N2).

use serde_json::json;

use super::Session;
use super::args::{ApproveArguments, SteerArguments};
use super::confirm::confirm;
use super::deploy::is_reviewed;
use super::exit::{Failed, Finished, OK, REFUSED};
use super::print;

use crate::domain::approvals::Approval;
use crate::domain::code::Code;
use crate::domain::command::{Command, may_accept};
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::gate::Answers;
use crate::domain::identity::Identity;
use crate::domain::ids::RunNumber;
use crate::domain::policy::Protection;
use crate::engine::proposal;
use crate::ports::journal::Journal as _;

/// Sends a command that carries a risk, after the confirmation that the environment requires. On an `open`
/// environment the command itself is the confirmation.
pub(super) async fn risk(session: &Session, to: &SteerArguments, command: &Command) -> Finished {
    let run = session.run(&to.run)?;
    let view = session.app.store()?.run(run)?.view;
    let (environment, protection) = (&view.plan.environment, view.plan.policy.protection);
    let mut seen = to.seen;
    if protection != Protection::Open {
        let what = format!(
            "Run {run} on {environment} is {}: {}.",
            view.state.sentence(),
            describe::command(command)
        );
        let answers = Answers { yes: to.yes, confirm: to.confirm.clone() };
        confirm(environment, environment.as_str(), protection, answers, &what)?;
        // The user confirmed for the state that was shown.
        seen = seen.or(Some(view.last_seq));
    }
    steer(session, run, seen, command).await
}

/// Sends a command that carries no risk, without a confirmation.
pub(super) async fn at_once(session: &Session, to: &SteerArguments, command: &Command) -> Finished {
    steer(session, session.run(&to.run)?, to.seen, command).await
}

/// Approves the waiting gate: of the plan that was reviewed, or of the one that the run has.
pub(super) async fn approve(session: &Session, arguments: &ApproveArguments) -> Finished {
    let ApproveArguments { steer: to, note, plan: reviewed } = arguments;
    let plan = session.app.store()?.run(session.run(&to.run)?)?.view.plan;
    if let Some(reviewed) = reviewed {
        is_reviewed(&plan, reviewed)?;
    }
    let approval = Approval { plan: Some(plan.hash()), note: note.clone() };
    risk(session, to, &Command::Approve(approval)).await
}

/// Takes an offered run, and drives it in the background.
pub(super) async fn accept(session: &Session, to: &SteerArguments) -> Finished {
    let run = session.run(&to.run)?;
    let view = session.app.store()?.run(run)?.view;
    let (environment, protection) = (&view.plan.environment, view.plan.policy.protection);
    may_accept(&view, &Identity::of(&session.app.actor())).map_err(|because| {
        let problem = Problem::coded(Code::COMMAND_REFUSED, format!("run {run} refuses"));
        let offer = format!("the person who drives it offers it: pointsman offer {}", run.0);
        Failed::with(REFUSED, problem.because(because).try_this(offer))
    })?;
    let what = format!("This machine will drive run {run} on {environment}.");
    let answers = Answers { yes: to.yes, confirm: to.confirm.clone() };
    confirm(environment, environment.as_str(), protection, answers, &what)?;
    print::note(format!("run {run} is handed over once its step is over; waiting"));
    let pid = session.app.accept(run).await?;
    let text = format!("run {run} continues in process {pid}\n  now: pointsman attach {}", run.0);
    session.result(&text, &json!({"run": run, "pid": pid}));
    Ok(OK)
}

/// Sends a command and prints the answer.
pub(super) async fn steer(
    session: &Session,
    run: RunNumber,
    seen: Option<u64>,
    command: &Command,
) -> Finished {
    let seq = proposal::command(&session.app.services(), run, seen, command).await?;
    let text = format!("run {run} takes it: {}", describe::command(command));
    session.result(&text, &json!({"run": run, "accepted": true, "seq": seq}));
    Ok(OK)
}
