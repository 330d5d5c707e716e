//! The pane Deploy: the steps of the run, what customers are on, and what to do now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{clock, facts, framed, took, wrapped, write};
use crate::domain::plan::RunKind;
use crate::domain::run::RunState;
use crate::domain::step::{Side, StepState};
use crate::domain::view::{RunView, StepView};
use crate::tui::model::environments::{Environment, RunSeen};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::{Role, Theme};

pub(super) fn render(model: &Model, theme: Theme, area: Rect, buffer: &mut Buffer) {
    let Some(here) = model.here() else {
        return;
    };
    let inner = framed(model, theme, Pane::Deploy, format!(" {} ", here.name), area, buffer);
    let width = usize::from(inner.width);
    let Some(run) = &here.run else {
        let empty = if here.read {
            format!("No runs yet for {}. D starts one.", here.name)
        } else {
            "Reading the store…".to_owned()
        };
        return write(&[Line::styled(empty, theme.style(Role::Muted))], inner, buffer);
    };
    let mut lines = head(run, theme, width);
    lines.extend(steps(&run.view, theme, width));
    let end = if here.in_doubt().is_some() {
        doubt(model, here, run, theme, width)
    } else {
        tail(here, run, theme, width)
    };
    // What customers are on and what to do now is never scrolled away.
    let height = usize::from(inner.height);
    let room = height.saturating_sub(end.len());
    let current = current_line(&run.view).unwrap_or(0) + 2;
    let least = lines.len().saturating_sub(room);
    let from = current.saturating_sub(room.saturating_sub(3)).min(least);
    let from = (from + model.deploy.scroll).min(least);
    let mut shown: Vec<_> = lines.drain(from..(from + room.min(lines.len() - from))).collect();
    shown.extend(end);
    write(&shown, inner, buffer);
}

fn head(run: &RunSeen, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let view = &run.view;
    let release = view.plan.release.as_ref().map_or("", |r| r.as_str());
    let blue = view.services.values().find_map(|s| s.blue_release.as_ref());
    let what = match (view.plan.kind, blue) {
        (RunKind::Cleanup, _) => "clean up BLUE".to_owned(),
        (kind, Some(blue)) => {
            format!("{} {blue} BLUE {} {release} GREEN", kind.word(), theme.pick("→", "->"))
        }
        (kind, None) => format!("{} {release} GREEN", kind.word()),
    };
    let process = run.runner.map_or("no process".to_owned(), |pid| format!("process {pid}"));
    let by = if view.ended.is_some() { String::new() } else { format!("  {process}") };
    let text = format!(
        "{} {what}   started {} by {}{by}",
        view.number,
        clock(view.started),
        view.actor
    );
    let mut lines: Vec<_> = wrapped(&text, width).into_iter().map(Line::raw).collect();
    lines.push(Line::raw(""));
    lines
}

fn current_line(view: &RunView) -> Option<usize> {
    let step = view.state.step()?;
    view.steps.iter().rposition(|s| &s.plan.id == step)
}

fn steps(view: &RunView, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let current = current_line(view);
    let mut lines = Vec::new();
    for (at, step) in view.steps.iter().enumerate() {
        let here = current == Some(at) && view.ended.is_none();
        lines.push(step_line(step, at, here, theme, width));
        let detail = match &step.state {
            StepState::Skipped { reason } => Some(format!("reason: {reason}")),
            StepState::Ok | StepState::Warning if !step.summary.is_empty() && width >= 60 => {
                Some(step.summary.clone())
            }
            _ => None,
        };
        // A warning is read in full; what went well is one line.
        let most = if step.state == StepState::Warning { 3 } else { 1 };
        for text in detail.iter().flat_map(|d| wrapped(d, width.saturating_sub(8))).take(most) {
            lines.push(Line::styled(format!("        {text}"), theme.style(Role::Muted)));
        }
    }
    lines
}

fn step_line(
    step: &StepView,
    at: usize,
    here: bool,
    theme: Theme,
    width: usize,
) -> Line<'static> {
    let mark = theme.step(&step.state);
    let cursor = if here { theme.pick("▶", ">") } else { " " };
    let attempt = match step.state {
        StepState::Running { attempt } if attempt > 1 => format!("  attempt {attempt}"),
        _ => String::new(),
    };
    let took = match step.state {
        StepState::Pending | StepState::NotRun { .. } => String::new(),
        _ => took(step.took_ms),
    };
    let room = width.saturating_sub(22);
    let title: String = format!("{}{attempt}", step.plan.title).chars().take(room).collect();
    Line::from(vec![
        Span::raw(format!(" {cursor}{:>2} ", at + 1)),
        Span::styled(format!("{} {:<5}", mark.glyph, mark.word), theme.style(mark.role)),
        Span::raw(format!("{title:<room$} {took:>5}")),
    ])
}

/// The traffic bar of each service, what failed and what now.
fn tail(here: &Environment, run: &RunSeen, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let view = &run.view;
    let mut lines = vec![Line::raw("")];
    lines.extend(failure(view, theme, width));
    if view.plan.kind != RunKind::Cleanup && view.ended.is_none() {
        lines.extend(view.services.iter().map(|(name, s)| {
            let on = |side: Side| s.serving.is_some() && s.serving.as_ref() == s.build(side);
            let side = if on(Side::Blue) {
                Some(Side::Blue)
            } else if on(Side::Green) {
                Some(Side::Green)
            } else {
                None
            };
            bar(name.as_str(), side, theme, width)
        }));
    }
    let now = what_now(here, view);
    lines.extend(wrapped(&now, width).into_iter().map(|l| Line::styled(l, theme.style(Role::Focus))));
    lines
}

