//! Text inputs: the text with its cursor, which the terminal draws too, so that screen readers and input methods find it.

use ratatui::buffer::Buffer;
use ratatui::layout::Position;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use tui_input::Input;

use crate::tui::theme::{Role, Theme};

/// Marks the cell of the cursor until the frame is drawn. Nothing on the screen blinks, so the modifier is free.
const CURSOR: Modifier = Modifier::RAPID_BLINK;

/// The text of an input, with the cursor if the input has the focus.
pub(in crate::tui) fn typed(input: &Input, focused: bool, theme: &Theme) -> Vec<Span<'static>> {
    let value = input.value();
    if !focused {
        return vec![Span::raw(value.to_owned())];
    }
    let before: String = value.chars().take(input.cursor()).collect();
    let mut after = value.chars().skip(input.cursor());
    let mark = Style::new().add_modifier(CURSOR);
    let at = match after.next() {
        Some(c) => Span::styled(c.to_string(), mark.add_modifier(Modifier::REVERSED)),
        None => Span::styled(theme.pick("▏", "_"), mark),
    };
    vec![Span::raw(before), at, Span::raw(after.collect::<String>())]
}

/// An input with its name.
pub(in crate::tui) fn field(
    name: &str,
    input: &Input,
    focused: bool,
    theme: &Theme,
) -> Line<'static> {
    let role = if focused { Role::Focus } else { Role::Muted };
    let mut line = Line::from(Span::styled(format!("  {name:<18} "), theme.style(role)));
    line.extend(typed(input, focused, theme));
    line
}

/// Takes the mark of the cursor off the buffer; returns where it was.
pub(super) fn take_cursor(buffer: &mut Buffer) -> Option<Position> {
    let at = buffer.content.iter().position(|cell| cell.modifier.contains(CURSOR))?;
    buffer.content[at].modifier.remove(CURSOR);
    let (x, y) = buffer.pos_of(at);
    Some(Position { x, y })
}
