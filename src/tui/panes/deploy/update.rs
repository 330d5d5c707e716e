//! The Deploy pane: Enter and the cursor.

use crate::domain::checklist::List;
use crate::domain::run::RunState;
use crate::domain::step::{StepKind, StepState};
use crate::domain::view::{RunView, StepView};
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::list::Row;
use crate::tui::model::Model;
use crate::tui::model::overlay::{Overlay, Sheet};
use crate::tui::panes::{Pane, checklists, logs};
use crate::tui::update::{acts, run};

/// Handles Enter: takes the selected choice of a run in doubt, shows the selected step whole, approves the gate, goes to
/// the open items of its checklist, or jumps to the failure in the log.
pub(in crate::tui) fn open(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(here) = model.here() else { return Vec::new() };
    if here.in_doubt().is_some() {
        return acts::take_over(model, key);
    }
    if let Some(at) = model.panes.deploy.selected {
        model.overlay = Some(Overlay::Sheet(Sheet::Step(at), 0));
        return Vec::new();
    }
    let driven = here.driven().map(|run| &run.view);
    let gate = driven.and_then(|view| view.gate().cloned());
    if let Some(StepKind::GateChecklist { list }) = gate {
        return to_list(model, list);
    }
    if driven.is_some_and(|view| matches!(view.state, RunState::Waiting { .. })) {
        return run(model, Command::Switch, key);
    }
    if here.run.as_ref().is_some_and(|run| run.view.failure.is_some()) {
        return logs::update::next_error(model);
    }
    if let Some(run) = &here.run {
        model.overlay = Some(Overlay::Sheet(Sheet::Step(resting(&run.view)), 0));
    }
    Vec::new()
}

fn to_list(model: &mut Model, list: List) -> Vec<Effect> {
    (model.focus, model.zoom) = (Pane::Checklists, false);
    checklists::update::to_open(model, list);
    Vec::new()
}

/// Moves between the choices of a run in doubt, or through the steps.
pub(in crate::tui) fn scroll(model: &mut Model, by: isize) {
    let choices = model
        .here()
        .filter(|e| e.in_doubt().is_some())
        .and_then(|e| e.doubt.as_ref()?.as_ref().ok())
        .map(|doubt| doubt.choices.len());
    let Some(count) = choices else { return scroll_steps(model, by) };
    let to = model.panes.deploy.choice.saturating_add_signed(by);
    model.panes.deploy.choice = to.min(count.saturating_sub(1));
}

/// Moves the cursor through the steps. On the current step it follows the run again.
pub(in crate::tui) fn scroll_steps(model: &mut Model, by: isize) {
    let Some(view) = model.here().and_then(|here| here.run.as_ref()).map(|run| &run.view) else {
        return;
    };
    let (current, last) = (resting(view), view.steps.len().saturating_sub(1));
    let from = model.panes.deploy.selected.unwrap_or(current);
    let to = from.saturating_add_signed(by).min(last);
    model.panes.deploy.selected = (to != current).then_some(to);
}

/// The step where the cursor rests: the current one; in an ended run the one that failed, otherwise the last.
pub(in crate::tui) fn resting(view: &RunView) -> usize {
    let current = view.current_step().filter(|_| view.ended.is_none());
    let failed = |step: &StepView| matches!(step.state, StepState::Failed { .. });
    let last = view.steps.len().saturating_sub(1);
    current.or_else(|| view.steps.iter().position(failed)).unwrap_or(last)
}

/// The steps of the selected environment's run, by their index.
pub(in crate::tui) fn rows(model: &Model) -> Vec<Row> {
    let run = model.here().and_then(|here| here.run.as_ref());
    let steps = run.map_or(&[][..], |run| &run.view.steps);
    let row = |(at, step): (usize, &StepView)| Row {
        key: at.to_string(),
        text: step.plan.title.clone(),
        ranks: Vec::new(),
    };
    steps.iter().enumerate().map(row).collect()
}

/// Selects a step by its index.
pub(in crate::tui) fn select(model: &mut Model, key: &str) {
    let view = model.here().and_then(|here| here.run.as_ref()).map(|run| &run.view);
    let (Some(current), Ok(at)) = (view.map(resting), key.parse::<usize>()) else { return };
    model.panes.deploy.selected = (at != current).then_some(at);
}
