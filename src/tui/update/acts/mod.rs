//! The commands that change a deployment, and the dialogs that they open. `conditions` decides when each is
//! available, `questions` builds the confirmations.

mod conditions;
mod questions;

use tui_input::Input;

pub(in crate::tui) use self::conditions::{
    idle, may_abort, may_accept, may_allow_rollouts, may_claim, may_clean_up, may_extend,
    may_offer, may_pause, may_retry, may_roll_back, may_skip, may_switch,
};
use super::picker::picker_of;
use super::program::tell_problem;
use crate::domain::approvals::may_choose;
use crate::domain::command;
use crate::domain::error::Problem;
use crate::domain::event::Outcome;
use crate::domain::identity::Identity;
use crate::domain::ids::RunNumber;
use crate::domain::migration;
use crate::domain::policy::Protection;
use crate::domain::readiness::marked_bad;
use crate::domain::release::ReleaseLabel;
use crate::domain::run::RunState;
use crate::domain::snapshot::DatabaseSnapshot;
use crate::domain::view::RunView;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::Key;
use crate::tui::keys::commands::{Command, Danger, row_of};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, Confirm, Item, Kind, Phase, Picker, Purpose};
use crate::tui::model::environments::{Environment, RunSnapshot};
use crate::tui::panes::migrations::model::databases;
use crate::tui::panes::{Pane, history};

/// Whether a command is available now. The error says why not, for hints, help and the toast.
pub fn available(model: &Model, command: Command) -> Result<(), String> {
    let row = row_of(command);
    if model.read_only && row.danger != Danger::None {
        return Err("this screen is read-only".to_owned());
    }
    (row.when)(model)
}

/// In the History pane, selects the environment of the selected run, because a rollback applies to that one.
pub(in crate::tui) fn select_environment_of_chosen_run(model: &mut Model) {
    if model.focus == Pane::History {
        let chosen = history::model::chosen(model).map(|run| run.plan.environment.clone());
        let at = model.environments.iter().position(|e| Some(&e.name) == chosen.as_ref());
        model.selected = at.unwrap_or(model.selected);
    }
}

pub(in crate::tui) fn deploy(model: &mut Model, key: Key) -> Vec<Effect> {
    pick(model, Purpose::Deploy, key)
}

pub(in crate::tui) fn clean_up(model: &mut Model, key: Key) -> Vec<Effect> {
    pick(model, Purpose::Cleanup, key)
}

pub(in crate::tui) fn skip(model: &mut Model, key: Key) -> Vec<Effect> {
    pick(model, Purpose::Skip, key)
}

pub(in crate::tui) fn switch(model: &mut Model, key: Key) -> Vec<Effect> {
    steer(model, key, questions::switch)
}

pub(in crate::tui) fn abort(model: &mut Model, key: Key) -> Vec<Effect> {
    steer(model, key, questions::abort)
}

pub(in crate::tui) fn retry(model: &mut Model, key: Key) -> Vec<Effect> {
    steer(model, key, questions::retry)
}

/// Rolls back the run under way. Without one, opens the picker of rollback targets.
pub(in crate::tui) fn roll_back(model: &mut Model, key: Key) -> Vec<Effect> {
    if model.here().is_some_and(|here| here.driven().is_some()) {
        return steer(model, key, questions::roll_back);
    }
    pick(model, Purpose::Rollback, key)
}

/// Opens the confirmation to enable automatic rollouts again.
pub(in crate::tui) fn allow_rollouts(model: &mut Model, key: Key) -> Vec<Effect> {
    if let Some(here) = model.here().cloned() {
        let asked = questions::allow_rollouts(&here);
        let ticket = model.open(Kind::Confirm(Box::new(asked)), Some(key));
        return vec![Effect::AskPushed(ticket, here.name)];
    }
    Vec::new()
}

/// Opens the confirmation of a command to the run under way.
fn steer(
    model: &mut Model,
    key: Key,
    question: fn(&Environment, &RunView) -> Confirm,
) -> Vec<Effect> {
    let asked = model.here().and_then(|here| Some(question(here, &here.driven()?.view)));
    if let Some(asked) = asked {
        confirm(model, asked, Some(key));
    }
    Vec::new()
}

/// A second `p` within this time counts as a held key.
const KEY_REPEAT_ENDS: std::time::Duration = std::time::Duration::from_secs(1);

