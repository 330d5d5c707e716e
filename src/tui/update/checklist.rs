//! The Checklists pane: ticking, and setting aside with a reason.

use crate::domain::checklist::{Act, Item, List, Standing, may_act};
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::model::checklist::{last_own, markdown, rows};
use crate::tui::model::dialog::{self, Kind, Picker, Purpose};

/// The selected item, how it stands, and the run that it is about.
fn chosen(model: &Model) -> Option<(RunNumber, Item, Standing)> {
    let here = model.here()?;
    let run = here.run.as_ref()?.view.number;
    let rows = rows(here, model.now);
    let shown = model.checklist.shown(&rows);
    let (item, seen) = shown.get(model.checklist.selected)?;
    Some((run, (*item).clone(), seen.standing))
}

/// Carries a command of the pane out.
pub(super) fn go(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    if command == Command::OpenOnly {
        model.checklist.open_only = !model.checklist.open_only;
        model.checklist.selected = 0;
        return Vec::new();
    }
    if model.read_only {
        model.tell("this screen is read-only");
        return Vec::new();
    }
    if command == Command::Untick {
        return take_back(model);
    }
    let Some((run, item, standing)) = chosen(model) else {
        model.tell("there is no item to tick: D begins a run");
        return Vec::new();
    };
    let act = if command == Command::SetAside { Act::Override } else { Act::Tick };
    let view = model.here().and_then(|here| here.run.as_ref()).map(|run| run.view.clone());
    // With a reason to come: whether it may be done at all.
    if let Err(problem) = may_act(&item, act, "to come", view.as_ref()) {
        model.tell(problem.to_string());
        return Vec::new();
    }
    match command {
        Command::Tick if standing == Standing::Done => {
            model.tell("it is ticked; u takes your last tick back");
            Vec::new()
        }
        Command::Tick => {
            let ticket = model.ticket();
            down(model, 1);
            vec![Effect::Tick(ticket, run, item.id, Act::Tick, String::new())]
        }
        Command::TickWithNote => ask(model, Purpose::Note, &item, key),
        _ => ask(model, Purpose::SetAside, &item, key),
    }
}

fn take_back(model: &mut Model) -> Vec<Effect> {
    let found = model.here().and_then(|here| {
        let run = here.run.as_ref()?.view.number;
        Some((run, last_own(here, &model.actor)?))
    });
    let Some((run, item)) = found else {
        model.tell("the last tick here is not yours");
        return Vec::new();
    };
    vec![Effect::Tick(model.ticket(), run, item, Act::Untick, String::new())]
}

/// Opens the box for a note, or for a reason.
fn ask(model: &mut Model, purpose: Purpose, item: &Item, key: Key) -> Vec<Effect> {
    let Some(environment) = model.here().map(|here| here.name.clone()) else { return Vec::new() };
    let way = |act: Act, note: &str| dialog::Item::new(act.label(), note);
    let items = match purpose {
        Purpose::SetAside => vec![
            way(Act::Override, "override it"),
            way(Act::NotApplicable, "it means nothing for this release"),
        ],
        _ => Vec::new(),
    };
    let about = Some((item.id.clone(), item.text.clone()));
    let picker = Picker { about, ..Picker::new(purpose, environment, items) };
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

/// Enter in that box.
pub(super) fn answered(picker: &mut Picker, ticket: Ticket, model: &Model) -> Vec<Effect> {
    let run = model.here().filter(|here| here.name == picker.environment);
    let run = run.and_then(|here| here.run.as_ref()).map(|run| run.view.number);
    let (Some(run), Some((item, _))) = (run, picker.about.clone()) else {
        picker.problem = Some(Problem::new("the run is not the one of before"));
        return Vec::new();
    };
    let act = match (picker.purpose, picker.selected) {
        (Purpose::SetAside, 0) => Act::Override,
        (Purpose::SetAside, _) => Act::NotApplicable,
        _ => Act::Tick,
    };
    let Some(note) = picker.reason() else {
        let what = if act == Act::Tick { "a note" } else { "a reason" };
        let problem = Problem::new(format!("this needs {what}"));
        picker.problem = Some(problem.try_this("Tab, and type it"));
        return Vec::new();
    };
    picker.waits = Some("keeping it");
    vec![Effect::Tick(ticket, run, item, act, note)]
}

/// By that many items.
pub(super) fn down(model: &mut Model, by: isize) {
    let last = model.here().map_or(0, |here| {
        let rows = rows(here, model.now);
        model.checklist.shown(&rows).len().saturating_sub(1)
    });
    model.checklist.selected = model.checklist.selected.saturating_add_signed(by).min(last);
}

/// The lists, for the clipboard.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    let text = model.here().map(|here| markdown(&rows(here, model.now))).unwrap_or_default();
    if text.is_empty() {
        model.tell("there is no list to copy");
        return Vec::new();
    }
    let lines = text.lines().count();
    vec![Effect::Copy(text, lines)]
}

/// To the first open item of the list that the run waits at.
pub(super) fn to_open(model: &mut Model, list: List) {
    model.checklist.open_only = false;
    let at = model.here().and_then(|here| {
        let rows = rows(here, model.now);
        let open = |(item, seen): &(&Item, _)| {
            let seen: &crate::domain::checklist::ItemStatus = seen;
            item.list == list && item.required && !seen.standing.settled()
        };
        rows.iter().position(open)
    });
    model.checklist.selected = at.unwrap_or(model.checklist.selected);
}
