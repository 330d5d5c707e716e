//! Moving: panes, environments, lines. Nothing here changes a deployment.

use crate::domain::pipeline::PipelineRun;
use crate::domain::probe::{ProbeSnapshot, State};
use crate::domain::step::StepKind;
use crate::tui::effect::Effect;
use crate::tui::keys::commands::Command;
use crate::tui::model::deploy::DeployPane;
use crate::tui::model::environments::Environment;
use crate::tui::model::{Model, Pane};

pub(super) fn go(model: &mut Model, command: Command) -> Vec<Effect> {
    match command {
        Command::Environments => pane(model, Pane::Environments),
        Command::DeployPane => pane(model, Pane::Deploy),
        Command::Logs => pane(model, Pane::Logs),
        Command::Health => pane(model, Pane::Health),
        Command::Migrations => pane(model, Pane::Migrations),
        Command::Checklists => pane(model, Pane::Checklists),
        Command::History => pane(model, Pane::History),
        Command::Pipeline => pane(model, Pane::Pipeline),
        Command::NextPane => step_pane(model, 1),
        Command::PreviousPane => step_pane(model, Pane::ALL.len() - 1),
        Command::Dashboard => model.zoom = false,
        Command::Zoom => model.zoom = !model.zoom,
        Command::Back => return back(model),
        Command::NextEnvironment => environment(model, 1),
        Command::PreviousEnvironment => environment(model, -1),
        Command::NextNeed => next_need(model),
        Command::Up => lines(model, -1),
        Command::Down => lines(model, 1),
        Command::Left => sideways(model, -1),
        Command::Right => sideways(model, 1),
        Command::PageUp => lines(model, -page(model)),
        Command::PageDown => lines(model, page(model)),
        Command::Top => lines(model, isize::MIN / 2),
        Command::Bottom => lines(model, isize::MAX / 2),
        _ => {}
    }
    Vec::new()
}

/// Where a person is needed on an environment, if one is: a run that waits, an item of its checklist, or
/// something that customers reach and that is down.
fn need(environment: &Environment) -> Option<Pane> {
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
    crate::tui::model::pipeline::run(environment).is_some_and(ours).then_some(Pane::Pipeline)
}

/// Whether an environment's run waits for a person, failed or is in doubt.
fn needs(environment: &Environment) -> bool {
    need(environment).is_some_and(|pane| !matches!(pane, Pane::Health | Pane::Pipeline))
}

/// Takes the mouse from the terminal, or gives it back.
pub(super) fn mouse(model: &mut Model) -> Vec<Effect> {
    model.mouse = !model.mouse;
    model.tell(if model.mouse {
        "mouse on: click and wheel; Shift and drag selects text"
    } else {
        "mouse off: the terminal selects text"
    });
    vec![Effect::Mouse(model.mouse)]
}

/// For a screen that seems to hang: pressed twice, it quits, also with an open box. Runs continue.
pub(super) fn leave_now(model: &mut Model) -> Vec<Effect> {
    if model.leaving.is_some_and(|at| model.elapsed.saturating_sub(at) < super::TWICE_WITHIN) {
        return vec![Effect::Quit];
    }
    model.leaving = Some(model.elapsed);
    model.tell("press again within 2 s to leave immediately; runs continue");
    Vec::new()
}

/// The next thing that needs a person: of this environment elsewhere, or of the next one.
fn next_need(model: &mut Model) {
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
        return;
    };
    (model.selected, model.focus) = (at, pane);
    model.deploy = DeployPane::default();
    let gate = model.here().and_then(|e| e.driven()).and_then(|run| run.view.gate().cloned());
    if let Some(StepKind::GateChecklist { list }) = gate {
        super::checklist::to_open(model, list);
    }
}

/// What the screen begins with: what needs a person, else what is under way, else the first.
pub(super) fn begin_where_somebody_is_needed(model: &mut Model) {
    let environments = &model.environments;
    let under_way = |e: &Environment| e.under_way().is_some();
    let found = environments.iter().position(needs);
    if found.is_some() {
        // The remembered pane.
        (model.focus, model.zoom) = (Pane::Deploy, false);
    }
    let found = found.or_else(|| environments.iter().position(under_way));
    model.selected = found.unwrap_or(model.selected);
}

/// Scrolls sideways in the log; other panes cut their lines.
fn sideways(model: &mut Model, by: isize) {
    if model.focus == Pane::Logs && !model.logs.wrap {
        model.logs.column = model.logs.column.saturating_add_signed(by * 8).min(4096);
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

/// One level back: what lies in the corner, then what is open in the pane, then its zoom.
fn back(model: &mut Model) -> Vec<Effect> {
    if model.dismiss() {
        return Vec::new();
    }
    if model.focus == Pane::Logs
        && let Some(effects) = super::logs::back(model)
    {
        return effects;
    }
    if model.focus == Pane::History && model.history.open.take().is_some() {
        model.history.compare = false;
        return Vec::new();
    }
    model.zoom = false;
    Vec::new()
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

/// The wheel scrolls what is under it and moves no focus, and never chooses anything.
pub(super) fn wheel(model: &mut Model, pane: Pane, by: isize) {
    match pane {
        Pane::Environments => {}
        Pane::Health => probe(model, by),
        Pane::Migrations => super::schema::down(model, by),
        Pane::Checklists => super::checklist::down(model, by),
        Pane::Pipeline => super::pipeline::down(model, by),
        Pane::Logs => model.logs.scroll(by),
        Pane::Deploy => {
            model.deploy.scroll = model.deploy.scroll.saturating_add_signed(by).min(200);
        }
        Pane::History => {
            let last = model.history.runs.len().saturating_sub(1);
            model.history.selected = model.history.selected.saturating_add_signed(by).min(last);
        }
    }
}

fn probe(model: &mut Model, by: isize) {
    let probes = model.here().map_or(&[][..], |here| &here.probes);
    let last = model.health.shown(probes).len().saturating_sub(1);
    model.health.selected = model.health.selected.saturating_add_signed(by).min(last);
}

fn lines(model: &mut Model, by: isize) {
    match model.focus {
        Pane::Environments => environment(model, by.signum()),
        Pane::Logs => model.logs.scroll(by),
        Pane::Health => probe(model, by),
        Pane::Migrations => super::schema::down(model, by),
        Pane::Checklists => super::checklist::down(model, by),
        Pane::Pipeline => super::pipeline::down(model, by),
        Pane::History => {
            let last = model.history.runs.len().saturating_sub(1);
            model.history.selected = model.history.selected.saturating_add_signed(by).min(last);
            if model.history.open.is_some() {
                super::history::open(model);
            }
        }
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
