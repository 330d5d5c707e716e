//! The Checklists pane: ticks, notes, and overrides with a reason.

use crate::domain::checklist::{Act, Item, List, Standing, may_act};
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::keys::Key;
use crate::tui::list;
use crate::tui::model::Model;
use crate::tui::model::dialog::{self, Kind, Picker, Purpose};
use crate::tui::panes::Pane;
use crate::tui::panes::checklists::model::{last_own, markdown, rows, shown};

/// The run, the selected item and the state of the item.
fn chosen(model: &Model) -> Option<(RunNumber, Item, Standing)> {
    let here = model.here()?;
    let run = here.run.as_ref()?.view.number;
    let shown = shown(model, here);
    let (item, seen) = shown.get(model.chosen(Pane::Checklists)?)?;
    Some((run, (*item).clone(), seen.standing))
}

pub(in crate::tui) fn open_only(model: &mut Model) -> Vec<Effect> {
    model.panes.checklists.open_only = !model.panes.checklists.open_only;
    Vec::new()
}

/// The selected item, if the user may do this to it now; otherwise shows why not.
fn permitted(model: &mut Model, act: Act) -> Option<(RunNumber, Item, Standing)> {
    let Some(found) = chosen(model) else {
        model.tell("there is no item to tick: D begins a run");
        return None;
    };
    let view = model.here().and_then(|here| here.run.as_ref()).map(|run| run.view.clone());
    // The reason comes later: check with a placeholder whether the action is allowed at all.
    if let Err(problem) = may_act(&found.1, act, "to come", view.as_ref()) {
        model.tell(problem.to_string());
        return None;
    }
    Some(found)
}

pub(in crate::tui) fn tick(model: &mut Model) -> Vec<Effect> {
    let Some((run, item, standing)) = permitted(model, Act::Tick) else { return Vec::new() };
    if standing == Standing::Done {
        model.tell("it is ticked; u takes your last tick back");
        return Vec::new();
    }
    let ticket = model.ticket();
    list::update::scroll(model, Pane::Checklists, 1);
    vec![Effect::Tick(ticket, run, item.id, Act::Tick, String::new())]
}

pub(in crate::tui) fn tick_with_note(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some((_, item, _)) = permitted(model, Act::Tick) else { return Vec::new() };
    ask(model, Purpose::Note, &item, key)
}

pub(in crate::tui) fn override_item(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some((_, item, _)) = permitted(model, Act::Override) else { return Vec::new() };
    ask(model, Purpose::Override, &item, key)
}

/// Removes the user's last tick.
pub(in crate::tui) fn untick(model: &mut Model) -> Vec<Effect> {
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

/// Whether the selected environment's run has a checklist.
pub(in crate::tui) fn any_item(model: &Model) -> Result<(), String> {
    let any = model.here().is_some_and(|here| !rows(here, model.now).is_empty());
    any.then_some(()).ok_or_else(|| "there is no checklist: D begins a run".to_owned())
}

/// Opens the dialog for a note or a reason.
fn ask(model: &mut Model, purpose: Purpose, item: &Item, key: Key) -> Vec<Effect> {
    let Some(environment) = model.here().map(|here| here.name.clone()) else { return Vec::new() };
    let way = |act: Act, note: &str| dialog::Item::new(act.label(), note);
    let items = match purpose {
        Purpose::Override => vec![
            way(Act::Override, "override it"),
            way(Act::NotApplicable, "it does not apply to this release"),
        ],
        _ => Vec::new(),
    };
    let about = Some((item.id.clone(), item.text.clone()));
    let picker = Picker { about, ..Picker::new(purpose, environment, items) };
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

/// Handles Enter in that dialog.
pub(in crate::tui) fn answered(picker: &mut Picker, ticket: Ticket, model: &Model) -> Vec<Effect> {
    let run = model.here().filter(|here| here.name == picker.environment);
    let run = run.and_then(|here| here.run.as_ref()).map(|run| run.view.number);
    let (Some(run), Some((item, _))) = (run, picker.about.clone()) else {
        picker.problem = Some(Problem::new("the run is not the one of before"));
        return Vec::new();
    };
    let act = match (picker.purpose, picker.selected) {
        (Purpose::Override, 0) => Act::Override,
        (Purpose::Override, _) => Act::NotApplicable,
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

/// Copies the checklists to the clipboard.
pub(in crate::tui) fn copy(model: &mut Model) -> Vec<Effect> {
    let text = model.here().map(|here| markdown(&rows(here, model.now))).unwrap_or_default();
    if text.is_empty() {
        model.tell("there is no list to copy");
        return Vec::new();
    }
    let lines = text.lines().count();
    vec![Effect::Copy(text, lines)]
}

/// Selects the first open required item of the checklist that the run waits at.
pub(in crate::tui) fn to_open(model: &mut Model, list: List) {
    model.panes.checklists.open_only = false;
    list::update::back(model, Pane::Checklists);
    let item = model.here().and_then(|here| {
        let rows = rows(here, model.now);
        let open = |(item, seen): &(&Item, _)| {
            let seen: &crate::domain::checklist::ItemStatus = seen;
            item.list == list && item.required && !seen.standing.settled()
        };
        rows.iter().find(|row| open(row)).map(|(item, _)| item.id.clone())
    });
    if let Some(id) = item {
        model.lists.of_mut(Pane::Checklists).selected = Some(id);
    }
}
