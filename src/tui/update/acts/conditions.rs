//! Conditions for the commands that change a deployment, with the reason if a command is unavailable.

use crate::domain::approvals::may_approve;
use crate::domain::command::{self, OPENS_BY_ITSELF};
use crate::domain::gate;
use crate::domain::identity::Identity;
use crate::domain::run::RunState;
use crate::domain::step::StepKind;
use crate::domain::view::RunView;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;

type Allowed = Result<(), String>;

/// The selected environment.
fn selected(model: &Model) -> Result<&Environment, String> {
    model.here().ok_or_else(|| "the config has no environment".to_owned())
}

fn driven(model: &Model) -> Result<Option<&RunView>, String> {
    Ok(selected(model)?.driven().map(|run| &run.view))
}

/// Requires that no run is under way or in doubt, and that the environment is not locked.
pub(in crate::tui) fn idle(model: &Model) -> Allowed {
    let here = selected(model)?;
    if let Some(run) = here.in_doubt() {
        return Err(format!("run {} is in doubt; decide about it first", run.view.number));
    }
    if let Some(run) = here.driven() {
        return Err(format!("run {} is under way", run.view.number));
    }
    match &here.lock {
        Some(lock) => Err(format!("{} is locked: {lock}", here.name)),
        None => Ok(()),
    }
}

/// The accepted command that has not taken effect yet.
fn asked(view: &RunView) -> Option<&command::Command> {
    view.asked.as_ref().map(|asked| &asked.command)
}

/// Refuses an environment without runs: it has no rollback target and nothing to clean up.
fn ran_once(model: &Model) -> Allowed {
    let here = selected(model)?;
    if here.run.is_some() || !here.read {
        return Ok(());
    }
    Err(format!("no run has changed {} yet; D deploys", here.name))
}

pub(in crate::tui) fn may_allow_rollouts(model: &Model) -> Allowed {
    idle(model)?;
    let held = selected(model)?.held();
    (!held.is_empty()).then_some(()).ok_or_else(|| "no run left them disabled here".to_owned())
}

pub(in crate::tui) fn may_clean_up(model: &Model) -> Allowed {
    idle(model)?;
    ran_once(model)?;
    let last = selected(model)?.run.as_ref().map_or(Ok(()), |run| gate::may_clean_up(&run.view));
    last.map_err(|problem| problem.to_string())
}

pub(in crate::tui) fn may_roll_back(model: &Model) -> Allowed {
    let Some(view) = driven(model)? else { return ran_once(model) };
    if view.gives_back() {
        return Err("a rollback is already under way".to_owned());
    }
    if !view.touched_traffic() {
        return Err("traffic never moved; A aborts the run".to_owned());
    }
    if !view.can_go_back() {
        return Err("no build was live before this run".to_owned());
    }
    Ok(())
}

pub(in crate::tui) fn may_switch(model: &Model) -> Allowed {
    match driven(model)? {
        Some(view) if view.gate() == Some(&StepKind::GateSwitch) => {
            let by = Identity::of(&model.actor);
            let may = gate::may_switch(view).and_then(|()| may_approve(view, &by));
            may.map_err(|problem| problem.to_string())
        }
        Some(view) if view.gate().is_some() => Err(OPENS_BY_ITSELF.to_owned()),
        _ => Err("no gate is open".to_owned()),
    }
}

pub(in crate::tui) fn may_abort(model: &Model) -> Allowed {
    match driven(model)? {
        None => Err("no run is under way".to_owned()),
        Some(view) if view.touched_traffic() => {
            Err("traffic has moved already; B rolls back".to_owned())
        }
        Some(view) if matches!(asked(view), Some(command::Command::Abort { .. })) => {
            Err("the run ends after this step already".to_owned())
        }
        Some(_) => Ok(()),
    }
}

pub(in crate::tui) fn may_retry(model: &Model) -> Allowed {
    match driven(model)?.map(|view| &view.state) {
        Some(RunState::Failed { .. }) => Ok(()),
        _ => Err("no step has failed".to_owned()),
    }
}

pub(in crate::tui) fn may_skip(model: &Model) -> Allowed {
    may_retry(model)?;
    driven(model)?.map_or(Ok(()), |view| command::may_skip(view, "given"))
}

pub(in crate::tui) fn may_extend(model: &Model) -> Allowed {
    driven(model)?.map_or_else(|| Err("no gate is open".to_owned()), command::may_extend)
}

pub(in crate::tui) fn may_claim(model: &Model) -> Allowed {
    match driven(model)? {
        Some(view) if view.waits_for_somebody() => Ok(()),
        _ => Err("no run waits for a person here".to_owned()),
    }
}

pub(in crate::tui) fn may_offer(model: &Model) -> Allowed {
    driven(model)?.map_or_else(|| Err("no run is under way".to_owned()), command::may_offer)
}

pub(in crate::tui) fn may_accept(model: &Model) -> Allowed {
    let who = Identity::of(&model.actor);
    let may = |view| command::may_accept(view, &who);
    driven(model)?.map_or_else(|| Err("no run is under way".to_owned()), may)
}

pub(in crate::tui) fn may_pause(model: &Model) -> Allowed {
    let Some(view) = driven(model)? else { return Err("no run is under way".to_owned()) };
    if view.returns_traffic() {
        return Err("a rollback in progress cannot be paused".to_owned());
    }
    if asked(view) == Some(&command::Command::Pause) {
        return Err("the run pauses after this step already".to_owned());
    }
    match &view.state {
        RunState::Ready { .. } | RunState::Running { .. } | RunState::Paused { .. } => Ok(()),
        RunState::Failed { .. } if view.held => {
            Err("it is on hold already; B rolls back".to_owned())
        }
        RunState::Failed { .. } if command::counts_down(view) => Ok(()),
        RunState::Waiting { .. } => Err("the run waits at its gate anyway".to_owned()),
        _ => Err("no step is under way".to_owned()),
    }
}
