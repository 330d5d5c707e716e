//! Draws the Alerts pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::model::{Queue, whole};
use crate::ports::outbox::{Delivery, DeliveryState};
use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, first_shown, framed, selected, styled, wrapped, write};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &model.panes.alerts;
    let inner = framed(model, theme, Pane::Alerts, badge(pane.queue.as_ref()), area, buffer);
    let (width, height) = (usize::from(inner.width), usize::from(inner.height));
    let Some(queue) = &pane.queue else {
        return write(&styled(theme, Role::Muted, "Not read yet.", width), inner, buffer);
    };
    let mut lines = silence(theme, queue, width);
    if queue.latest.is_empty() {
        let text = "No alert yet. notify: in config.yaml names the channels.";
        lines.extend(styled(theme, Role::Muted, text, width));
        return write(&lines, inner, buffer);
    }
    let room = height.saturating_sub(lines.len());
    let (rows, at) = rows(model, theme, queue, width);
    let from = first_shown(at, 4, rows.len(), room);
    lines.extend(rows.into_iter().skip(from));
    write(&lines, inner, buffer);
}

fn badge(queue: Option<&Queue>) -> String {
    match queue {
        Some(queue) if queue.silence.is_some() => " silenced ".to_owned(),
        Some(queue) if queue.pending > 0 => format!(" {} pending ", queue.pending),
        _ => String::new(),
    }
}

fn silence(theme: &Theme, queue: &Queue, width: usize) -> Vec<Line<'static>> {
    let Some((until, actor, reason)) = &queue.silence else { return Vec::new() };
    let until = until.strftime("%d %b %H:%M:%SZ");
    let text = format!(" All alerts are silenced until {until}: {reason} ({actor})");
    styled(theme, Role::Warning, &text, width)
}

/// The lines, and the index of the selected delivery's line. Its full text is below it.
fn rows(model: &Model, theme: &Theme, queue: &Queue, width: usize) -> (Vec<Line<'static>>, usize) {
    let (mut lines, mut at) = (Vec::new(), 0);
    for (number, (delivery, state)) in queue.latest.iter().enumerate() {
        let here = number == model.panes.alerts.selected && model.focus == Pane::Alerts;
        let row = row(theme, delivery, state, here, width);
        if here {
            at = lines.len();
            lines.push(selected(row, theme.style(Role::Selection)));
            let whole = whole(delivery, state);
            let indented = wrapped(&whole, width.saturating_sub(4)).into_iter();
            lines.extend(
                indented.map(|text| Line::styled(format!("    {text}"), theme.style(Role::Muted))),
            );
        } else {
            lines.push(row);
        }
    }
    (lines, at)
}

fn row(
    theme: &Theme,
    delivery: &Delivery,
    state: &DeliveryState,
    here: bool,
    width: usize,
) -> Line<'static> {
    let (role, glyph, ascii, word) = match state {
        DeliveryState::Delivered(_) => (Role::Ok, "✓", "+", "SENT"),
        DeliveryState::Waits { .. } => (Role::Waiting, "◆", "?", "WAIT"),
        DeliveryState::GivenUp(_) => (Role::Failed, "✗", "X", "LOST"),
        DeliveryState::Silenced => (Role::Muted, "‖", "=", "MUTE"),
    };
    let mark = if here { theme.pick("▶", ">") } else { " " };
    let at = delivery.alert.at.strftime("%m-%d %H:%MZ");
    let channel = delivery.channel.to_string();
    let channel = channel.split(' ').next().unwrap_or_default().to_owned();
    let first = delivery.alert.text.lines().next().unwrap_or_default();
    let head = format!("{mark}{at} ");
    let state = format!("{} {word}", theme.pick(glyph, ascii));
    let rest = format!(" {channel:<7} {first}");
    let room = width.saturating_sub(head.chars().count() + state.chars().count());
    Line::from(vec![
        Span::raw(head),
        Span::styled(state, theme.style(role)),
        Span::raw(cut(&rest, room)),
    ])
}
