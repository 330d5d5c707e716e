//! The keys that change a deployment: whether they may be pressed now, and the box each opens.

use tui_input::Input;

use super::tell_problem;
use crate::domain::command::{self, OPENS_BY_ITSELF, may_skip};
use crate::domain::error::Problem;
use crate::domain::gate::{may_clean_up, may_switch};
use crate::domain::ids::{RunNumber, ServiceName};
use crate::domain::plan::{Member, RunKind};
use crate::domain::policy::Protection;
use crate::domain::readiness::marked_bad;
use crate::domain::release::ReleaseLabel;
use crate::domain::run::RunState;
use crate::domain::step::StepKind;
use crate::domain::view::{RunView, ServiceView};
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::{Command, Danger, row_of};
use crate::tui::model::dialog::{Action, Confirm, Item, Kind, Phase, Picker, Purpose};
use crate::tui::model::environments::Environment;
use crate::tui::model::{Model, Pane};

/// Whether a command means anything now; the error says why not, for hints, help and the toast.
pub fn available(model: &Model, command: Command) -> Result<(), String> {
    let Some(here) = model.here() else {
        return Err("the config has no environment".to_owned());
    };
    let changes = row_of(command).is_some_and(|row| row.danger != Danger::None);
    if model.read_only && changes {
        return Err("this screen is read-only".to_owned());
    }
    let driven = here.driven().map(|run| &run.view);
    let state = driven.map(|view| &view.state);
    match command {
        Command::Deploy | Command::Migrate | Command::UndoMigrations => idle(here),
        Command::CustomCommands => super::custom_commands::available(model, here),
        Command::CleanUp => {
            let last = here.run.as_ref().map_or(Ok(()), |run| may_clean_up(&run.view));
            idle(here).and_then(|()| last.map_err(|problem| problem.to_string()))
        }
        Command::Rollback => match driven {
            Some(view) => may_go_back(view),
            None => Ok(()),
        },
        Command::Switch => match driven {
            Some(view) if view.gate() == Some(&StepKind::GateSwitch) => {
                may_switch(view).map_err(|problem| problem.to_string())
            }
            Some(view) if view.gate().is_some() => Err(OPENS_BY_ITSELF.to_owned()),
            _ => Err("no gate is open".to_owned()),
        },
        Command::ApproveDeployment
        | Command::RejectDeployment
        | Command::RunFailedAgain
        | Command::BeginPipeline => super::pipeline::available(here, command),
        Command::Abort => match driven {
            None => Err("no run is under way".to_owned()),
            Some(view) if view.touched_traffic() => {
                Err("traffic has moved already; B gives it back".to_owned())
            }
            Some(_) => Ok(()),
        },
        Command::Retry => match state {
            Some(RunState::Failed { .. }) => Ok(()),
            _ => Err("nothing failed".to_owned()),
        },
        Command::Skip => match driven {
            Some(view) if matches!(view.state, RunState::Failed { .. }) => may_skip(view, "given"),
            _ => Err("nothing failed".to_owned()),
        },
        Command::Pause
            if driven.is_some_and(|v| v.gives_back() || v.plan.kind == RunKind::Rollback) =>
        {
            Err("a rollback in progress cannot be paused".to_owned())
        }
        Command::Pause => match state {
            Some(RunState::Ready { .. } | RunState::Running { .. } | RunState::Paused { .. }) => {
                Ok(())
            }
            Some(RunState::Failed { .. }) if driven.is_some_and(|view| view.held) => {
                Err("it is on hold already; B rolls back".to_owned())
            }
            Some(RunState::Failed { .. }) if driven.is_some_and(command::counts_down) => Ok(()),
            Some(RunState::Waiting { .. }) => Err("the run waits at its gate anyway".to_owned()),
            _ => Err("no run is under way".to_owned()),
        },
        _ => Ok(()),
    }
}

