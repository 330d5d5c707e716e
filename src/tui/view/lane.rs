//! The message lane, one line above the keys: the search input, what needs attention until it is solved, or the latest
//! message. It covers nothing.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::field::typed;
use super::write;
use crate::domain::describe;
use crate::domain::time::spoken;
use crate::tui::model::Model;
use crate::tui::model::messages::{Level, Toast};
use crate::tui::theme::{Role, Theme};

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let line = search(model, theme).unwrap_or_else(|| {
        let replay = model.replay.as_ref();
        let replay = replay.map(|at| Span::styled(at.clone(), theme.style(Role::Focus)));
        let parts = [
            messages(model, theme),
            replay.map(|at| vec![at]),
            attention(model, theme).map(|span| vec![span]),
        ];
        let mut spans: Vec<Span<'static>> = Vec::new();
        for part in parts.into_iter().flatten() {
            spans.push(Span::raw(if spans.is_empty() { " " } else { "   " }));
            spans.extend(part);
        }
        if spans.is_empty() { program(model, theme) } else { Line::from(spans) }
    });
    write(&[line], area, buffer);
}

/// The input of a search of the log.
fn search(model: &Model, theme: &Theme) -> Option<Line<'static>> {
    let logs = &model.panes.logs;
    let typing = logs.typing.as_ref()?;
    let found = match (&logs.query.search, &logs.extent.wrong) {
        (None, _) => "type what to look for; re: begins a pattern".to_owned(),
        (_, Some(why)) => why.clone(),
        _ => format!("{} matches", logs.extent.matches),
    };
    let mut line = Line::from(Span::styled(" /", theme.style(Role::Key)));
    line.extend(typed(typing, true, theme));
    line.push_span(Span::styled(format!("  {found}"), theme.style(Role::Muted)));
    Some(line)
}

/// The newest message, since it may answer a key; then the worst of the others that are still shown.
fn messages(model: &Model, theme: &Theme) -> Option<Vec<Span<'static>>> {
    let (newest, others) = model.messages.toasts.split_last()?;
    let mut spans = message(model, newest, theme);
    if let Some(worst) = others.iter().rev().max_by_key(|toast| toast.level) {
        spans.push(Span::raw("   "));
        spans.extend(message(model, worst, theme));
    }
    let keys = if others.len() > 1 {
        format!("  +{} more, ! lists them", others.len() - 1)
    } else if model.messages.toasts.iter().any(|toast| toast.level == Level::Error) {
        "  Esc dismisses, ! lists them".to_owned()
    } else {
        String::new()
    };
    spans.push(Span::styled(keys, theme.style(Role::Muted)));
    Some(spans)
}

fn message(model: &Model, toast: &Toast, theme: &Theme) -> Vec<Span<'static>> {
    let (glyph, role) = match toast.level {
        Level::Info => (theme.pick("·", "-"), Role::Text),
        Level::Warning => (theme.pick("▲", "[!]"), Role::Warning),
        Level::Error => (theme.pick("✗", "[X]"), Role::Failed),
    };
    let age = model.seconds(model.elapsed.saturating_sub(toast.since));
    let age =
        if age < 5 { String::new() } else { format!("  {} ago", spoken(Duration::from_secs(age))) };
    let text = toast.text.lines().collect::<Vec<_>>().join(" ");
    vec![
        Span::styled(format!("{glyph} {text}"), theme.style(role)),
        Span::styled(age, theme.style(Role::Muted)),
    ]
}

/// What stays until it is solved.
fn attention(model: &Model, theme: &Theme) -> Option<Span<'static>> {
    let mark = theme.pick("▲", "[!]");
    let mut parts = Vec::new();
    parts.extend(model.config_problem.clone());
    match &model.panes.alerts.queue {
        Some(queue) if queue.silence.is_some() => parts.push("alerts are silenced (9)".to_owned()),
        Some(queue) if queue.pending > 0 => {
            parts.push(format!("{} not sent yet (9)", describe::counted(queue.pending, "alert")));
        }
        _ => {}
    }
    if model.messages.unread > 0 && model.messages.toasts.is_empty() {
        parts.push(format!("{} (!)", describe::counted(model.messages.unread, "unread message")));
    }
    (!parts.is_empty()).then(|| {
        let text = format!("{mark} {}", parts.join(theme.pick(" · ", " - ")));
        Span::styled(text, theme.style(Role::Warning))
    })
}

/// The program, if nothing else needs the lane.
fn program(model: &Model, theme: &Theme) -> Line<'static> {
    let only = if model.read_only { ", read-only" } else { "" };
    let who = if model.rehearsal {
        "a rehearsal: nothing here is real".to_owned()
    } else {
        format!("pointsman {}, {}", env!("CARGO_PKG_VERSION"), model.actor)
    };
    let text = format!(" {who}, times in UTC, theme {}{only}", theme.name);
    Line::styled(text, theme.style(Role::Muted))
}