/// Pauses or resumes the run under way. Needs no confirmation, because it does nothing else.
pub(in crate::tui) fn pause(model: &mut Model, _: Key) -> Vec<Effect> {
    let paused = |run: &RunSnapshot| matches!(run.view.state, RunState::Paused { .. });
    let Some(paused) = model.here().and_then(|here| here.driven()).map(paused) else {
        return Vec::new();
    };
    // A terminal that does not report repeats sends a held key again and again, and `p` is a toggle.
    if model.paused.is_some_and(|at| model.elapsed.saturating_sub(at) < KEY_REPEAT_ENDS) {
        return Vec::new();
    }
    model.paused = Some(model.elapsed);
    if paused {
        send(model, command::Command::Resume, "resuming…")
    } else {
        send(model, command::Command::Pause, "pausing before the next step…")
    }
}

/// Gives the waiting gate its full time again. Needs no confirmation, because nothing else changes.
pub(in crate::tui) fn extend(model: &mut Model, _: Key) -> Vec<Effect> {
    send(model, command::Command::Extend, "extending the gate…")
}

/// Tells others who takes care of what the run waits for. Needs no confirmation either.
pub(in crate::tui) fn claim(model: &mut Model, _: Key) -> Vec<Effect> {
    send(model, command::Command::Claim, "telling the others that you have it…")
}

/// Offers the run to another person. It is handed over only once a person accepts.
pub(in crate::tui) fn offer_run(model: &mut Model, _: Key) -> Vec<Effect> {
    send(model, command::Command::Offer, "offering the run…")
}

/// Opens the confirmation to drive an offered run.
pub(in crate::tui) fn accept(model: &mut Model, key: Key) -> Vec<Effect> {
    steer(model, key, questions::accept)
}

/// Sends a command that needs no confirmation to the run under way.
fn send(model: &mut Model, command: command::Command, told: &str) -> Vec<Effect> {
    let seen = |run: &RunSnapshot| (run.view.number, run.view.last_seq);
    let Some((number, seen)) = model.here().and_then(|here| here.driven()).map(seen) else {
        return Vec::new();
    };
    model.tell(told);
    vec![Effect::Send(model.ticket(), number, seen, command)]
}

fn pick(model: &mut Model, purpose: Purpose, key: Key) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else { return Vec::new() };
    let items = match purpose {
        Purpose::Deploy => offered(model, &here),
        _ => Vec::new(),
    };
    let selected = likely(model, &here, &items);
    let picker = Picker {
        selected,
        preferred: chosen_release(model).filter(|_| purpose == Purpose::Rollback),
        live: live(&here),
        about: (purpose == Purpose::Cleanup).then(|| (String::new(), clean_up_does(&here))),
        waits: (purpose == Purpose::Rollback).then_some("looking for rollback targets"),
        ..Picker::new(purpose, here.name.clone(), items)
    };
    let compare = picker.clone();
    let ticket = model.open(Kind::Pick(Box::new(picker)), Some(key));
    match purpose {
        Purpose::Deploy => {
            let compare = super::changes::ask(&compare, ticket);
            std::iter::once(Effect::Offer(ticket)).chain(compare).collect()
        }
        Purpose::Rollback => vec![Effect::FindTargets(ticket, here.name.clone())],
        _ => Vec::new(),
    }
}

/// What a clean-up does, in a sentence.
fn clean_up_does(here: &Environment) -> String {
    let of = |database: &DatabaseSnapshot| {
        let contracts = database.pending().filter(|row| {
            row.file.as_ref().is_some_and(|migration| migration.phase == migration::Phase::Contract)
        });
        let versions: Vec<_> = contracts.map(|row| row.version.to_string()).collect();
        (!versions.is_empty()).then(|| format!("{} {}", database.name, versions.join(", ")))
    };
    let contracts: Vec<_> = databases(here).iter().filter_map(of).collect();
    let then = "Stops BLUE and deletes the builds that no rollback needs";
    if contracts.is_empty() {
        return format!("{then}.");
    }
    let pending = contracts.join("; ");
    format!(
        "{then}, and applies the contract migrations that the live builds accept (pending: {pending})."
    )
}