/// BLUE left and solid, GREEN right and hatched, the words always there.
fn bar(name: &str, side: Option<Side>, theme: Theme, width: usize) -> Line<'static> {
    let room = width.saturating_sub(36).clamp(4, 40);
    let empty = " ".repeat(room);
    let (blue, green) = match side {
        Some(Side::Blue) => (theme.fill(Side::Blue).repeat(room), String::new()),
        Some(Side::Green) => (String::new(), theme.fill(Side::Green).repeat(room)),
        None => (String::new(), String::new()),
    };
    let (left, right) = match side {
        Some(Side::Blue) => ("100%", "  0%"),
        Some(Side::Green) => ("  0%", "100%"),
        None => ("  ?%", "  ?%"),
    };
    let middle = if side.is_some() { String::new() } else { empty };
    Line::from(vec![
        Span::raw(format!(" {name:<12} BLUE {left} ")),
        Span::styled(blue, theme.style(Role::Blue)),
        Span::raw(middle),
        Span::styled(green, theme.style(Role::Green)),
        Span::raw(format!(" {right} GREEN")),
    ])
}

/// What failed, why, what customers see.
fn failure(view: &RunView, theme: Theme, width: usize) -> Vec<Line<'static>> {
    let failed = match &view.state {
        RunState::Failed { .. } => true,
        RunState::Ended { outcome } => {
            !matches!(outcome, crate::domain::event::Outcome::Promoted | crate::domain::event::Outcome::CleanedUp)
        }
        _ => false,
    };
    let Some((step, problem, _)) = view.failure.as_ref().filter(|_| failed) else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let style = theme.style(Role::Failed);
    let what = format!("{} {step}: {}", theme.pick("✗", "X"), problem.what);
    lines.extend(wrapped(&what, width).into_iter().map(|l| Line::styled(l, style)));
    for (word, text) in [("because", &problem.why), ("now", &problem.todo)] {
        if !text.is_empty() {
            let text = format!("  {word} {text}");
            lines.extend(wrapped(&text, width).into_iter().take(4).map(Line::raw));
        }
    }
    lines.extend(wrapped(&customers(view), width).into_iter().map(Line::raw));
    lines
}

fn customers(view: &RunView) -> String {
    let blue = view.services.values().find_map(|s| s.blue_release.as_ref());
    let blue = blue.map_or("what served before".to_owned(), ToString::to_string);
    let green = view.plan.release.as_ref().map_or("green".to_owned(), ToString::to_string);
    if let Some((on_green, on_blue)) = view.split() {
        let names = |of: Vec<&crate::domain::ids::ServiceName>| {
            of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        };
        return format!("SPLIT: customers of {} are on {green}, of {} on {blue}.", names(on_green), names(on_blue));
    }
    match facts::side(view) {
        _ if !view.touched_traffic() => format!("Customers are still on {blue}. Nothing to undo."),
        Some(Side::Blue) => format!("Customers are back on {blue}."),
        Some(Side::Green) => format!("Customers are on {green}."),
        None => "Nobody can say what customers are on: look with 1.".to_owned(),
    }
}

fn what_now(here: &Environment, view: &RunView) -> String {
    match &view.state {
        RunState::Waiting { .. } => {
            format!("Enter or T: send all traffic of {} to GREEN (you will be asked)", here.name)
        }
        RunState::Failed { .. } if view.touched_traffic() => {
            "R retry   S skip   B give traffic back".to_owned()
        }
        RunState::Failed { .. } => "R retry   S skip   A end the run".to_owned(),
        RunState::Paused { .. } => "p goes on".to_owned(),
        RunState::Ended { .. } => format!("Run {} is over. D deploys, B goes back.", view.number),
        _ => String::new(),
    }
}

/// An interrupted run: recorded, observed, and the safe choices.
fn doubt(
    model: &Model,
    here: &Environment,
    run: &RunSeen,
    theme: Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let title = format!("INTERRUPTED: the process of run {} is gone", run.view.number);
    let mut lines = vec![Line::raw(""), Line::styled(title, theme.style(Role::Unknown))];
    match &here.doubt {
        None => {
            lines.push(Line::raw(format!("  recorded  {}", run.view.state.sentence())));
            lines.push(Line::raw("  observed  asking the platform…"));
        }
        Some(Err(problem)) => {
            lines.push(Line::raw(format!("  recorded  {}", run.view.state.sentence())));
            let text = format!("  observed  nobody can say: {problem}");
            lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
            lines.push(Line::raw("  Nothing runs until that can be asked; Enter asks again."));
        }
        Some(Ok(doubt)) => {
            for (word, text) in [("recorded", &doubt.recorded), ("observed", &doubt.observed)] {
                let text = format!("  {word}  {text}");
                lines.extend(wrapped(&text, width).into_iter().map(Line::raw));
            }
            for (at, choice) in doubt.choices.iter().enumerate() {
                let selected = at == model.deploy.choice;
                let cursor = if selected { theme.pick("▶", ">") } else { " " };
                let recommended = if at == 0 { "   recommended" } else { "" };
                let role = if selected { Role::Selection } else { Role::Text };
                let text = format!("  {cursor} {}{recommended}", choice.sentence());
                lines.push(Line::styled(text, theme.style(role)));
            }
            lines.push(Line::styled(
                "Nothing runs until you choose: j/k, Enter",
                theme.style(Role::Focus),
            ));
        }
    }
    lines
}
