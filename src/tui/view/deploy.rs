//! The pane Deploy: the steps of the run, what customers are on, and what to do now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{clock, facts, framed, took, wrapped, write};
use crate::domain::plan::RunKind;
use crate::domain::run::RunState;
use crate::domain::step::{Side, StepKind, StepState};
use crate::domain::view::{RunView, ServiceView, StepView};
use crate::tui::model::environments::{Environment, RunSeen};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::{Mark, Role, Theme};

/// So many steps are to be seen, whatever else there is to say.
const LEAST_STEPS: usize = 3;

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
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
    let elapsed = elapsed_ms(model, &run.view);
    let head = head(run, theme, width);
    let height = usize::from(inner.height);
    let mut end = if here.in_doubt().is_some() {
        doubt(model, here, run, theme, width)
    } else {
        tail(here, run, false, theme, width)
    };
    // Where it is tight, the bars go first: the second line of the screen tells the traffic too.
    if here.in_doubt().is_none() && head.len() + end.len() + LEAST_STEPS > height {
        end = tail(here, run, true, theme, width);
    }
    // What customers are on and what to do now is never scrolled away.
    let room = height.saturating_sub(head.len() + end.len());
    let (mut steps, mut current) = steps(run, elapsed, true, theme, width);
    if steps.len() > room {
        (steps, current) = self::steps(run, elapsed, false, theme, width);
    }
    let last = steps.len().saturating_sub(room);
    let from = current.saturating_sub(room.saturating_sub(3)).min(last);
    let from = (from + model.deploy.scroll).min(last);
    let mut shown = head;
    shown.extend(steps.into_iter().skip(from).take(room));
    shown.extend(end);
    write(&shown, inner, buffer);
}

fn head(run: &RunSeen, theme: &Theme, width: usize) -> Vec<Line<'static>> {
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
    let by = if view.ended.is_some() { String::new() } else { format!(" · {process}") };
    let text =
        format!("{} {what} · started {} by {}{by}", view.number, clock(view.started), view.actor);
    let mut lines: Vec<_> = wrapped(&text, width).into_iter().map(Line::raw).collect();
    lines.push(Line::raw(""));
    lines
}

fn current_step(view: &RunView) -> Option<usize> {
    let step = view.state.step()?;
    view.steps.iter().rposition(|s| &s.plan.id == step)
}

/// How long the run has been going by now. Facts tell only up to the last one.
pub(super) fn elapsed_ms(model: &Model, view: &RunView) -> u64 {
    let since = model.now.map(|now| now.duration_since(view.started).as_millis());
    let since = since.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
    if view.ended.is_some() { view.elapsed_ms } else { since.max(view.elapsed_ms) }
}

