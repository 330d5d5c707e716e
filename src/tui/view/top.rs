//! The first line: the environments, and the run of the selected one.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::{clock, took};
use crate::domain::policy::Protection;
use crate::domain::probe::State;
use crate::domain::run::RunState;
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::deploy::view::elapsed_ms;
use crate::tui::theme::{Mark, Role, Theme};

/// Minimum width to name the other environments.
const WIDE_COLUMNS: u16 = 100;

fn role_of(environment: &Environment) -> Role {
    match environment.protection {
        Protection::Open => Role::Open,
        Protection::Confirm => Role::Confirm,
        Protection::Typed => Role::Typed,
    }
}

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut spans = flags(model, theme);
    spans.extend(names(model, theme, area.width).into_iter().flat_map(|(_, spans)| spans));
    if let Some(run) = model.here().and_then(|e| e.run.as_ref()) {
        spans.push(Span::raw(format!(" {} {}", run.view.number, run.view.plan.title())));
        spans.push(Span::styled(
            format!("  {}", took(elapsed_ms(model, run))),
            theme.style(Role::Muted),
        ));
    }
    let mut line = Line::from(spans);
    // Show the clock only if there is room for it.
    if let Some(now) = model.clock() {
        let clock = clock(now);
        let used = line.width() + clock.len() + 1;
        if let Some(gap) = usize::from(area.width).checked_sub(used).filter(|gap| *gap > 0) {
            line.push_span(Span::raw(" ".repeat(gap)));
            line.push_span(Span::styled(clock, theme.style(Role::Muted)));
        }
    }
    line.render(area, buffer);
}

/// What kind of screen this is, if it is no usual one.
fn flags(model: &Model, theme: &Theme) -> Vec<Span<'static>> {
    let mut spans = vec![Span::raw(" ")];
    let flags = [
        (model.rehearsal, "REHEARSAL", Role::Waiting),
        (model.replay.is_some(), "REPLAY", Role::Waiting),
        (model.read_only && model.replay.is_none(), "READ-ONLY", Role::Warning),
    ];
    for (_, word, role) in flags.into_iter().filter(|(on, ..)| *on) {
        spans.extend([Span::styled(word, theme.style(role)), Span::raw(" ")]);
    }
    spans
}

/// The environments, by index. In a narrow window only the selected one is named.
fn names(model: &Model, theme: &Theme, width: u16) -> Vec<(usize, Vec<Span<'static>>)> {
    let mut names = Vec::new();
    for (at, environment) in model.environments.iter().enumerate() {
        let name = environment.name.as_str();
        let mut spans = Vec::new();
        if at == model.selected {
            let style = theme.style(role_of(environment));
            spans.push(Span::styled(format!("[{}]", name.to_uppercase()), style));
        } else if width >= WIDE_COLUMNS {
            spans.push(Span::styled(name.to_owned(), theme.style(Role::Muted)));
            if let Some(mark) = needs_attention(model, environment, theme) {
                spans.push(Span::styled(format!(" {}", mark.glyph), theme.style(mark.role)));
            }
        } else {
            continue;
        }
        spans.push(Span::raw(" "));
        names.push((at, spans));
    }
    names
}

/// The name of the environment at a column.
pub(super) fn environment_at(model: &Model, theme: &Theme, width: u16, x: u16) -> Option<String> {
    let wide = |spans: &[Span<'_>]| spans.iter().map(Span::width).sum::<usize>();
    let mut right = wide(&flags(model, theme));
    let column = usize::from(x);
    if column < right {
        return None;
    }
    let hit = names(model, theme, width).into_iter().find(|(_, spans)| {
        right += wide(spans);
        column < right
    });
    Some(model.environments.get(hit?.0)?.name.to_string())
}

/// The mark of an environment that is not selected and needs a person: its run, or an unhealthy service.
fn needs_attention(model: &Model, environment: &Environment, theme: &Theme) -> Option<Mark> {
    if let Some(run) = environment.under_way() {
        let waits = run.runner.is_none()
            || matches!(run.view.state, RunState::Waiting { .. } | RunState::Failed { .. });
        return waits.then(|| theme.run(&run.view, run.runner.is_some()));
    }
    let (worst, _) = model.evidence(environment).live().worst()?;
    matches!(worst, State::Down | State::Flapping | State::Degraded).then(|| theme.state(worst))
}
