//! Keys and results in a dialog (`docs/internals/screen.md`, Keys).

use std::time::Duration;

use super::acts::{self, bound, confirm, question};
use super::picker;
use super::program::tell_problem;
use super::text::{edit, insert};
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::gate::may_switch;
use crate::domain::guard::Refused;
use crate::domain::plan::{Plan, RunKind};
use crate::domain::policy::Protection;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, Confirm, Dialog, Field, Kind, NOT_UNDONE, Phase, Purpose};
use crate::tui::model::environments::RunSnapshot;
use crate::tui::model::messages::Level;

/// Time for which a new dialog ignores keys, so that mashed keys cannot confirm it.
const IGNORE_KEYS_FOR: Duration = Duration::from_millis(300);
/// The same key again within this time counts as auto-repeat.
const AUTO_REPEAT: Duration = Duration::from_millis(40);

/// Handles a key while a dialog is open.
pub(in crate::tui) fn pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    let elapsed = model.elapsed;
    let Some(mut dialog) = model.dialog.take() else {
        return Vec::new();
    };
    let again = dialog.last_key.is_some_and(|(last, at)| {
        last.code == key.code && elapsed.saturating_sub(at) < AUTO_REPEAT
    });
    dialog.last_key = Some((key, elapsed));
    let mashed = key.repeat || again;
    let opener = dialog.opened_with.is_some_and(|k| k.code == key.code);
    let (kind, ticket) = (dialog.kind.clone(), dialog.ticket);
    match kind {
        Kind::Tell(_) => {
            let deaf = elapsed.saturating_sub(dialog.opened) < IGNORE_KEYS_FOR;
            let closes = matches!(key.code, Code::Esc | Code::Enter) && !mashed && !deaf;
            model.dialog = (!closes).then_some(dialog);
            Vec::new()
        }
        Kind::Quit => {
            let stays = matches!(key.code, Code::Esc | Code::Enter | Code::Char('s'));
            if key.code == Code::Char('d') && !mashed {
                return vec![Effect::Quit];
            }
            model.dialog = (!stays).then_some(dialog);
            Vec::new()
        }
        Kind::Pick(mut picker) => {
            // Repeated keys may move and type, but not confirm.
            let effects = if key.code == Code::Esc {
                return Vec::new();
            } else {
                picker::picked(&mut picker, key, ticket, model, (mashed, opener))
            };
            // A chosen skip has opened its own confirmation.
            if model.dialog.is_none() {
                dialog.kind = Kind::Pick(picker);
                model.dialog = Some(dialog);
            }
            effects
        }
        Kind::Confirm(mut asked) => {
            let deaf = elapsed.saturating_sub(dialog.opened) < IGNORE_KEYS_FOR;
            let keep = answered(&mut asked, key, deaf || mashed, opener);
            match keep {
                Answer::No => Vec::new(),
                Answer::Stay => {
                    dialog.kind = Kind::Confirm(asked);
                    model.dialog = Some(dialog);
                    Vec::new()
                }
                Answer::Yes
                    if asked.action.is_new_risk() && acts::too_old(model, &asked).is_some() =>
                {
                    let age = acts::too_old(model, &asked).unwrap_or_default().as_secs();
                    asked.hint = Some(format!("what is shown is {age} s old; looking again first"));
                    let name = asked.environment.clone();
                    dialog.kind = Kind::Confirm(asked);
                    model.dialog = Some(dialog);
                    vec![Effect::Look(name)]
                }
                Answer::Yes => {
                    asked.phase = Phase::Works;
                    let effect = match asked.action.clone() {
                        Action::Start(plan) => Effect::Start(ticket, plan),
                        Action::Send(run, seen, command) => {
                            Effect::Send(ticket, run, seen, command)
                        }
                        Action::TakeOver(run, choice) => Effect::TakeOver(ticket, run, choice),
                        Action::Accept(run) => Effect::Accept(ticket, run),
                        Action::CustomCommands(act) => {
                            Effect::CustomCommands(ticket, asked.environment.clone(), act)
                        }
                        Action::AllowRollouts => {
                            Effect::AllowRollouts(ticket, asked.environment.clone())
                        }
                        Action::Pipeline(act) => {
                            Effect::Pipeline(ticket, asked.environment.clone(), act)
                        }
                    };
                    dialog.kind = Kind::Confirm(asked);
                    model.dialog = Some(dialog);
                    vec![effect]
                }
            }
        }
    }
}