fn idle(here: &Environment) -> Result<(), String> {
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

fn may_go_back(view: &RunView) -> Result<(), String> {
    if view.gives_back() {
        return Err("a rollback is already under way".to_owned());
    }
    if !view.touched_traffic() {
        return Err("traffic never moved; A ends the run".to_owned());
    }
    if !view.can_go_back() {
        return Err("nothing served before this run".to_owned());
    }
    Ok(())
}

/// A key that acts was pressed: tells why not, or opens its box. Pausing asks nothing.
pub(super) fn act(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    // In the history a rollback means the environment of the run that is chosen there.
    if model.focus == Pane::History && command == Command::Rollback {
        let chosen = model.history.chosen().map(|run| run.plan.environment.clone());
        let at = model.environments.iter().position(|e| Some(&e.name) == chosen.as_ref());
        model.selected = at.unwrap_or(model.selected);
    }
    if let Err(why) = available(model, command) {
        let name = row_of(command).map_or("", |row| row.name);
        model.tell(format!("{name} is off: {why}"));
        return Vec::new();
    }
    let Some(here) = model.here().cloned() else {
        return Vec::new();
    };
    match command {
        Command::Deploy => pick(model, Purpose::Deploy, &here, key),
        Command::Migrate | Command::UndoMigrations => super::schema::ask(model, command, key),
        Command::ApproveDeployment
        | Command::RejectDeployment
        | Command::RunFailedAgain
        | Command::BeginPipeline => {
            super::pipeline::ask(model, &here, command, key);
            Vec::new()
        }
        Command::CustomCommands => super::custom_commands::pick(model, &here, key),
        Command::CleanUp => pick(model, Purpose::Cleanup, &here, key),
        Command::Skip => pick(model, Purpose::Skip, &here, key),
        Command::Rollback if here.driven().is_none() => pick(model, Purpose::Rollback, &here, key),
        Command::Pause => pause(model, &here),
        _ => {
            if let Some(question) = steer(&here, command) {
                confirm(model, question, Some(key));
            }
            Vec::new()
        }
    }
}

/// A second p within this is taken for a held key.
const KEY_REPEAT_ENDS: std::time::Duration = std::time::Duration::from_secs(1);

fn pause(model: &mut Model, here: &Environment) -> Vec<Effect> {
    let Some(view) = here.driven().map(|run| &run.view) else {
        return Vec::new();
    };
    // A terminal that reports no repeats sends a held key again and again, and p goes both ways.
    if model.paused.is_some_and(|at| model.elapsed.saturating_sub(at) < KEY_REPEAT_ENDS) {
        return Vec::new();
    }
    let paused = matches!(view.state, RunState::Paused { .. });
    let command = if paused { command::Command::Resume } else { command::Command::Pause };
    let (number, seen) = (view.number, view.last_seq);
    model.paused = Some(model.elapsed);
    let ticket = model.ticket();
    model.tell(if paused { "going on…" } else { "pausing before the next step…" });
    vec![Effect::Send(ticket, number, seen, command)]
}

fn pick(model: &mut Model, purpose: Purpose, here: &Environment, key: Key) -> Vec<Effect> {
    let items = match purpose {
        Purpose::Deploy => offered(model, here),
        _ => Vec::new(),
    };
    let picker = Picker {
        preferred: chosen_release(model).filter(|_| purpose == Purpose::Rollback),
        live: live(here),
        waits: (purpose == Purpose::Rollback).then_some("looking for rollback targets"),
        ..Picker::new(purpose, here.name.clone(), items)
    };
    let compare = picker.clone();
    let ticket = model.open(Kind::Pick(Box::new(picker)), Some(key));
    match purpose {
        Purpose::Deploy => super::changes::ask(&compare, ticket).into_iter().collect(),
        Purpose::Rollback => vec![Effect::FindTargets(ticket, here.name.clone())],
        _ => Vec::new(),
    }
}

/// The release of the run that is chosen in the history.
fn chosen_release(model: &Model) -> Option<String> {
    let chosen = model.history.chosen().filter(|_| model.focus == Pane::History)?;
    chosen.plan.release.as_ref().map(ToString::to_string)
}

/// The live release: that of the first service that has one.
fn live(here: &Environment) -> Option<ReleaseLabel> {
    let mut services = here.seen.iter().flat_map(|(seen, _)| &seen.services);
    services.find_map(|service| service.live.as_ref()?.release.clone())
}

/// The offered releases, with the services where each is live and whether it was rolled back.
fn offered(model: &Model, here: &Environment) -> Vec<Item> {
    let live = here.seen.iter().flat_map(|(seen, _)| &seen.services);
    let live: Vec<_> = live
        .filter_map(|service| {
            let release = service.live.as_ref()?.release.as_ref()?;
            Some((release.to_string(), service.service.to_string()))
        })
        .collect();
    let note = |label: &String| {
        let on: Vec<_> =
            live.iter().filter(|(release, _)| release == label).map(|(_, s)| s.as_str()).collect();
        let on = (!on.is_empty()).then(|| format!("live on {}", on.join(", ")));
        let runs = model.history.runs.iter().filter(|run| run.plan.environment == here.name);
        let bad =
            ReleaseLabel::new(label.clone()).ok().and_then(|label| marked_bad(runs, &label, None));
        let bad = bad.map(|run| format!("BAD: run {run} rolled it back"));
        on.into_iter().chain(bad).collect::<Vec<_>>().join(" · ")
    };
    model.offered.iter().map(|label| Item::new(label.clone(), note(label))).collect()
}

/// The question before a command to a run.
fn steer(here: &Environment, command: Command) -> Option<Confirm> {
    let view = &here.driven()?.view;
    // The run's own plan may know better than a config that was changed since.
    let protection = here.protection.harder_of(view.plan.policy.protection);
    let release = view.plan.name().map_or("-".to_owned(), |name| name.to_string());
    let (what, lines, tier) = match command {
        Command::Switch => {
            let mut lines = vec![format!("Gives all traffic of {} to {release}:", here.name)];
            lines.extend(services(view));
            lines.push(undo_after(view));
            lines
                .push("Not undone by that: what the new release writes and sends meanwhile".into());
            ("Switch traffic to GREEN", lines, protection)
        }
        Command::Rollback => {
            let mut lines = vec![format!("Takes traffic of {} back from {release}:", here.name)];
            lines.extend(services(view));
            lines.push(format!("{release} is marked bad; its builds stay"));
            ("Roll back", lines, protection)
        }
        Command::Abort => {
            let lines = vec![
                format!("Ends run {} at its next safe point; it cannot be resumed.", view.number),
                "Traffic has not moved, and does not: customers notice nothing.".to_owned(),
                "The new builds stay, without traffic.".to_owned(),
            ];
            ("Abort the run", lines, protection.min_of(Protection::Confirm))
        }
        Command::Retry => {
            let step = view.state.step().map(ToString::to_string).unwrap_or_default();
            let lines = vec![format!("Tries {step} again, with the same builds.")];
            ("Retry", lines, Protection::Open)
        }
        _ => return None,
    };
    let command = match command {
        Command::Switch => command::Command::Approve,
        Command::Rollback => command::Command::Rollback,
        Command::Abort => command::Command::Abort { now: false },
        _ => command::Command::Retry,
    };
    let action = Action::Send(view.number, view.last_seq, command);
    Some(question(here, tier, what, lines, action))
}

/// One line per service: from what to what.
fn services(view: &RunView) -> Vec<String> {
    let green = view.plan.name().map_or("green".to_owned(), |name| name.to_string());
    let line = |name: &ServiceName, seen: &ServiceView| {
        let blue = seen.blue_name().map(|name| name.to_string());
        let blue = blue.or_else(|| seen.blue.as_ref().map(ToString::to_string));
        let health = match seen.green_health {
            Some(verdict) => {
                let judged = seen.green_judged.as_ref();
                let at = judged
                    .map_or(String::new(), |(at, _)| at.strftime(" since %H:%M:%SZ").to_string());
                format!("GREEN gate: {verdict}{at}")
            }
            None => "GREEN was not asked".to_owned(),
        };
        let blue = blue.unwrap_or_else(|| "none".to_owned());
        format!("  {name}  BLUE {blue} · GREEN {green} · {health}")
    };
    let members = view.plan.members.iter().map(Member::service);
    members.filter_map(|name| Some(line(name, view.services.get(name)?))).collect()
}

fn undo_after(view: &RunView) -> String {
    if view.services.values().all(|s| s.blue.is_some()) {
        "Undo: B rolls back to BLUE, which keeps running".to_owned()
    } else {
        "Undo: none for a service where nothing served before".to_owned()
    }
}

pub(super) fn question(
    here: &Environment,
    tier: Protection,
    title: &str,
    lines: Vec<String>,
    action: Action,
) -> Confirm {
    Confirm {
        environment: here.name.clone(),
        tier,
        title: title.to_owned(),
        lines,
        action,
        bound: bound(here),
        input: Input::default(),
        phase: Phase::Asks,
        hint: None,
    }
}

/// What a box is bound to: the environment's run and where it stood.
pub(super) fn bound(here: &Environment) -> Option<(RunNumber, u64)> {
    here.run.as_ref().map(|run| (run.view.number, run.view.decided_at))
}

pub(super) fn confirm(model: &mut Model, question: Confirm, key: Option<Key>) {
    model.open(Kind::Confirm(Box::new(question)), key);
}

/// The chosen way on from a run in doubt.
pub(super) fn take_over(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else {
        return Vec::new();
    };
    let Some(run) = here.in_doubt() else {
        return Vec::new();
    };
    let doubt = match &here.doubt {
        Some(Ok(doubt)) => doubt,
        Some(Err(problem)) => {
            let problem = Problem::new("the safe choices are unknown now")
                .because(problem.sentence())
                .try_this("fix that first; the observation is repeated automatically");
            tell_problem(model, problem, Some(key));
            return vec![Effect::Observe(run.view.number)];
        }
        None => {
            model.tell("still asking the platform");
            return Vec::new();
        }
    };
    let Some(choice) = doubt.choices.get(model.deploy.choice).copied() else {
        return Vec::new();
    };
    let lines = vec![
        format!("Run {}: {}.", run.view.number, choice.sentence()),
        format!("Recorded  {}", doubt.recorded),
        format!("Observed  {}", doubt.observed),
    ];
    let action = Action::TakeOver(run.view.number, choice);
    let tier = here.protection.harder_of(run.view.plan.policy.protection);
    confirm(model, question(&here, tier, "Take the run over", lines, action), Some(key));
    Vec::new()
}

/// The age of the environment's data in a question, if it is stale.
pub(super) fn too_old(model: &Model, asked: &Confirm) -> Option<std::time::Duration> {
    let here = model.environments.iter().find(|e| e.name == asked.environment)?;
    // A deploy looks for itself before it does anything, and its platform may only start with it; a
    // switch without a fresh observation would be a switch in the dark.
    let switches = asked.action.moves().is_some();
    match &here.seen {
        None if switches => Some(model.elapsed),
        Some((seen, at)) if switches && seen.unseen.is_some() => {
            Some(model.elapsed.saturating_sub(*at))
        }
        _ => here.stale(model.elapsed),
    }
}
