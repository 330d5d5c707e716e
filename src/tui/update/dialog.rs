//! Keys and answers inside a box (terminal.md 2.9).

use std::time::Duration;

use super::acts::{self, bound, confirm, question};
use super::tell_problem;
use super::text::{edit, insert};
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::event::Mark;
use crate::domain::gate::may_switch;
use crate::domain::plan::{Plan, RunKind};
use crate::domain::policy::Protection;
use crate::domain::readiness::Target;
use crate::domain::release::ReleaseLabel;
use crate::tui::effect::{Effect, Intent, Ticket};
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::dialog::{
    Action, Confirm, Dialog, Field, Item, Kind, Phase, Picker, Purpose,
};
use crate::tui::model::environments::RunSeen;
use crate::tui::model::messages::Level;

/// A y/N box hears nothing for so long, so that mashed keys cannot pass it.
const DEAF: Duration = Duration::from_millis(300);
/// The same key again within this is the keyboard's doing.
const AUTO_REPEAT: Duration = Duration::from_millis(40);

/// A key while a box is open.
pub(super) fn pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    let elapsed = model.elapsed;
    let Some(mut dialog) = model.dialog.take() else {
        return Vec::new();
    };
    let again = dialog.last_key.is_some_and(|(last, at)| {
        last.code == key.code && elapsed.saturating_sub(at) < AUTO_REPEAT
    });
    dialog.last_key = Some((key, elapsed));
    let mashed = key.repeat || again;
    let (kind, ticket) = (dialog.kind.clone(), dialog.ticket);
    match kind {
        Kind::Tell(_) => {
            let deaf = elapsed.saturating_sub(dialog.opened) < DEAF;
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
            // Only movements repeat; text is typed.
            let effects = if key.code == Code::Esc {
                return Vec::new();
            } else {
                picked(&mut picker, key, ticket, model, mashed)
            };
            // A picked skip has opened its own box.
            if model.dialog.is_none() {
                dialog.kind = Kind::Pick(picker);
                model.dialog = Some(dialog);
            }
            effects
        }
        Kind::Confirm(mut asked) => {
            let deaf = elapsed.saturating_sub(dialog.opened) < DEAF;
            let opener = dialog.opened_with.is_some_and(|k| k.code == key.code);
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
        // What was sent cannot be called back by closing the box; a blocked one asks nothing more.
        let closes = matches!(key.code, Code::Esc | Code::Enter) && asked.phase != Phase::Works;
        return if closes { Answer::No } else { Answer::Stay };
    }
    if asked.tier == Protection::Typed {
        return typed(asked, key);
    }
    match key.code {
        _ if unmeant => Answer::Stay,
        Code::Esc | Code::Enter | Code::Char('n') => Answer::No,
        Code::Char('y') if !opener => Answer::Yes,
        _ => {
            asked.hint = Some("y is yes; n, Enter and Esc are no".to_owned());
            Answer::Stay
        }
    }
}

/// The word, letter for letter.
fn typed(asked: &mut Confirm, key: Key) -> Answer {
    let wanted = asked.word();
    match key.code {
        Code::Esc => return Answer::No,
        Code::Enter if asked.input.value() == wanted => return Answer::Yes,
        Code::Enter => {
            let typed = asked.input.value();
            let missing = wanted.chars().count().saturating_sub(typed.chars().count());
            asked.hint = Some(if wanted.starts_with(typed) {
                format!("{missing} letters to go")
            } else {
                format!("that is not {wanted}; case counts")
            });
        }
        _ => drop(edit(&mut asked.input, key)),
    }
    Answer::Stay
}

fn picked(
    picker: &mut Picker,
    key: Key,
    ticket: Ticket,
    model: &mut Model,
    mashed: bool,
) -> Vec<Effect> {
    let fields = picker.fields();
    let at = fields.iter().position(|f| *f == picker.field).unwrap_or(0);
    match key.code {
        Code::Tab => picker.field = fields[(at + 1) % fields.len()],
        Code::BackTab => picker.field = fields[(at + fields.len() - 1) % fields.len()],
        Code::Enter if !mashed && picker.waits.is_none() => {
            picker.problem = None;
            return chosen(picker, ticket, model);
        }
        _ => match picker.field {
            Field::List => {
                let last = picker.items.len().saturating_sub(1);
                picker.selected = match key.code {
                    Code::Char('j') | Code::Down => (picker.selected + 1).min(last),
                    Code::Char('k') | Code::Up => picker.selected.saturating_sub(1),
                    Code::Char('g') | Code::Home => 0,
                    Code::Char('G') | Code::End => last,
                    _ => picker.selected,
                };
            }
            Field::Other => drop(edit(&mut picker.other, key)),
            Field::Reason => drop(edit(&mut picker.reason, key)),
        },
    }
    Vec::new()
}

/// Enter in a picker: asks whether that may begin.
fn chosen(picker: &mut Picker, ticket: Ticket, model: &mut Model) -> Vec<Effect> {
    let (environment, reason) = (picker.environment.clone(), picker.why());
    let label = match picker.other.value().trim() {
        "" => picker.items.get(picker.selected).map(|item| item.value.clone()),
        other => Some(other.to_owned()),
    };
    let release = label.map(ReleaseLabel::new).transpose();
    let intent = match (picker.purpose, release) {
        (Purpose::Skip, _) => return skip(picker, model),
        (Purpose::Note | Purpose::SetAside, _) => {
            return super::checklist::answered(picker, ticket, model);
        }
        (Purpose::Mute, _) => return super::health::muted(picker, ticket),
        (Purpose::Migrate | Purpose::Undo, _) => return super::schema::answered(picker, ticket),
        (Purpose::RollbackSchema, _) => return super::schema::chosen_way(picker, ticket),
        (Purpose::Cleanup, _) => Intent::Cleanup { environment, reason },
        (_, Err(problem)) => {
            picker.problem = Some(problem);
            return Vec::new();
        }
        (Purpose::Deploy, Ok(Some(release))) => Intent::Deploy { environment, release, reason },
        (Purpose::Rollback, Ok(Some(to))) => return super::schema::back(picker, &to, ticket),
        (_, Ok(None)) => {
            picker.problem = Some(Problem::new("there is nothing to choose here"));
            return Vec::new();
        }
    };
    picker.waits = Some("checking whether that may begin");
    vec![Effect::Propose(ticket, intent)]
}

