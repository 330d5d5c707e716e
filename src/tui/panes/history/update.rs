//! The History pane: selecting, opening and comparing runs.

use crate::domain::error::Problem;
use crate::domain::view::RunView;
use crate::tui::effect::Effect;
use crate::tui::model::Model;

/// Takes the runs from the store. The selected run stays selected, at its new position.
pub(in crate::tui) fn read(model: &mut Model, past: Result<Vec<RunView>, Problem>) {
    let history = &mut model.panes.history;
    history.read = true;
    match past {
        Ok(runs) => {
            let chosen = history.chosen().map(|run| run.number).filter(|_| history.selected > 0);
            history.runs = runs;
            let at = chosen.and_then(|n| history.runs.iter().position(|run| run.number == n));
            (history.selected, history.problem) = (at.unwrap_or(0), None);
        }
        Err(problem) => history.problem = Some(problem),
    }
}

/// Opens the selected run.
pub(in crate::tui) fn open(model: &mut Model) {
    let history = &mut model.panes.history;
    history.open = history.chosen().map(|run| run.number);
}

/// Compares the selected run with the previous one, or ends the comparison.
pub(in crate::tui) fn compare(model: &mut Model) -> Vec<Effect> {
    open(model);
    let history = &mut model.panes.history;
    let before = history.opened().and_then(|run| history.before(run)).map(|run| run.number);
    match before {
        Some(_) => history.compare = !history.compare,
        None => model.tell("there is no run of that kind before it to compare with"),
    }
    Vec::new()
}

/// Moves the selection by `by` runs.
pub(in crate::tui) fn scroll(model: &mut Model, by: isize) {
    let history = &mut model.panes.history;
    let last = history.runs.len().saturating_sub(1);
    history.selected = history.selected.saturating_add_signed(by).min(last);
}