enum Answer {
    Yes,
    No,
    Stay,
}

fn answered(asked: &mut Confirm, key: Key, unmeant: bool, opener: bool) -> Answer {
    asked.hint = None;
    if asked.phase != Phase::Asks {
        // Closing the dialog cannot cancel a sent command; a blocked dialog can only be closed.
        let closes = matches!(key.code, Code::Esc | Code::Enter) && asked.phase != Phase::Works;
        return if closes { Answer::No } else { Answer::Stay };
    }
    if asked.tier == Protection::Typed {
        return typed(asked, key);
    }
    match key.code {
        Code::Char('y') if unmeant && !opener => {
            asked.hint = Some("too early to be an answer; press y again for yes".to_owned());
            Answer::Stay
        }
        _ if unmeant => Answer::Stay,
        Code::Esc | Code::Enter | Code::Char('n') => Answer::No,
        Code::Char('y') if !opener => Answer::Yes,
        _ => {
            asked.hint = Some("y: yes; n, Enter, Esc: no".to_owned());
            Answer::Stay
        }
    }
}

/// Handles a key of a typed confirmation, whose text must match exactly.
fn typed(asked: &mut Confirm, key: Key) -> Answer {
    let wanted = asked.label();
    match key.code {
        Code::Esc => return Answer::No,
        Code::Enter if asked.input.value() == wanted => return Answer::Yes,
        Code::Enter => {
            let typed = asked.input.value();
            let missing = wanted.chars().count().saturating_sub(typed.chars().count());
            asked.hint = Some(if wanted.starts_with(typed) {
                format!("{missing} more to type")
            } else {
                format!("that is not {wanted}; case counts")
            });
        }
        _ => drop(edit(&mut asked.input, key)),
    }
    Answer::Stay
}

/// Opens the confirmation of a plan that may start, or shows in the picker why it may not.
pub(in crate::tui) fn proposed(
    model: &mut Model,
    ticket: Ticket,
    proposed: Result<(Box<Plan>, String), Refused>,
) {
    let here = model.here().cloned();
    let Some(picker) = picker::picker_of(model, ticket) else {
        return;
    };
    picker.waits = None;
    let (plan, what) = match proposed {
        Ok(proposal) => proposal,
        Err(Refused { problem, guards }) if guards.is_empty() => {
            picker.problem = Some(problem);
            return;
        }
        // Each guard is overridden on its own line; earlier overrides are kept.
        Err(Refused { guards, .. }) => {
            let accepted = picker.guards.iter().filter(|(_, yes)| *yes).cloned();
            let news = guards.into_iter().map(|met| (met, false));
            picker.guards = accepted.chain(news).collect();
            picker.field = Field::Guards;
            picker.guard = picker.guards.iter().position(|(_, yes)| !yes).unwrap_or(0);
            return;
        }
    };
    let Some(here) = here.filter(|here| here.name == plan.environment) else {
        return;
    };
    let offered = |label: &str| picker.items.iter().any(|item| item.value == label);
    let title = picker.purpose.act();
    let mut lines = vec![what];
    let release = plan.release.as_ref().map(ToString::to_string).unwrap_or_default();
    if picker.purpose == Purpose::Deploy && !picker.items.is_empty() && !offered(&release) {
        lines.push(format!("{release} was typed: it is not in the list of releases."));
    }
    let services = plan.members.iter().filter(|_| plan.kind != RunKind::Migrate);
    lines.extend(services.map(|m| format!("  {}  {}", m.service(), m.url)));
    if plan.kind == RunKind::Rollback {
        lines.push(NOT_UNDONE.to_owned());
    }
    if let Some(reason) = &plan.reason {
        lines.push(format!("Reason, kept in the run: {reason}"));
    }
    if plan.ask_at_gates {
        let people = plan.policy.approvals.as_ref().map_or(1, |rule| rule.people);
        lines.push(match people {
            1 => "Traffic moves only after its gate was opened with T.".to_owned(),
            people => format!("Traffic moves only after {people} people approved with T."),
        });
    }
    if model.connection_alone {
        lines.push(dropped(&plan).to_owned());
        lines.push("Inside tmux the screen would be kept too: n, then start it there.".to_owned());
    }
    let tier = here.protection.harder_of(plan.policy.protection);
    let question = question(&here, tier, title, lines, Action::Start(plan));
    confirm(model, question, None);
}

