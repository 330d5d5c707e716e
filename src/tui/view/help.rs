//! Help, from the table of commands, with why a key is off now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Widget as _};

use super::write;
use crate::tui::keys::commands::{COMMANDS, Group};
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let area = area.centered(
        ratatui::layout::Constraint::Length(area.width.min(96)),
        ratatui::layout::Constraint::Length(area.height),
    );
    Clear.render(area, buffer);
    buffer.set_style(area, theme.style(Role::Dialog));
    let block = Block::new()
        .borders(Borders::ALL)
        .border_set(if theme.ascii { super::ASCII_HEAVY } else { ratatui::symbols::border::DOUBLE })
        .title_top(" Help · Esc closes ");
    let inner = block.inner(area);
    block.render(area, buffer);
    let mut lines = Vec::new();
    let groups = [
        (Group::Acts, "CHANGES A DEPLOYMENT, and asks first"),
        (Group::Looks, "LOOKS"),
        (Group::Program, "PROGRAM"),
    ];
    for (group, title) in groups {
        lines.push(Line::styled(title, theme.style(Role::Focus)));
        for row in COMMANDS.iter().filter(|row| row.group == group) {
            let keys = row.keys.join(" ");
            let off = available(model, row.command).err();
            let off = off.map(|why| format!("  (off: {why})")).unwrap_or_default();
            lines.push(Line::from(vec![
                Span::styled(format!("  {keys:<14}"), theme.style(Role::Key)),
                Span::raw(row.doc),
                Span::styled(off, theme.style(Role::Muted)),
            ]));
        }
    }
    // In a low window the movements, which everybody tries anyway, are what is cut.
    let height = usize::from(inner.height);
    if lines.len() > height {
        let moves = lines.len() - height;
        let from = lines.len().saturating_sub(8 + moves);
        lines.drain(from..(from + moves).min(lines.len()));
    }
    write(&lines, inner, buffer);
}
