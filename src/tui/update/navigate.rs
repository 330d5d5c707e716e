//! Navigation between panes, environments and lines. Changes no deployment.

use crate::domain::pipeline::PipelineRun;
use crate::domain::probe::{ProbeSnapshot, State};
use crate::domain::step::StepKind;
use crate::tui::effect::Effect;
use crate::tui::list;
use crate::tui::model::Model;
use crate::tui::model::arrangement::{Border, Preset};
use crate::tui::model::environments::Environment;
use crate::tui::panes::deploy::model::DeployPane;
use crate::tui::panes::{Pane, checklists};
use crate::tui::view::places;

/// The pane where an environment needs a person, if it does: a run in doubt or waiting, an item of its checklist, an
/// unmuted failure that affects customers, or a pipeline approval.
pub(in crate::tui) fn need(environment: &Environment) -> Option<Pane> {
    if environment.in_doubt().is_some() {
        return Some(Pane::Deploy);
    }
    let run = environment.driven().map(|run| &run.view);
    if let Some(view) = run.filter(|view| view.waits_for_somebody()) {
        let list = matches!(view.gate(), Some(StepKind::GateChecklist { .. }));
        return Some(if list { Pane::Checklists } else { Pane::Deploy });
    }
    let down = |probe: &ProbeSnapshot| {
        let customers = probe.live || probe.side.is_none();
        customers && probe.state == State::Down && probe.muted.is_none()
    };
    if environment.probes.iter().any(down) {
        return Some(Pane::Health);
    }
    let ours = |run: &PipelineRun| run.approvals.iter().any(|approval| approval.ours);
    crate::tui::panes::pipeline::model::run(environment).is_some_and(ours).then_some(Pane::Pipeline)
}

/// Whether an environment's run waits for a person, failed or is in doubt.
fn needs(environment: &Environment) -> bool {
    need(environment).is_some_and(|pane| !matches!(pane, Pane::Health | Pane::Pipeline))
}

/// Captures the mouse, or releases it to the terminal.
pub(in crate::tui) fn mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    model.tell(if model.mouse {
        "mouse on: click and wheel; Shift and drag selects text"
    } else {
        "mouse off: the terminal selects text"
    });
    vec![Effect::Mouse(model.mouse)]
}

/// Goes to the next pane that needs a person, on this environment or on the next one.
pub(in crate::tui) fn next_need(model: &mut Model) -> Vec<Effect> {
    let count = model.environments.len();
    // If it is shown already, select the next one.
    let here = model.here().and_then(need).filter(|pane| *pane != model.focus);
    let first = usize::from(here.is_none());
    let next = (first..=count).map(|by| (model.selected + by) % count.max(1)).find_map(|at| {
        let pane = need(model.environments.get(at)?)?;
        Some((at, pane))
    });
    let Some((at, pane)) = next else {
        model.tell("nothing needs a person");
        return Vec::new();
    };
    (model.selected, model.focus) = (at, pane);
    model.panes.deploy = DeployPane::default();
    let gate = model.here().and_then(|e| e.driven()).and_then(|run| run.view.gate().cloned());
    if let Some(StepKind::GateChecklist { list }) = gate {
        checklists::update::to_open(model, list);
    }
    Vec::new()
}

/// Selects the first environment to show: one that needs a person, otherwise one with a run, otherwise the first.
pub(in crate::tui) fn begin_where_somebody_is_needed(model: &mut Model) {
    let environments = &model.environments;
    let under_way = |e: &Environment| e.under_way().is_some();
    let found = environments.iter().position(needs);
    if found.is_some() {
        // Replace the remembered pane.
        (model.focus, model.zoom) = (Pane::Deploy, false);
    }
    let found = found.or_else(|| environments.iter().position(under_way));
    model.selected = found.unwrap_or(model.selected);
}

/// Focuses a pane. If it has the focus already, toggles its zoom.
pub(in crate::tui) fn pane(model: &mut Model, pane: Pane) -> Vec<Effect> {
    if model.focus == pane {
        model.zoom = !model.zoom;
    }
    model.focus = pane;
    Vec::new()
}