/// What happens to the run if the connection drops.
fn dropped(plan: &Plan) -> &'static str {
    if plan.ask_at_gates {
        "If this connection drops, the run holds at its next gate."
    } else {
        "If this connection drops, the run continues without a screen."
    }
}

/// Adds lines to an open confirmation.
pub(in crate::tui) fn told(model: &mut Model, ticket: Ticket, lines: Vec<String>) {
    if let Some(Dialog { kind: Kind::Confirm(asked), ticket: of, .. }) = model.dialog.as_mut()
        && *of == ticket
    {
        asked.lines.extend(lines);
    }
}

/// Takes the result of an action, and closes its dialog. A failure is shown in a new dialog.
pub(in crate::tui) fn done(
    model: &mut Model,
    ticket: Ticket,
    done: Result<String, Problem>,
) -> Vec<Effect> {
    let ours = model.dialog.as_ref().is_some_and(|dialog| dialog.ticket == ticket);
    if ours {
        model.dialog = None;
    }
    match done {
        Ok(said) => model.tell(said),
        Err(problem) if model.dialog.is_none() => tell_problem(model, problem, None),
        // Do not replace the dialog of the user's next action.
        Err(problem) => model.say(Level::Error, problem.to_string()),
    }
    Vec::new()
}

/// Blocks an open confirmation if its environment changed, and clears the
/// typed text, which was meant for the old state.
pub(in crate::tui) fn recheck(model: &mut Model) {
    let here = model.here().cloned();
    let Some(Dialog { kind: Kind::Confirm(asked), .. }) = model.dialog.as_mut() else {
        return;
    };
    let Some(here) = here.filter(|here| here.name == asked.environment) else {
        return;
    };
    if asked.phase != Phase::Asks {
        return;
    }
    let starts = matches!(asked.action, Action::Start(_));
    // A rollback stays valid as long as it has a target.
    let same_run = here
        .driven()
        .map(|run| &run.view)
        .filter(|view| asked.bound.is_some_and(|(number, _)| number == view.number));
    let goes_back = matches!(asked.action, Action::Send(_, _, Command::Rollback));
    if goes_back && same_run.is_some_and(|view| view.can_go_back() && !view.gives_back()) {
        return;
    }
    let changed = if bound(&here) == asked.bound {
        here.lock.as_ref().filter(|_| starts).map(|lock| format!("it is locked: {lock}"))
    } else {
        let approves = matches!(asked.action, Action::Send(_, _, Command::Approve(_)));
        let moved = |run: &RunSnapshot| match may_switch(&run.view).err().filter(|_| approves) {
            Some(problem) => format!("BLOCKED: {problem}"),
            None => format!("run {} is now {}", run.view.number, run.view.state.sentence()),
        };
        Some(here.run.as_ref().map_or("it has no run".to_owned(), moved))
    };
    if let Some(now) = changed {
        asked.input.reset();
        asked.phase = Phase::Blocked(format!("{}: {now}", here.name));
    }
}

/// Handles a paste: inputs of a picker accept it, confirmations refuse it.
pub(in crate::tui) fn pasted(model: &mut Model, text: &str) {
    let Some(dialog) = model.dialog.as_mut() else {
        model.tell("paste is off here: keys act, and a paste is not keys");
        return;
    };
    match &mut dialog.kind {
        Kind::Confirm(asked) => asked.hint = Some("paste is off here".to_owned()),
        Kind::Pick(picker) => match picker.field {
            Field::List | Field::Guards => {}
            Field::Other => {
                insert(&mut picker.other, text);
                picker.forget_guards();
                picker.narrow();
            }
            Field::Reason => insert(&mut picker.reason, text),
        },
        Kind::Tell(_) | Kind::Quit => {}
    }
}