/// The lines of the steps, and at which of them the run is. `whole`: with what each one said.
fn steps(
    run: &RunSeen,
    elapsed: u64,
    whole: bool,
    theme: &Theme,
    width: usize,
) -> (Vec<Line<'static>>, usize) {
    let (view, driven) = (&run.view, run.runner.is_some());
    let current = current_step(view).filter(|_| view.ended.is_none());
    let (mut lines, mut at_line) = (Vec::new(), 0);
    for (at, step) in view.steps.iter().enumerate() {
        if current == Some(at) {
            at_line = lines.len();
        }
        let took = match step.state {
            StepState::Pending | StepState::NotRun { .. } => String::new(),
            // Nobody can say how long a step took whose end nobody saw.
            StepState::InDoubt => "?".to_owned(),
            StepState::Running { .. } if !driven => "?".to_owned(),
            StepState::Running { .. } | StepState::Waiting => {
                running_for(view, step, elapsed.saturating_sub(step.began_ms.unwrap_or(elapsed)))
            }
            _ => took(step.took_ms),
        };
        // A step that nobody drives any more is not running, whatever the last fact says.
        let lost = matches!(step.state, StepState::Running { .. }) && !driven;
        let mark = theme.step(if lost { &StepState::InDoubt } else { &step.state });
        lines.push(step_line(step, at, current == Some(at), mark, &took, theme, width));
        let detail = match &step.state {
            StepState::Skipped { reason } => Some(format!("reason: {reason}")),
            StepState::Ok | StepState::Warning if !step.summary.is_empty() && whole => {
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
    (lines, at_line)
}

/// How long a step has been going; of a soak also how long it is to go.
fn running_for(view: &RunView, step: &StepView, ms: u64) -> String {
    let length = view.plan.policy.soak.length.as_millis();
    match (&step.plan.kind, &step.state, u64::try_from(length)) {
        (StepKind::Soak, StepState::Running { attempt: 1 }, Ok(length)) => {
            format!("{} / {}", took(ms), took(length))
        }
        _ => took(ms),
    }
}

fn step_line(
    step: &StepView,
    at: usize,
    here: bool,
    mark: Mark,
    took: &str,
    theme: &Theme,
    width: usize,
) -> Line<'static> {
    let cursor = if here { theme.pick("▶", ">") } else { " " };
    let attempt = match step.state {
        StepState::Running { attempt } if attempt > 1 => format!("  attempt {attempt}"),
        _ => String::new(),
    };
    let room = width.saturating_sub(17 + took.len().max(5));
    let title: String = format!("{}{attempt}", step.plan.title).chars().take(room).collect();
    Line::from(vec![
        Span::raw(format!(" {cursor}{:>2} ", at + 1)),
        Span::styled(format!("{} {:<5}", mark.glyph, mark.word), theme.style(mark.role)),
        Span::raw(format!("{title:<room$} {took:>5}")),
    ])
}

/// The traffic bar of each service, what failed and what now.
fn tail(
    here: &Environment,
    run: &RunSeen,
    tight: bool,
    theme: &Theme,
    width: usize,
) -> Vec<Line<'static>> {
    let view = &run.view;
    let mut lines = if tight { Vec::new() } else { vec![Line::raw("")] };
    lines.extend(failure(view, if tight { 2 } else { 4 }, theme, width));
    if view.plan.kind != RunKind::Cleanup && view.ended.is_none() && !tight {
        for member in &view.plan.members {
            if let Some(seen) = view.services.get(member.service()) {
                lines.push(bar(member.service().as_str(), seen, theme, width));
            }
        }
    }
    let now = what_now(here, view);
    lines.extend(
        wrapped(&now, width).into_iter().map(|l| Line::styled(l, theme.style(Role::Focus))),
    );
    lines
}

/// BLUE left and solid, GREEN right and hatched, the words always there.
fn bar(name: &str, seen: &ServiceView, theme: &Theme, width: usize) -> Line<'static> {
    let on = |side: Side| seen.serving.is_some() && seen.serving.as_ref() == seen.build(side);
    let room = width.saturating_sub(36).clamp(4, 40);
    let fill = |side: Side| theme.fill(side).repeat(room);
    let told = |text: &str| format!("{text:^room$}");
    let (left, middle, role, right) = if on(Side::Blue) {
        ("100%", fill(Side::Blue), Role::Blue, "  0%")
    } else if on(Side::Green) {
        ("  0%", fill(Side::Green), Role::Green, "100%")
    } else if !seen.blue_known {
        ("  ?%", told("not looked yet"), Role::Unknown, "  ?%")
    } else if seen.serving.is_none() {
        ("  0%", told("nobody serves"), Role::Muted, "  0%")
    } else {
        ("  ?%", told("somebody else serves"), Role::Unknown, "  ?%")
    };
    Line::from(vec![
        Span::raw(format!(" {name:<12} BLUE {left} ")),
        Span::styled(middle, theme.style(role)),
        Span::raw(format!(" {right} GREEN")),
    ])
}

/// What failed, why, what customers see.
fn failure(view: &RunView, most: usize, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let failed = match &view.state {
        RunState::Failed { .. } => true,
        RunState::Ended { outcome } => !matches!(
            outcome,
            crate::domain::event::Outcome::Promoted | crate::domain::event::Outcome::CleanedUp
        ),
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
            lines.extend(wrapped(&text, width).into_iter().take(most).map(Line::raw));
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
        return format!(
            "SPLIT: customers of {} are on {green}, of {} on {blue}.",
            names(on_green),
            names(on_blue)
        );
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
    theme: &Theme,
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
                let text = wrapped(&text, width);
                lines.extend(text.into_iter().map(|line| Line::styled(line, theme.style(role))));
            }
            lines.push(Line::styled(
                "Nothing runs until you choose: j/k, Enter",
                theme.style(Role::Focus),
            ));
        }
    }
    lines
}
