//! The confirmations of commands to a run.

use super::question;
use crate::domain::command::Command;
use crate::domain::health::Verdict;
use crate::domain::ids::ServiceName;
use crate::domain::plan::Member;
use crate::domain::policy::Protection;
use crate::domain::view::{RunView, ServiceView};
use crate::tui::model::dialog::{Action, Confirm};
use crate::tui::model::environments::Environment;

fn asks(
    here: &Environment,
    view: &RunView,
    tier: Protection,
    title: &str,
    lines: Vec<String>,
    command: Command,
) -> Confirm {
    let action = Action::Send(view.number, view.last_seq, command);
    question(here, tier, title, lines, action)
}

/// The stricter protection of the environment and of the run's plan: the
/// config may have changed since the run was planned.
fn protection(here: &Environment, view: &RunView) -> Protection {
    here.protection.harder_of(view.plan.policy.protection)
}

fn release(view: &RunView) -> String {
    view.plan.name().map_or("-".to_owned(), |name| name.to_string())
}

pub(super) fn switch(here: &Environment, view: &RunView) -> Confirm {
    let mut lines = vec![format!("Switches all traffic of {} to {}:", here.name, release(view))];
    lines.extend(approvals(view));
    lines.extend(services(view));
    lines.extend(besides_code(view));
    lines.push(undo_after(view));
    lines.push("Not undone by that: what the new release writes and sends meanwhile".into());
    asks(here, view, protection(here, view), "Switch traffic to GREEN", lines, Command::approve())
}

/// What this approval adds to those given, where a rule counts them.
fn approvals(view: &RunView) -> Option<String> {
    let (missing, told) = (view.approvals_missing()?, view.approvals_sentence()?);
    let then = match missing {
        0 | 1 => "yours is the last".to_owned(),
        more => format!("after yours, {} more people", more - 1),
    };
    Some(format!("{told}; {then}"))
}

/// Maximum changes named in the question.
const CHANGES_NAMED: usize = 6;

/// What changes besides code.
fn besides_code(view: &RunView) -> Vec<String> {
    let changes = view.config_changes();
    let each = changes.iter().take(CHANGES_NAMED);
    let mut lines: Vec<_> =
        each.map(|(service, change)| format!("Besides code: {service} {change}")).collect();
    if changes.len() > CHANGES_NAMED {
        let more = changes.len() - CHANGES_NAMED;
        lines.push(format!("… and {more} more: Enter on the gate's step shows them all"));
    }
    lines
}

pub(super) fn roll_back(here: &Environment, view: &RunView) -> Confirm {
    let release = release(view);
    let mut lines = vec![format!("Rolls traffic of {} back from {release}:", here.name)];
    lines.extend(services(view));
    lines.push(format!("{release} is marked bad; its builds stay"));
    asks(here, view, protection(here, view), "Roll back", lines, Command::Rollback)
}

pub(super) fn abort(here: &Environment, view: &RunView) -> Confirm {
    let lines = vec![
        format!("Ends run {} at its next safe point; it cannot be resumed.", view.number),
        "Traffic has not moved, and does not: customers notice nothing.".to_owned(),
        "The new builds stay, without traffic.".to_owned(),
    ];
    let tier = protection(here, view).min_of(Protection::Confirm);
    asks(here, view, tier, "Abort the run", lines, Command::Abort { now: false })
}

pub(super) fn accept(here: &Environment, view: &RunView) -> Confirm {
    let by = view.offered.as_deref().unwrap_or("no one");
    let lines = vec![
        format!("Run {} is offered by {by}.", view.number),
        "This machine drives it once its current step is over: keep it switched on until the run ends.".to_owned(),
        "Traffic is not touched by that.".to_owned(),
    ];
    question(here, protection(here, view), "Take the run", lines, Action::Accept(view.number))
}

pub(super) fn retry(here: &Environment, view: &RunView) -> Confirm {
    let step = view.state.step().map(ToString::to_string).unwrap_or_default();
    let lines = vec![format!("Tries {step} again, with the same builds.")];
    asks(here, view, Protection::Open, "Retry", lines, Command::Retry)
}

/// One line per service: its BLUE and GREEN builds, and the verdict on GREEN.
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
                let word = match verdict {
                    Verdict::Pass => "GREEN healthy",
                    Verdict::Fail => "GREEN NOT healthy",
                    Verdict::Inconclusive => "GREEN NOT known to be healthy",
                };
                format!("{word}{at}")
            }
            None => "GREEN was not probed".to_owned(),
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
        "Undo: none for a service that had no live build before".to_owned()
    }
}

pub(super) fn allow_rollouts(here: &Environment) -> Confirm {
    let lines = vec![
        format!("Enables automatic rollouts of {}.", here.held().join(", ")),
        "The next push is built and goes live by itself, whatever it contains.".to_owned(),
        "Only runs of this store are known: if one of another machine is under way, it disabled \
         them on purpose."
            .to_owned(),
    ];
    question(here, here.protection, "Allow automatic rollouts", lines, Action::AllowRollouts)
}