/// Arranges the panes for some work, with the keys in the pane that has the most room.
pub(in crate::tui) fn arrange(model: &mut Model, preset: Preset) -> Vec<Effect> {
    model.arrangement.preset = preset;
    (model.focus, model.zoom) = (preset.main(), false);
    Vec::new()
}

/// Makes the column of the focused pane wider. The middle column gets what the right one gives.
pub(in crate::tui) fn widen(model: &mut Model, by: i16) -> Vec<Effect> {
    let places = places(model);
    let place = places.iter().find(|(pane, _)| *pane == model.focus);
    let Some((_, area)) = place.filter(|(_, area)| area.width < model.size.0) else {
        model.tell("there is one column; a wider window has more");
        return Vec::new();
    };
    let (left, right) = (area.x == 0, area.right() == model.size.0);
    match (left, right) {
        (true, _) => model.arrangement.widen(Border::Left, by),
        (false, true) if places.iter().filter(|(_, a)| a.y == area.y).count() > 2 => {
            model.arrangement.widen(Border::Right, by);
        }
        // Of two columns only the left one has a share.
        (false, true) => model.arrangement.widen(Border::Left, -by),
        (false, false) => model.arrangement.widen(Border::Right, -by),
    }
    Vec::new()
}

/// Moves the held border to a column.
pub(in crate::tui) fn drag(model: &mut Model, x: u16) {
    let Some(border) = model.held_border else { return };
    // From the column's own share, not from what is drawn: beyond its limits a column does not follow the mouse.
    model.arrangement.reset(border);
    let width = model.size.0;
    let places = places(model);
    let mut areas = places.iter().map(|(_, area)| area);
    let (own, wanted) = match border {
        Border::Left => (areas.find(|area| area.x == 0), x.saturating_add(1)),
        Border::Right => (areas.find(|area| area.right() == width), width.saturating_sub(x)),
    };
    let by = own.map_or(0, |area| i32::from(wanted) - i32::from(area.width));
    model.arrangement.widen(border, i16::try_from(by).unwrap_or(0));
}

pub(in crate::tui) fn zoom(model: &mut Model, zoom: bool) -> Vec<Effect> {
    model.zoom = zoom;
    Vec::new()
}

/// Leaves one level: dismisses a toast, otherwise removes the filter of the list, otherwise leaves what is open inside
/// the pane, otherwise ends its zoom.
pub(in crate::tui) fn back(model: &mut Model) -> Vec<Effect> {
    if model.dismiss() {
        return Vec::new();
    }
    if list::update::back(model, model.focus) {
        return Vec::new();
    }
    if let Some(effects) = model.focus.behaviour().back(model) {
        return effects;
    }
    model.zoom = false;
    Vec::new()
}

pub(in crate::tui) fn lines(model: &mut Model, by: isize) -> Vec<Effect> {
    model.focus.behaviour().scroll(model, by);
    Vec::new()
}

pub(in crate::tui) fn sideways(model: &mut Model, by: isize) -> Vec<Effect> {
    model.focus.behaviour().sideways(model, by);
    Vec::new()
}

pub(in crate::tui) fn step_pane(model: &mut Model, by: usize) -> Vec<Effect> {
    let at = Pane::ALL.iter().position(|pane| *pane == model.focus).unwrap_or(0);
    model.focus = Pane::ALL[(at + by) % Pane::ALL.len()];
    Vec::new()
}

pub(in crate::tui) fn environment(model: &mut Model, by: isize) -> Vec<Effect> {
    let last = model.environments.len().saturating_sub(1);
    select(model, model.selected.saturating_add_signed(by).min(last));
    Vec::new()
}

/// Selects an environment by its index.
pub(in crate::tui) fn select(model: &mut Model, at: usize) {
    if at != model.selected {
        model.selected = at;
        model.panes.deploy = DeployPane::default();
    }
}

pub(in crate::tui) fn page(model: &Model) -> isize {
    isize::try_from(model.size.1 / 2).unwrap_or(10)
}
