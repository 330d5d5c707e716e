//! Translates crossterm events into messages.

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind,
};

use super::resized;
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::msg::Msg;
use crate::tui::theme::Theme;
use crate::tui::view::{Target, pane_at, target_at};

/// The message for an event; `None` for events that the screen does not use.
pub(super) fn message(event: Event, model: &Model, theme: &Theme) -> Option<Msg> {
    match event {
        Event::Mouse(mouse) => moused(mouse, model, theme),
        Event::Key(key) => pressed(key).map(Msg::Key),
        Event::FocusGained => Some(Msg::Focus(true)),
        Event::FocusLost => Some(Msg::Focus(false)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(..) => resized(),
    }
}

/// Number of lines scrolled per notch of the mouse wheel.
const LINES_PER_NOTCH: isize = 3;

fn moused(event: MouseEvent, model: &Model, theme: &Theme) -> Option<Msg> {
    let (x, y) = (event.column, event.row);
    let wheel = |by| pane_at(model, x, y).map(|pane| Msg::Wheel(pane, by));
    match event.kind {
        MouseEventKind::Down(_) => Some(match target_at(model, theme, x, y)? {
            Target::Pane(pane) => Msg::Click(pane, None),
            Target::Row(pane, key) => Msg::Click(pane, Some(key)),
            Target::Header(pane) => Msg::ClickHeader(pane),
            Target::Key(key) => Msg::ClickKey(key),
            Target::Border(border) => Msg::Hold(Some(border)),
        }),
        MouseEventKind::Drag(_) if model.held_border.is_some() => Some(Msg::Drag(x)),
        MouseEventKind::Up(_) if model.held_border.is_some() => Some(Msg::Hold(None)),
        MouseEventKind::ScrollUp => wheel(-LINES_PER_NOTCH),
        MouseEventKind::ScrollDown => wheel(LINES_PER_NOTCH),
        _ => None,
    }
}

/// The message for SIGINT: the same as for the key Ctrl-C.
pub(super) fn interrupt() -> Msg {
    Msg::Key(Key::ctrl('c'))
}

fn pressed(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let code = match event.code {
        KeyCode::Char(c) => Code::Char(c),
        KeyCode::Enter => Code::Enter,
        KeyCode::Esc => Code::Esc,
        KeyCode::Tab => Code::Tab,
        KeyCode::BackTab => Code::BackTab,
        KeyCode::Backspace => Code::Backspace,
        KeyCode::Delete => Code::Delete,
        KeyCode::Up => Code::Up,
        KeyCode::Down => Code::Down,
        KeyCode::Left => Code::Left,
        KeyCode::Right => Code::Right,
        KeyCode::Home => Code::Home,
        KeyCode::End => Code::End,
        KeyCode::PageUp => Code::PageUp,
        KeyCode::PageDown => Code::PageDown,
        KeyCode::F(n) => Code::Function(n),
        _ => return None,
    };
    Some(Key {
        code,
        ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        alt: event.modifiers.contains(KeyModifiers::ALT),
        repeat: event.kind == KeyEventKind::Repeat,
    })
}
