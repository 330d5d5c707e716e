//! The History pane: selecting, opening and comparing runs.

use crate::domain::error::Problem;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::panes::history::model::{PastRuns, chosen};

/// Takes the runs from the store.
pub(in crate::tui) fn read(model: &mut Model, past: Result<PastRuns, Problem>) {
    let history = &mut model.panes.history;
    history.read = true;
    match past {
        Ok(PastRuns { runs, damaged }) => {
            (history.runs, history.damaged, history.problem) = (runs, damaged, None);
        }
        Err(problem) => history.problem = Some(problem),
    }
}

/// Opens the selected run.
pub(in crate::tui) fn open(model: &mut Model) {
    model.panes.history.open = chosen(model).map(|run| run.number);
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

/// Whether there is a run.
pub(in crate::tui) fn any_run(model: &Model) -> Result<(), String> {
    let none = if model.panes.history.runs.is_empty() {
        "there is no run yet"
    } else {
        "no run passes the filter"
    };
    chosen(model).map(drop).ok_or_else(|| none.to_owned())
}
