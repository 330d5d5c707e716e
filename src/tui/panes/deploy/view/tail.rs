//! The lines below the steps: traffic, progress, the failure and the next action.

use ratatui::text::{Line, Span};

use crate::domain::approvals::may_approve;
use crate::domain::checklist::may_pass;
use crate::domain::command::{Command, counts_down, may_skip};
use crate::domain::event::Outcome;
use crate::domain::gate::may_switch;
use crate::domain::identity::Identity;
use crate::domain::plan::RunKind;
use crate::domain::run::RunState;
use crate::domain::step::{Failure, StepKind, StepState};
use crate::domain::step_durations::StepDurations;
use crate::domain::time::spoken;
use crate::domain::verdict::Undo;
use crate::domain::view::RunView;
use crate::tui::model::Model;
use crate::tui::model::environments::{Environment, RunSnapshot};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::traffic::of_service;
use crate::tui::view::{clock, cut, wrapped, wrapped_in};

/// The failure, the traffic bar of each service, the progress of the run and
/// the next action. `tight` leaves out the bars.
pub(in crate::tui) fn tail(
    model: &Model,
    here: &Environment,
    run: &RunSnapshot,
    tight: bool,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let view = &run.view;
    let mut lines = if tight { Vec::new() } else { vec![Line::raw("")] };
    lines.extend(failure(run, if tight { 2 } else { 4 }, theme, width));
    let moves = !matches!(view.plan.kind, RunKind::Cleanup | RunKind::Migrate);
    if moves && view.ended.is_none() && !tight {
        let names = view.plan.members.iter().map(|m| m.service().as_str().len()).max().unwrap_or(0);
        for member in &view.plan.members {
            if let Some(seen) = view.services.get(member.service()) {
                let name = member.service().as_str();
                lines.push(of_service(view, name, seen, theme, (names, width)));
            }
        }
    }
    if view.ended.is_none() {
        lines.push(progress(model, run, theme, width));
    }
    let claimed = model.now.and_then(|now| view.claimed(now)).unwrap_or_default();
    let style = theme.style(Role::Waiting);
    lines.extend(wrapped(&claimed, width).into_iter().map(|line| Line::styled(line, style)));
    let offered = view.offered.as_ref().filter(|_| view.ended.is_none());
    let offered = offered.map(|by| format!("{by} offers this run: H takes it, and drives it here"));
    let offered = wrapped(&offered.unwrap_or_default(), width).into_iter();
    lines.extend(offered.map(|line| Line::styled(line, style)));
    let now = what_now(model, here, view);
    lines.extend(
        wrapped(&now, width).into_iter().map(|l| Line::styled(l, theme.style(Role::Focus))),
    );
    lines
}

/// The failure, its reason and its effect on customers.
fn failure(run: &RunSnapshot, most: usize, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let view = &run.view;
    let failed = match &view.state {
        RunState::Failed { .. } => true,
        RunState::Ended { outcome } => {
            !matches!(outcome, Outcome::Promoted | Outcome::CleanedUp | Outcome::Migrated)
        }
        _ => false,
    };
    let Some((step, problem, class)) = view.failure.as_ref().filter(|_| failed) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    // What a person ended did not fail.
    let (glyph, role) = match (class, &view.undo) {
        (Failure::Cancelled, Some(_)) => (theme.pick("↩", "[<]"), Role::RolledBack),
        (Failure::Cancelled, None) => (theme.pick("■", "[#]"), Role::Aborted),
        _ => (theme.pick("✗", "X"), Role::Failed),
    };
    let style = theme.style(role);
    let what = format!("{glyph} {step}: {}", problem.what);
    lines.extend(wrapped(&what, width).into_iter().map(|l| Line::styled(l, style)));
    for (word, text) in [("because", &problem.why), ("now", &problem.todo)] {
        if !text.is_empty() {
            let text = format!("  {word} {text}");
            lines.extend(wrapped_in(&text, width, most).into_iter().map(Line::raw));
        }
    }
    lines.extend(serving_reports(view, theme, width));
    let customers = view.customers(run.runner.is_some()).unwrap_or_default();
    lines.extend(wrapped(&customers, width).into_iter().map(Line::raw));
    lines
}

/// What each layer says about the live build of a service whose verification did not pass: one line a layer.
fn serving_reports(view: &RunView, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for (service, seen) in &view.services {
        let names = seen.serving_reports.iter().map(|report| report.who.len()).max().unwrap_or(0);
        for report in &seen.serving_reports {
            let text = format!("  {service}  {:<names$} says {}", report.who, report.says);
            lines.push(Line::styled(cut(&text, width), theme.style(Role::Text)));
        }
    }
    lines
}