/// The release of the run selected in the History pane.
fn chosen_release(model: &Model) -> Option<String> {
    let chosen = history::model::chosen(model).filter(|_| model.focus == Pane::History)?;
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
        let runs = model.panes.history.runs.iter().filter(|run| run.plan.environment == here.name);
        let bad =
            ReleaseLabel::new(label.clone()).ok().and_then(|label| marked_bad(runs, &label, None));
        let bad = bad.map(|run| format!("BAD: run {run} rolled it back"));
        let before = on.is_none() && bad.is_none() && was_live(model, here, label);
        let before = before.then(|| "was live here; B rolls back to it without a build".to_owned());
        on.into_iter().chain(bad).chain(before).collect::<Vec<_>>().join(" · ")
    };
    model.offered.iter().map(|label| Item::new(label.clone(), note(label))).collect()
}

/// Whether a release was promoted on an environment, according to the listed runs.
fn was_live(model: &Model, here: &Environment, label: &str) -> bool {
    let promoted = RunState::Ended { outcome: Outcome::Promoted };
    model.panes.history.runs.iter().any(|run| {
        let named = run.plan.release.as_ref().is_some_and(|release| release.as_str() == label);
        named && run.plan.environment == here.name && run.state == promoted
    })
}

/// The release that a deploy most likely means: the first offered one that was never live on the environment.
fn likely(model: &Model, here: &Environment, items: &[Item]) -> usize {
    let live = live(here);
    let new = |item: &Item| {
        let is_live = live.as_ref().is_some_and(|live| live.as_str() == item.value);
        !is_live && !was_live(model, here, &item.value)
    };
    items.iter().position(new).unwrap_or(0)
}

/// Adds the releases that appeared since the console started. The selected release stays selected.
pub(super) fn offer(model: &mut Model, ticket: Ticket, releases: Vec<String>) {
    model.offered = releases;
    let Some(here) = model.here().cloned() else { return };
    let items = offered(model, &here);
    let Some(picker) = picker_of(model, ticket).filter(|p| p.purpose == Purpose::Deploy) else {
        return;
    };
    let selected = picker.items.get(picker.selected).map(|item| item.value.clone());
    let at = |value: &String| items.iter().position(|item| item.value == *value);
    picker.selected = selected.as_ref().and_then(at).unwrap_or(0);
    picker.items = items;
    if !picker.typed().is_empty() {
        picker.narrow();
    }
}

pub(in crate::tui) fn question(
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

/// The state that a dialog is bound to: the number of the environment's run,
/// and the last fact that changed the run's state.
pub(in crate::tui) fn bound(here: &Environment) -> Option<(RunNumber, u64)> {
    here.run.as_ref().map(|run| (run.view.number, run.view.decided_at))
}

pub(in crate::tui) fn confirm(model: &mut Model, question: Confirm, key: Option<Key>) {
    model.open(Kind::Confirm(Box::new(question)), key);
}

/// Opens the confirmation of the selected choice for a run in doubt.
pub(in crate::tui) fn take_over(model: &mut Model, key: Key) -> Vec<Effect> {
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
            model.tell("still reading the platform");
            return Vec::new();
        }
    };
    let Some(choice) = doubt.choices.get(model.panes.deploy.choice).copied() else {
        return Vec::new();
    };
    if let Err(problem) = may_choose(&run.view, choice, &Identity::of(&model.actor)) {
        tell_problem(model, problem, Some(key));
        return Vec::new();
    }
    let lines = vec![
        format!("Run {}: {}.", run.view.number, choice.sentence(&run.view)),
        format!("Recorded  {}", doubt.recorded),
        format!("Observed  {}", doubt.observed),
    ];
    let action = Action::TakeOver(run.view.number, choice);
    let tier = here.protection.harder_of(run.view.plan.policy.protection);
    confirm(model, question(&here, tier, "Take the run over", lines, action), Some(key));
    Vec::new()
}

/// The age of the environment's data behind a confirmation, if it is too old.
pub(in crate::tui) fn too_old(model: &Model, asked: &Confirm) -> Option<std::time::Duration> {
    let here = model.environments.iter().find(|e| e.name == asked.environment)?;
    // A deploy reads the platform before it does anything, and its platform may start only with the deploy. A switch
    // needs a fresh observation, or it would be blind.
    let switches = asked.action.moves().is_some();
    match &here.seen {
        None if switches => Some(model.elapsed),
        Some((seen, at)) if switches && seen.unseen.is_some() => {
            Some(model.elapsed.saturating_sub(*at))
        }
        _ => here.stale(model.elapsed),
    }
}
