//! Moving, filtering and sorting a list.

use super::ListState;
use crate::tui::effect::Effect;
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::panes::{Pane, logs};
use crate::tui::update::text::edit;

/// Moves the selection of a pane's list by `by` rows.
pub(in crate::tui) fn scroll(model: &mut Model, pane: Pane, by: isize) {
    let rows = pane.behaviour().rows(model);
    let shown = model.lists.of(pane).shown(&rows);
    let chosen = model.chosen(pane);
    let at = chosen.and_then(|chosen| shown.iter().position(|at| *at == chosen)).unwrap_or(0);
    let to = at.saturating_add_signed(by).min(shown.len().saturating_sub(1));
    leave_place(model, pane);
    if let Some(row) = shown.get(to) {
        pane.behaviour().select(model, &rows[*row].key);
        if to == 0 {
            // The first row stays selected when newer ones arrive above it.
            model.lists.of_mut(pane).selected = None;
        }
    }
}

/// Forgets the place of before a filter that was kept: the person has chosen another row since.
pub(in crate::tui) fn leave_place(model: &mut Model, pane: Pane) {
    if !model.filters() {
        model.lists.of_mut(pane).before = None;
    }
}

/// Opens the filter of the focused list; without a list, the search of the log.
pub(in crate::tui) fn find(model: &mut Model) -> Vec<Effect> {
    let pane = model.focus;
    if pane.behaviour().orders().is_empty() || pane.behaviour().rows(model).is_empty() {
        return logs::update::search(model);
    }
    let before = pane.behaviour().selected(model);
    model.lists.of_mut(pane).before = before;
    model.lists.typing = Some(pane);
    Vec::new()
}

/// Selects the next order of the focused list.
pub(in crate::tui) fn sort(model: &mut Model) -> Vec<Effect> {
    let pane = model.focus;
    let last = pane.behaviour().orders().len().saturating_sub(1);
    // The row stays selected, wherever the order puts it.
    let chosen = model.chosen(pane);
    let key = chosen.map(|at| pane.behaviour().rows(model)[at].key.clone());
    let state = model.lists.of_mut(pane);
    state.order = if state.order >= last { 0 } else { state.order + 1 };
    if let Some(key) = key {
        pane.behaviour().select(model, &key);
    }
    Vec::new()
}

/// Handles a key while the filter is typed. The list follows each letter.
pub(in crate::tui) fn typed(model: &mut Model, key: Key) -> Vec<Effect> {
    let pane = model.focus;
    match key.code {
        Code::Esc => {
            back(model, pane);
        }
        Code::Enter | Code::Tab => model.lists.typing = None,
        Code::Up => scroll(model, pane, -1),
        Code::Down => scroll(model, pane, 1),
        _ => {
            edit(&mut model.lists.of_mut(pane).filter, key);
            show_selected(model, pane);
        }
    }
    Vec::new()
}

/// Selects the first row that is shown, if the selected one is not: no key may act on a hidden row.
fn show_selected(model: &mut Model, pane: Pane) {
    let rows = pane.behaviour().rows(model);
    let shown = model.lists.of(pane).shown(&rows);
    let selected = pane.behaviour().selected(model);
    let hidden = selected.is_some_and(|key| !shown.iter().any(|at| rows[*at].key == key));
    if let Some(first) = shown.first().filter(|_| hidden) {
        pane.behaviour().select(model, &rows[*first].key);
    }
}

/// Removes the filter of a list and restores the selection of before; `false` if there is no filter.
pub(in crate::tui) fn back(model: &mut Model, pane: Pane) -> bool {
    let typed = model.lists.typing.take() == Some(pane);
    let ListState { filter, before, .. } = model.lists.of_mut(pane);
    if !typed && filter.value().is_empty() {
        return false;
    }
    filter.reset();
    if let Some(key) = before.take() {
        pane.behaviour().select(model, &key);
    }
    true
}

/// Whether the focused list has another order.
pub(in crate::tui) fn any_order(model: &Model) -> Result<(), String> {
    let pane = model.focus;
    match pane.behaviour().orders().len() {
        0 => Err(format!("{} is no list", pane.name())),
        1 => Err(format!("{} has one order", pane.name())),
        _ => Ok(()),
    }
}
