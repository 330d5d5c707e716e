//! The pane History.

use crate::domain::error::Problem;
use crate::domain::view::RunView;
use crate::tui::model::Model;

/// The runs as the store has them now. The selected one stays selected, wherever it went.
pub(super) fn read(model: &mut Model, past: Result<Vec<RunView>, Problem>) {
    let history = &mut model.history;
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
pub(super) fn open(model: &mut Model) {
    let history = &mut model.history;
    history.open = history.chosen().map(|run| run.number);
}

/// Shows the opened run beside the one before it, or alone again.
pub(super) fn compare(model: &mut Model) {
    open(model);
    let history = &mut model.history;
    let before = history.opened().and_then(|run| history.before(run)).map(|run| run.number);
    match before {
        Some(_) => history.compare = !history.compare,
        None => model.tell("there is no run of that kind before it to compare with"),
    }
}