/// The progress of the run, and its estimated end by usual durations.
fn progress(model: &Model, run: &RunSnapshot, theme: &Theme, width: usize) -> Line<'static> {
    let view = &run.view;
    let done = view.steps.iter().filter(|s| {
        matches!(s.state, StepState::Ok | StepState::Warning | StepState::Skipped { .. })
    });
    let (done, all) = (done.count(), view.steps.len().max(1));
    let usual =
        StepDurations::of(&model.panes.history.runs, &view.plan.environment, view.plan.kind);
    let elapsed = super::elapsed_ms(model, run);
    let left = Some(()).filter(|()| !view.undoing()).and_then(|()| usual.left(view, elapsed));
    let ends = left.zip(model.clock()).and_then(|(left, now)| now.checked_add(left).ok());
    let waits = matches!(
        view.state,
        RunState::Waiting { .. } | RunState::Paused { .. } | RunState::Failed { .. }
    );
    let ends = match (left, ends) {
        _ if view.asked.as_ref().is_some_and(|asked| asked.command == Command::Accept) => {
            "is handed over after this step".to_owned()
        }
        _ if view.asked.is_some() => "stops after this step".to_owned(),
        (Some(left), _) if waits => {
            format!("~{} more, without waiting (median of {} runs)", spoken(left), usual.runs)
        }
        (_, Some(ends)) => format!("ends ~{} (median of {} runs)", clock(ends), usual.runs),
        _ => "no estimate yet".to_owned(),
    };
    let room = width.saturating_sub(26 + ends.len()).clamp(4, 30);
    let filled = room * done / all;
    Line::from(vec![
        Span::raw(format!(" PROGRESS {done} of {all} done  ")),
        Span::styled(theme.pick("▓", "=").repeat(filled), theme.style(Role::GaugeFull)),
        Span::styled(theme.pick("░", ".").repeat(room - filled), theme.style(Role::GaugeEmpty)),
        Span::raw(format!("  {ends}")),
    ])
}

/// The hint to skip the step, if that is allowed.
fn skips(view: &RunView) -> &'static str {
    if may_skip(view, "given").is_ok() { " · S skips it" } else { "" }
}

/// What ending a run does to customers before it has moved traffic.
fn stay(view: &RunView) -> String {
    let blue = view.blue_name().map(|name| format!("on {name}"));
    format!("customers stay {}", blue.unwrap_or_else(|| "where they are".to_owned()))
}

/// What R repeats.
fn retries(view: &RunView) -> String {
    let title = view.current_step().map(|at| view.steps[at].plan.title.as_str());
    format!("R repeats \"{}\"", title.unwrap_or("the failed step"))
}

fn what_now(model: &Model, here: &Environment, view: &RunView) -> String {
    match &view.state {
        RunState::Waiting { .. } if view.gate() != Some(&StepKind::GateSwitch) => {
            let list = view.gate().and_then(StepKind::guarded_by);
            match list.map(|list| may_pass(view, list)) {
                Some(Err(problem)) if list.is_some_and(|l| view.checklists.contains_key(&l)) => {
                    format!("Enter: {}. A aborts the run", problem.what)
                }
                _ => "looking at what must be true first".to_owned(),
            }
        }
        RunState::Waiting { .. } => {
            if let Err(problem) = may_switch(view) {
                return format!(
                    "The switch is held: {problem}. Retried automatically; A ends the run, {}",
                    stay(view)
                );
            }
            if let Err(problem) = may_approve(view, &Identity::of(&model.actor)) {
                return problem.to_string();
            }
            // With another step selected, Enter shows that step.
            let chosen = model.panes.deploy.selected.is_some();
            let keys = if chosen { "T" } else { "Enter or T" };
            let last = view.approvals_missing().is_none_or(|missing| missing == 1);
            if last {
                format!("{keys}: send all traffic of {} to GREEN (you will be asked)", here.name)
            } else {
                format!("{keys}: approve the switch of {}; more people must too", here.name)
            }
        }
        RunState::Failed { .. } if counts_down(view) && !view.held => {
            format!("rolling back automatically: p holds it · B does it now · {}", retries(view))
        }
        RunState::Failed { .. } if view.touched_traffic() => {
            let blue = view.blue_name().map(|name| format!(" to {name}")).unwrap_or_default();
            format!("{}{} · B sends all traffic back{blue}", retries(view), skips(view))
        }
        RunState::Failed { .. } => {
            format!("{}{} · A ends the run, {}", retries(view), skips(view), stay(view))
        }
        RunState::Paused { .. } => "p resumes".to_owned(),
        RunState::Ended { .. } => {
            let back = match model.evidence(here).undo() {
                Undo::To { release, .. } => format!(", B rolls back to {release}"),
                _ => String::new(),
            };
            format!("Run {} has ended. D deploys to {}{back}.", view.number, here.name)
        }
        RunState::Planned | RunState::Ready { .. } | RunState::Running { .. } | RunState::Done => {
            match model.evidence(here).undo() {
                Undo::To { release, .. } => {
                    format!("No action needed. B sends all traffic back to {release}")
                }
                Undo::UnderWay => "No action needed: traffic is moving back".to_owned(),
                _ => "No action needed. p pauses before the next step".to_owned(),
            }
        }
    }
}
