//! Draws the Alerts pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::model::{Queue, whole};
use crate::ports::outbox::{Delivery, DeliveryState};
use crate::tui::list::listing::{Listing, marked};
use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{cut, framed, styled, wrapped, write};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let pane = &model.panes.alerts;
    let inner = framed(model, theme, Pane::Alerts, badge(pane.queue.as_ref()), area, buffer);
    let width = usize::from(inner.width);
    let Some(queue) = &pane.queue else {
        return write(&styled(theme, Role::Muted, "Not read yet.", width), inner, buffer);
    };
    let mut lines = silence(theme, queue, width);
    if queue.latest.is_empty() {
        let text = "No alert yet. notify: in config.yaml names the channels.";
        lines.extend(styled(theme, Role::Muted, text, width));
    }
    write(&lines, inner, buffer);
    if let Some(listing) = listing(model, theme, inner) {
        listing.draw(theme, buffer);
    }
}

/// The list below the line about silence.
pub(in crate::tui) fn listing(model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
    let queue = model.panes.alerts.queue.as_ref()?;
    let width = usize::from(inner.width);
    let head = u16::try_from(silence(theme, queue, width).len()).unwrap_or(0).min(inner.height);
    let area = Rect { y: inner.y + head, height: inner.height - head, ..inner };
    let mut listing = Listing::new(area, 4);
    let chosen = model.chosen(Pane::Alerts);
    for at in model.listed(Pane::Alerts) {
        let (delivery, state) = queue.latest.get(at)?;
        let here = chosen == Some(at);
        let line = row(theme, delivery, state, here, width);
        let mut lines = vec![marked(model, theme, Pane::Alerts, here, line)];
        if here && model.focus == Pane::Alerts {
            let text = whole(delivery, state);
            let indented = wrapped(&text, width.saturating_sub(4)).into_iter();
            lines.extend(
                indented.map(|text| Line::styled(format!("    {text}"), theme.style(Role::Muted))),
            );
        }
        listing.row(at, here, lines);
    }
    Some(listing)
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

fn row(
    theme: &Theme,
    delivery: &Delivery,
    state: &DeliveryState,
    here: bool,
    width: usize,
) -> Line<'static> {
    let (role, glyph, ascii, word) = match state {
        DeliveryState::Delivered(_) => (Role::Ok, "✓", "+", "SENT"),
        DeliveryState::Elsewhere(_) => (Role::Ok, "✓", "+", "TEAM"),
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
