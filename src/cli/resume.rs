//! `resume`: shows the recorded and the observed state of a run whose runner died, and applies the choice. Without a
//! choice it only shows them.

use std::io::{self, IsTerminal as _};

use serde_json::json;

use super::Session;
use super::args::ResumeArguments;
use super::confirm::{ask, confirm};
use super::exit::{Failed, Finished, IN_DOUBT, REFUSED};
use super::follow::{Following, follow, waiting, waits_instead};
use super::print;
use super::signals::{Listening, listen};
use crate::domain::approvals::may_choose;
use crate::domain::code::Code;
use crate::domain::command::Command;
use crate::domain::describe;
use crate::domain::error::Problem;
use crate::domain::identity::Identity;
use crate::domain::recover::{Choice, Doubt, reconcile};
use crate::domain::run::RunState;
use crate::domain::view::RunView;
use crate::engine::{Attendance, observe};
use crate::ports::journal::Journal as _;

pub(super) async fn resume(session: &Session, arguments: &ResumeArguments) -> Finished {
    let run = session.run(&arguments.run)?;
    let listed = session.app.store()?.run(run)?;
    if listed.runner.is_some() && matches!(listed.view.state, RunState::Paused { .. }) {
        return super::steer::steer(session, run, None, &Command::Resume).await;
    }
    if let Some(pid) = listed.runner {
        let process = describe::process(pid, listed.host.as_deref());
        let what = format!("run {run} is {}, and {process} runs it", listed.view.state.sentence());
        return Err(Failed::with(super::exit::LOCKED, Problem::new(what)));
    }
    if listed.view.ended.is_some() {
        let problem = Problem::new(format!("run {run} is {}", listed.view.state.sentence()));
        return Err(Failed::with(REFUSED, problem));
    }
    let plan = listed.view.plan.clone();
    let hosting = session.app.services().platform(&plan.endpoint).await?;
    let observed = observe(hosting.as_ref(), &listed.view).await.map_err(|e| e.problem)?;
    let doubt = reconcile(&listed.view, &observed).map_err(|p| Failed::with(REFUSED, p))?;
    let Some(choice) = choose(&listed.view, arguments, &doubt)? else {
        session.result(&text(&listed.view, &doubt), &json(&listed.view, &doubt));
        return Ok(IN_DOUBT);
    };
    may_choose(&listed.view, choice, &Identity::of(&session.app.actor()))
        .map_err(|problem| Failed::with(REFUSED, problem))?;
    let waits = waiting(&listed.view).filter(|_| choice == Choice::Continue);
    if let (Some(waits), true) = (&waits, arguments.no_wait) {
        return Err(waits_instead(run, waits));
    }
    let what =
        format!("{}\nRun {run}: {}.", text(&listed.view, &doubt), choice.sentence(&listed.view));
    confirm(
        &plan.environment,
        plan.environment.as_str(),
        plan.policy.protection,
        arguments.confirmation.answers(),
        &what,
    )?;
    session.app.store()?.claim(run, None, session.app.clock.now())?;
    let Listening { signals, told, wish } = listen()?;
    let view = session.app.store()?.run(run)?.view;
    let seen = view.last_seq;
    session.app.end_orphans(&view);
    // The state may have changed while the user answered, so observe again.
    let observed = observe(hosting.as_ref(), &view).await.map_err(|e| e.problem)?;
    let doubt = reconcile(&view, &observed).map_err(|p| Failed::with(REFUSED, p))?;
    if !doubt.choices.contains(&choice) {
        let problem = Problem::coded(Code::UNSAFE_CHOICE, "that choice is no longer safe")
            .because(doubt.observed);
        return Err(Failed::with(REFUSED, problem));
    }
    let mut engine = session.app.engine(view, Attendance::Unattended, signals).await?;
    engine.take_over(&doubt.observed, choice, &session.app.actor()).await?;
    waits.into_iter().for_each(print::note);
    let leave = arguments.no_wait.then_some(wish);
    follow(session, engine, Following { run, seen, interrupted: told, leave }).await
}

/// The choice from `--choose`, the recommended one with `--yes`, or the answer to a question. `None`: only show the
/// state.
fn choose(
    view: &RunView,
    arguments: &ResumeArguments,
    doubt: &Doubt,
) -> Result<Option<Choice>, Failed> {
    if let Some(choice) = arguments.choose.map(Choice::from) {
        if doubt.choices.contains(&choice) {
            return Ok(Some(choice));
        }
        let offered: Vec<_> = doubt.choices.iter().map(|c| c.name()).collect();
        let problem = Problem::coded(Code::UNSAFE_CHOICE, "that choice is not safe")
            .because(format!("observed: {}", doubt.observed));
        let problem = problem.try_this(format!("choose one of {}", offered.join(", ")));
        return Err(Failed::with(REFUSED, problem));
    }
    if arguments.confirmation.yes {
        return Ok(doubt.choices.first().copied());
    }
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    print::note(text(view, doubt));
    let said = ask("Which? [number, empty for none] ");
    let picked = said.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
    Ok(picked.and_then(|n| doubt.choices.get(n).copied()))
}

fn text(view: &RunView, doubt: &Doubt) -> String {
    let mut text = format!(
        "run {} is in doubt: its process died\n  recorded  {}\n  observed  {}\n",
        view.number, doubt.recorded, doubt.observed
    );
    for (at, choice) in doubt.choices.iter().enumerate() {
        let recommended = if at == 0 { " (recommended)" } else { "" };
        text = format!(
            "{text}  {}. {}{recommended}: {}\n",
            at + 1,
            choice.name(),
            choice.effect(view)
        );
    }
    text
}

fn json(view: &RunView, doubt: &Doubt) -> serde_json::Value {
    json!({
        "run": view.number, "state": "in_doubt", "recorded": doubt.recorded, "observed": doubt.observed,
        "choices": doubt.choices.iter().map(|c| c.name()).collect::<Vec<_>>(),
    })
}
