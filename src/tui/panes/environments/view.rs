//! Draws the Environments pane: live releases, as last read.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use crate::domain::custom_command::{CustomCommandRun, CustomCommandState};
use crate::domain::probe::State;
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::view::TrafficState;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{framed, wrapped, write};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let count = format!(" {} ", model.environments.len());
    let inner = framed(model, theme, Pane::Environments, count, area, buffer);
    let mut lines = Vec::new();
    let mut selected_at = 0;
    for (at, environment) in model.environments.iter().enumerate() {
        if at == model.selected {
            selected_at = lines.len();
        }
        lines.extend(of(model, theme, environment, at == model.selected, usize::from(inner.width)));
    }
    // Keep the selection visible.
    let height = usize::from(inner.height);
    let from = selected_at.saturating_sub(height.saturating_sub(8));
    write(lines.get(from..).unwrap_or_default(), inner, buffer);
}

fn of(
    model: &Model,
    theme: &Theme,
    environment: &Environment,
    selected: bool,
    width: usize,
) -> Vec<Line<'static>> {
    let cursor = if selected { theme.pick("▶", ">") } else { " " };
    let role = match (selected, model.focus == Pane::Environments) {
        (true, true) => Role::Selection,
        (true, false) => Role::Focus,
        _ => Role::Text,
    };
    let stale = environment.stale(model.elapsed);
    let age = stale.map_or(String::new(), |age| format!("  STALE {} s", model.seconds(age)));
    let mut lines =
        vec![Line::styled(format!("{cursor}{}{age}", environment.name), theme.style(role))];
    match &environment.seen {
        None => lines.push(Line::styled("   not looked yet".to_owned(), theme.style(Role::Muted))),
        Some((seen, _)) => {
            if let Some(problem) = &seen.unseen {
                let what = format!("   {}", problem.what);
                lines.push(Line::from(Span::styled(what, theme.style(Role::Unknown))));
            } else {
                lines.extend(
                    seen.services.iter().map(|s| service(theme, environment, s, stale.is_some())),
                );
            }
        }
    }
    for drift in environment.drift() {
        let text = format!("   {} drift: {drift}", theme.pick("▲", "[!]"));
        let odd = theme.style(Role::Warning);
        lines.extend(wrapped(&text, width).into_iter().map(|text| Line::styled(text, odd)));
    }
    lines.extend(held(environment, theme, width));
    if let Some(lint) = environment.seen.as_ref().and_then(|(seen, _)| seen.lint.as_ref()) {
        let text = format!("   lint: {lint}");
        lines.push(Line::styled(text, theme.style(Role::Warning)));
    }
    let going = |run: &&CustomCommandRun| {
        run.environment == environment.name && run.state == CustomCommandState::Running
    };
    for run in model.custom_command_runs.iter().filter(going) {
        let text = format!("   {} runs (run {}), C stops it", run.name, run.id);
        lines.push(Line::styled(text, theme.style(Role::Running)));
    }
    if let Some(lock) = &environment.lock {
        lines.push(Line::styled(format!("   locked: {lock}"), theme.style(Role::Warning)));
    }
    if let Some(told) = model.now.and_then(|now| environment.frozen(now)) {
        let lines_of = wrapped(&format!("   frozen: {told}"), width);
        let odd = theme.style(Role::Warning);
        lines.extend(lines_of.into_iter().map(|text| Line::styled(text, odd)));
    }
    if let Some(run) = environment.under_way() {
        let mark = theme.run(&run.view.state, run.runner.is_some());
        let release = run.view.plan.name().map_or_else(String::new, |name| name.to_string());
        lines.push(Line::from(vec![
            Span::raw(format!("   {} {} {release} ", theme.pick("↳", "->"), run.view.number)),
            Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role)),
        ]));
    }
    lines
}

/// A warning about services whose automatic rollouts an ended run left disabled: a push deploys nothing.
fn held(environment: &Environment, theme: &Theme, width: usize) -> Vec<Line<'static>> {
    let seen = environment.seen.iter().flat_map(|(seen, _)| &seen.services);
    let held = seen.filter(|service| service.rollouts_held).map(|service| service.service.as_str());
    let held: Vec<_> = held.collect();
    if held.is_empty() || environment.driven().is_some() {
        return Vec::new();
    }
    let mark = theme.pick("▲", "[!]");
    let text = format!("   {mark} automatic rollouts DISABLED: {}", held.join(", "));
    let odd = theme.style(Role::Warning);
    wrapped(&text, width).into_iter().map(|text| Line::styled(text, odd)).collect()
}

fn service(
    theme: &Theme,
    environment: &Environment,
    service: &ServiceSnapshot,
    stale: bool,
) -> Line<'static> {
    let live = match (&service.live, &service.traffic) {
        (Some(build), _) => {
            build.name().map_or_else(|| build.build.to_string(), |name| name.to_string())
        }
        (None, TrafficState::Split(_)) => "SPLIT".to_owned(),
        (None, TrafficState::Unknown) => "unknown".to_owned(),
        (None, _) => "no build".to_owned(),
    };
    // The state of a probe is more reliable than the health from a single poll.
    let mark = match environment.answers(service.service.as_str()) {
        Some(probe) if service.live.is_some() && probe.state != State::Off => theme.probe(probe),
        Some(_) if service.live.is_some() => theme.health(None),
        _ => theme.health(Some(&service.health).filter(|_| !stale)),
    };
    Line::from(vec![
        Span::raw(format!("   {:<10} {live:<12} ", service.service.to_string())),
        Span::styled(format!("{} {}", mark.glyph, mark.word), theme.style(mark.role)),
    ])
}
