//! Draws the list of actions for the row under the cursor.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::text::{Line, Span};

use super::overlay::{boxed, command_line, finder_line};
use super::{cut, first_shown, write};
use crate::domain::custom_command::{CustomCommand, CustomCommandState};
use crate::tui::list::listing::bar;
use crate::tui::model::Model;
use crate::tui::model::actions::{Actions, Entry};
use crate::tui::theme::{Role, Theme};

/// Columns of the box.
const COLUMNS: u16 = 100;
/// Columns of a command's name.
const NAME_COLUMNS: usize = 28;

pub(super) fn render(
    model: &Model,
    actions: &Actions,
    theme: &Theme,
    area: Rect,
    buffer: &mut Buffer,
) {
    let entries = model.actions(actions);
    let height = u16::try_from(entries.len() + 4).unwrap_or(u16::MAX).clamp(6, area.height.max(6));
    let area = area.centered(Constraint::Max(COLUMNS), Constraint::Length(height));
    let what = if actions.team { "Commands of the team" } else { "Actions" };
    let title = format!("{what} · {}", model.actions_title(actions));
    let inner = boxed(&title, area, theme, buffer);
    let room = usize::from(inner.height).saturating_sub(2);
    let from = first_shown(actions.finder.selected, 0, entries.len(), room);
    let mut lines = vec![finder_line("filter:", &actions.finder, theme), Line::raw("")];
    for (at, entry) in entries.iter().enumerate().skip(from).take(room) {
        let here = at == actions.finder.selected;
        lines.push(match entry {
            Entry::Command(command) => command_line(model, *command, here, theme, inner.width),
            Entry::Team(command) => team(model, command, here, theme, usize::from(inner.width)),
        });
    }
    if entries.is_empty() {
        let text = "nothing can be done here now";
        lines.push(Line::styled(text, theme.style(Role::Muted)));
    }
    write(&lines, inner, buffer);
    let list = Rect { y: inner.y + 2, height: inner.height.saturating_sub(2), ..inner };
    bar(theme, Rect { width: list.width + 1, ..list }, (from, entries.len()), buffer);
}

fn team(
    model: &Model,
    command: &CustomCommand,
    here: bool,
    theme: &Theme,
    width: usize,
) -> Line<'static> {
    let cursor = if here { theme.pick("▶ ", "> ") } else { "  " };
    let note = match model.last_of(command) {
        Some((id, CustomCommandState::Running)) => format!("runs (run {id}); Enter stops it"),
        Some((_, state)) => format!("{}; last: {}", command.argv.join(" "), state.label()),
        None => command.argv.join(" "),
    };
    let role = if here { Role::Selection } else { Role::Text };
    let note = cut(&note, width.saturating_sub(NAME_COLUMNS + 3));
    Line::from(vec![
        Span::raw(cursor),
        Span::styled(format!("{:<NAME_COLUMNS$} ", command.title()), theme.style(role)),
        Span::styled(note, theme.style(Role::Muted)),
    ])
}