fn skip(picker: &mut Picker, model: &mut Model) -> Vec<Effect> {
    let Some(reason) = picker.why() else {
        picker.problem = Some(Problem::new("a skip needs a reason").try_this("type it above"));
        return Vec::new();
    };
    let Some(here) = model.here().cloned() else {
        return Vec::new();
    };
    let Some(run) = here.driven() else {
        picker.problem = Some(Problem::new("nobody drives the run any more"));
        return Vec::new();
    };
    let step = run.view.state.step().map(ToString::to_string).unwrap_or_default();
    let lines = vec![
        format!("Leaves {step} of run {} out, and goes on.", run.view.number),
        format!("Reason, kept in the run: {reason}"),
    ];
    let command = Command::Skip { reason };
    let action = Action::Send(run.view.number, run.view.last_seq, command);
    let tier = here.protection.min_of(Protection::Confirm);
    confirm(model, question(&here, tier, "Skip the step", lines, action), None);
    Vec::new()
}

/// What a rollback could go to.
pub(super) fn targets(model: &mut Model, ticket: Ticket, targets: Result<Vec<Target>, Problem>) {
    let Some(picker) = picker_of(model, ticket) else {
        return;
    };
    picker.waits = None;
    match targets {
        Err(problem) => picker.problem = Some(problem),
        Ok(targets) => {
            let note = |target: &Target| {
                let mark = match target.mark {
                    Mark::Stable => "stable",
                    Mark::Bad => "marked BAD: needs a reason",
                    Mark::Cleared => "was bad, cleared",
                };
                let usual = if target.usual { ", what served before" } else { "" };
                format!("{mark}{usual}{}", super::schema::note(target))
            };
            picker.items = targets
                .iter()
                .map(|t| Item { value: t.release.to_string(), note: note(t) })
                .collect();
            let preferred = |item: &Item| Some(&item.value) == picker.preferred.as_ref();
            picker.selected = picker.items.iter().position(preferred).unwrap_or(0);
            picker.targets = targets;
            if picker.items.is_empty() {
                let problem = Problem::new("there is nothing to roll back to");
                picker.problem = Some(
                    problem.because("no other release has served here, as far as this store knows"),
                );
            }
        }
    }
}

/// A plan that may begin: the question. Or why not, in the picker.
pub(super) fn proposed(
    model: &mut Model,
    ticket: Ticket,
    proposed: Result<(Box<Plan>, String), Problem>,
) {
    let here = model.here().cloned();
    let Some(picker) = picker_of(model, ticket) else {
        return;
    };
    picker.waits = None;
    let (plan, what) = match proposed {
        Ok(proposal) => proposal,
        Err(problem) => {
            picker.problem = Some(problem);
            return;
        }
    };
    let Some(here) = here.filter(|here| here.name == plan.environment) else {
        return;
    };
    let title = picker.purpose.act();
    let mut lines = vec![what];
    let services = plan.members.iter().filter(|_| plan.kind != RunKind::Migrate);
    lines.extend(services.map(|m| format!("  {}  {}", m.service(), m.url)));
    if let Some(reason) = &plan.reason {
        lines.push(format!("Reason, kept in the run: {reason}"));
    }
    if plan.ask_at_gates {
        lines.push("Traffic moves only after its gate was opened with T.".to_owned());
    }
    let tier = here.protection.harder_of(plan.policy.protection);
    let question = question(&here, tier, title, lines, Action::Start(plan));
    confirm(model, question, None);
}

fn picker_of(model: &mut Model, ticket: Ticket) -> Option<&mut Picker> {
    match model.dialog.as_mut()? {
        Dialog { kind: Kind::Pick(picker), ticket: of, .. } if *of == ticket => Some(picker),
        _ => None,
    }
}

/// An act came out. The box closes only now; a failure is told in its place.
pub(super) fn done(
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
        // A box of somebody's next act is not pushed aside.
        Err(problem) => model.say(Level::Error, problem.to_string()),
    }
    Vec::new()
}

/// The world changed: what was half typed was meant for the world before.
pub(super) fn recheck(model: &mut Model) {
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
    // Going back means the same as long as there is something to go back from.
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
        let approves = matches!(asked.action, Action::Send(_, _, Command::Approve));
        let moved = |run: &RunSeen| match may_switch(&run.view).err().filter(|_| approves) {
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

/// A paste: into a line of text it goes letter by letter, into a question it does not go.
pub(super) fn pasted(model: &mut Model, text: &str) {
    let Some(dialog) = model.dialog.as_mut() else {
        model.tell("paste is off here: keys act, and a paste is not keys");
        return;
    };
    match &mut dialog.kind {
        Kind::Confirm(asked) => asked.hint = Some("paste is off here".to_owned()),
        Kind::Pick(picker) => {
            let input = match picker.field {
                Field::List => return,
                Field::Other => &mut picker.other,
                Field::Reason => &mut picker.reason,
            };
            insert(input, text);
        }
        Kind::Tell(_) | Kind::Quit => {}
    }
}
