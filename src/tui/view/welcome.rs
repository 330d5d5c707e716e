//! Draws the first screen without a config.

use std::path::Path;

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};

use super::overlay::boxed;
use super::{spell_in_ascii, wrapped, write};
use crate::tui::theme::{Role, Theme};
use crate::tui::welcome::CHOICES;

/// Draws the screen with one of the choices selected.
pub(in crate::tui) fn draw(config: &Path, selected: usize, theme: &Theme, frame: &mut Frame<'_>) {
    let (area, buffer) = (frame.area(), frame.buffer_mut());
    buffer.set_style(area, theme.style(Role::Text).patch(theme.style(Role::Surface)));
    let place = area.centered(Constraint::Max(76), Constraint::Max(14));
    let inner = boxed("Welcome to Pointsman", place, theme, buffer);
    let inner =
        Rect { y: inner.y.saturating_add(1), height: inner.height.saturating_sub(1), ..inner };
    let file = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    let mut lines = vec![Line::raw("No config found at")];
    let width = usize::from(inner.width);
    lines.extend(wrapped(&format!("   {}", file.display()), width).into_iter().map(Line::raw));
    let todo = "--config FILE or POINTSMAN_CONFIG names another one.";
    lines.push(Line::styled(todo, theme.style(Role::Muted)));
    lines.push(Line::raw(""));
    for (at, (key, _, name, doc)) in CHOICES.iter().enumerate() {
        let here = at == selected;
        let cursor = if here { theme.pick("▶ ", "> ") } else { "  " };
        let role = if here { Role::Selection } else { Role::Text };
        lines.push(Line::from(vec![
            Span::raw(cursor),
            Span::styled(format!("{key}  {name:<16}"), theme.style(role)),
            Span::styled(format!("  {doc}"), theme.style(Role::Muted)),
        ]));
    }
    lines.push(Line::raw(""));
    lines.push(Line::styled("j/k choose   Enter select", theme.style(Role::Muted)));
    write(&lines, inner, buffer);
    if theme.ascii {
        spell_in_ascii(buffer);
    }
}
