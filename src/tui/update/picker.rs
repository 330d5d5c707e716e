//! Keys and results in a picker.

use super::acts::{confirm, question};
use super::changes;
use super::text::edit;
use crate::domain::command::Command;
use crate::domain::error::Problem;
use crate::domain::event::Mark;
use crate::domain::policy::Protection;
use crate::domain::readiness::Target;
use crate::domain::release::ReleaseLabel;
use crate::tui::effect::{Effect, Intent, Ticket};
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, Dialog, Field, Item, Kind, Picker, Purpose};
use crate::tui::panes::{checklists, health, migrations};

/// Handles a key in a picker. `mashed` tells a repeated key, `opener` the key that opened the picker.
pub(in crate::tui) fn picked(
    picker: &mut Picker,
    key: Key,
    ticket: Ticket,
    model: &mut Model,
    (mashed, opener): (bool, bool),
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
            Field::List | Field::Other => {
                let before = picker.value().map(str::to_owned);
                if !moved(picker, key) {
                    match picker.field {
                        // Pressed again while the box was slow to open.
                        Field::List if opener => {}
                        Field::List => typed_in_list(picker, key),
                        _ => narrowed(picker, key),
                    }
                }
                if picker.value().map(str::to_owned) != before {
                    picker.forget_guards();
                    return changes::ask(picker, ticket).into_iter().collect();
                }
            }
            Field::Guards => guards(picker, key),
            Field::Reason => drop(edit(&mut picker.reason, key)),
        },
    }
    Vec::new()
}

/// Moves the selection, and says whether the key does that. Letters move only while nothing is typed.
fn moved(picker: &mut Picker, key: Key) -> bool {
    let rows = picker.choices();
    let at = rows.iter().position(|row| *row == picker.choice()).unwrap_or(0);
    let letters = picker.field == Field::List;
    let last = rows.len().saturating_sub(1);
    let to = match key.code {
        Code::Down => at + 1,
        Code::Up => at.saturating_sub(1),
        Code::Char('j') if letters => at + 1,
        Code::Char('k') if letters => at.saturating_sub(1),
        Code::Char('g') | Code::Home if letters => 0,
        Code::Char('G') | Code::End if letters => last,
        _ => return false,
    };
    if let Some(row) = rows.get(to.min(last)) {
        picker.select(*row);
    }
    true
}

/// A letter that the list does not use begins what can be typed: a release, or else the reason.
fn typed_in_list(picker: &mut Picker, key: Key) {
    let Code::Char(letter) = key.code else { return };
    if key.ctrl || key.alt || letter == ' ' {
        return;
    }
    let fields = picker.fields();
    let Some(field) = [Field::Other, Field::Reason].into_iter().find(|f| fields.contains(f)) else {
        return;
    };
    picker.field = field;
    if field == Field::Other {
        narrowed(picker, key);
    } else {
        edit(&mut picker.reason, key);
    }
}

/// Edits the typed release, and selects the best row for it.
fn narrowed(picker: &mut Picker, key: Key) {
    let before = picker.typed().to_owned();
    edit(&mut picker.other, key);
    if picker.typed() != before {
        picker.narrow();
    }
}

/// Handles a key in the list of guards, each of which is overridden separately.
fn guards(picker: &mut Picker, key: Key) {
    let last = picker.guards.len().saturating_sub(1);
    match key.code {
        Code::Char('j') | Code::Down => picker.guard = (picker.guard + 1).min(last),
        Code::Char('k') | Code::Up => picker.guard = picker.guard.saturating_sub(1),
        Code::Char(' ') if !key.repeat => {
            if let Some((_, accepted)) = picker.guards.get_mut(picker.guard) {
                *accepted = !*accepted;
            }
        }
        _ => {}
    }
}

/// Handles Enter in a picker: requests a plan, or runs the action of its purpose.
fn chosen(picker: &mut Picker, ticket: Ticket, model: &mut Model) -> Vec<Effect> {
    let environment = picker.environment.clone();
    let why = match picker.why() {
        Ok(why) => why,
        Err(problem) => {
            picker.problem = Some(problem);
            return Vec::new();
        }
    };
    let release = picker.value().map(|label| ReleaseLabel::new(label.to_owned())).transpose();
    let intent = match (picker.purpose, release) {
        (Purpose::Skip, _) => return skip(picker, model),
        (Purpose::Note | Purpose::Override, _) => {
            return checklists::update::answered(picker, ticket, model);
        }
        (Purpose::Mute, _) => return health::update::muted(picker, ticket),
        (Purpose::Migrate | Purpose::Undo, _) => {
            return migrations::update::answered(picker, ticket);
        }
        (Purpose::RollbackSchema, _) => return migrations::update::chosen_way(picker, ticket),
        (Purpose::Cleanup, _) => Intent::Cleanup { environment, why },
        (_, Err(problem)) => {
            picker.problem = Some(problem);
            return Vec::new();
        }
        (Purpose::Deploy, Ok(Some(release))) => Intent::Deploy { environment, release, why },
        (Purpose::Rollback, Ok(Some(to))) => return migrations::update::back(picker, &to, ticket),
        (_, Ok(None)) => {
            picker.problem = Some(Problem::new("there is nothing to choose here"));
            return Vec::new();
        }
    };
    picker.waits = Some("checking whether that may begin");
    vec![Effect::Propose(ticket, intent)]
}

fn skip(picker: &mut Picker, model: &mut Model) -> Vec<Effect> {
    let Some(reason) = picker.reason() else {
        picker.problem = Some(Problem::new("a skip needs a reason").try_this("type it above"));
        return Vec::new();
    };
    let Some(here) = model.here().cloned() else {
        return Vec::new();
    };
    let Some(run) = here.driven() else {
        picker.problem = Some(Problem::new("the run has no driver any more"));
        return Vec::new();
    };
    let step = run.view.state.step().map(ToString::to_string).unwrap_or_default();
    let lines = vec![
        format!("Skips {step} of run {}, and continues.", run.view.number),
        format!("Reason, kept in the run: {reason}"),
    ];
    let command = Command::Skip { reason };
    let action = Action::Send(run.view.number, run.view.last_seq, command);
    let tier = here.protection.min_of(Protection::Confirm);
    confirm(model, question(&here, tier, "Skip the step", lines, action), None);
    Vec::new()
}

/// Takes the rollback targets.
pub(in crate::tui) fn targets(
    model: &mut Model,
    ticket: Ticket,
    targets: Result<Vec<Target>, Problem>,
) {
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
                    Mark::Bad => "marked BAD: needs an override",
                    Mark::Cleared => "was bad, cleared",
                };
                let usual = if target.usual { ", previous" } else { "" };
                format!("{mark}{usual}{}", migrations::update::note(target))
            };
            picker.items =
                targets.iter().map(|t| Item::new(t.release.to_string(), note(t))).collect();
            let preferred = |item: &Item| Some(&item.value) == picker.preferred.as_ref();
            picker.selected = picker.items.iter().position(preferred).unwrap_or(0);
            picker.targets = targets;
            if !picker.typed().is_empty() {
                picker.narrow();
            }
            if picker.items.is_empty() {
                let problem = Problem::new("there is nothing to roll back to");
                picker.problem = Some(
                    problem.because("no other release has served here, as far as this store knows"),
                );
            }
        }
    }
}

/// The picker that made a request, if it is still open.
pub(in crate::tui) fn picker_of(model: &mut Model, ticket: Ticket) -> Option<&mut Picker> {
    match model.dialog.as_mut()? {
        Dialog { kind: Kind::Pick(picker), ticket: of, .. } if *of == ticket => Some(picker),
        _ => None,
    }
}
