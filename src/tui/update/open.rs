//! Enter: what it opens in each pane.

use super::{acts, checklist, follow, history, logs, pipeline};
use crate::domain::checklist::List;
use crate::domain::run::RunState;
use crate::domain::step::StepKind;
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::environments::RunSnapshot;
use crate::tui::model::{Model, Pane};

/// Enter: the main act of what has the focus.
pub(super) fn open(model: &mut Model, key: Key) -> Vec<Effect> {
    let waits = |run: &RunSnapshot| matches!(run.view.state, RunState::Waiting { .. });
    let at_gate = model.here().and_then(|e| e.driven()).is_some_and(waits);
    let list = model.here().and_then(|e| e.driven()).and_then(|run| match run.view.gate()? {
        StepKind::GateChecklist { list } => Some(*list),
        _ => None,
    });
    match model.focus {
        Pane::History => {
            history::open(model);
            model.zoom = model.history.open.is_some();
            follow(model).into_iter().collect()
        }
        Pane::Pipeline => pipeline::open(model),
        Pane::Health | Pane::Checklists | Pane::Migrations => {
            model.zoom = !model.zoom;
            Vec::new()
        }
        Pane::Environments => {
            (model.focus, model.zoom) = (Pane::Deploy, false);
            Vec::new()
        }
        Pane::Deploy if model.here().is_some_and(|e| e.in_doubt().is_some()) => {
            acts::take_over(model, key)
        }
        Pane::Deploy if list.is_some() => {
            (model.focus, model.zoom) = (Pane::Checklists, false);
            checklist::to_open(model, list.unwrap_or(List::Pre));
            Vec::new()
        }
        Pane::Deploy if at_gate => acts::act(model, Command::Switch, key),
        // The failure is in the log of that step.
        Pane::Deploy if model.here().and_then(|e| e.run.as_ref()).is_some_and(failed) => {
            logs::go(model, Command::NextError)
        }
        _ => Vec::new(),
    }
}

fn failed(run: &RunSnapshot) -> bool {
    run.view.failure.is_some()
}
