//! Moving: panes, environments, lines. Nothing here changes a deployment.

use crate::tui::keys::commands::Command;
use crate::tui::model::deploy::DeployPane;
use crate::tui::model::{Model, Pane};

pub(super) fn go(model: &mut Model, command: Command) {
    match command {
        Command::Environments => pane(model, Pane::Environments),
        Command::DeployPane => pane(model, Pane::Deploy),
        Command::Logs => pane(model, Pane::Logs),
        Command::NextPane => step_pane(model, 1),
        Command::PreviousPane => step_pane(model, Pane::ALL.len() - 1),
        Command::Dashboard => model.zoom = false,
        Command::Zoom => model.zoom = !model.zoom,
        Command::Back => back(model),
        Command::NextEnvironment => environment(model, 1),
        Command::PreviousEnvironment => environment(model, -1),
        Command::Follow => model.logs.bottom = None,
        Command::Up => lines(model, -1),
        Command::Down => lines(model, 1),
        Command::PageUp => lines(model, -page(model)),
        Command::PageDown => lines(model, page(model)),
        Command::Top => lines(model, isize::MIN / 2),
        Command::Bottom => lines(model, isize::MAX / 2),
        _ => {}
    }
}

/// To a pane; to the one that has the focus already: zoom.
fn pane(model: &mut Model, pane: Pane) {
    if model.focus == pane {
        model.zoom = !model.zoom;
    }
    model.focus = pane;
}

fn step_pane(model: &mut Model, by: usize) {
    let at = Pane::ALL.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    model.focus = Pane::ALL[(at + by) % Pane::ALL.len()];
}

fn back(model: &mut Model) {
    if model.toast.take().is_none() {
        model.zoom = false;
    }
}

fn environment(model: &mut Model, by: isize) {
    let last = model.environments.len().saturating_sub(1);
    let to = model.selected.saturating_add_signed(by).min(last);
    if to != model.selected {
        model.selected = to;
        model.deploy = DeployPane::default();
    }
}

fn page(model: &Model) -> isize {
    isize::try_from(model.size.1 / 2).unwrap_or(10)
}

fn lines(model: &mut Model, by: isize) {
    match model.focus {
        Pane::Environments => environment(model, by.signum()),
        Pane::Logs => model.logs.scroll(by),
        Pane::Deploy => {
            let choices = model
                .here()
                .filter(|e| e.in_doubt().is_some())
                .and_then(|e| e.doubt.as_ref()?.as_ref().ok())
                .map(|doubt| doubt.choices.len());
            if let Some(count) = choices {
                let to = model.deploy.choice.saturating_add_signed(by);
                model.deploy.choice = to.min(count.saturating_sub(1));
            } else {
                model.deploy.scroll = model.deploy.scroll.saturating_add_signed(by).min(200);
            }
        }
    }
}
