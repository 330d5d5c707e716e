//! Keys and pastes in a text input. Supports the Emacs keys of shells.

use tui_input::{Input, InputRequest};

use crate::tui::keys::{Code, Key};

/// Handles a key; returns whether it changed the text.
pub(in crate::tui) fn edit(input: &mut Input, key: Key) -> bool {
    let request = match (key.code, key.ctrl, key.alt) {
        (Code::Char('a'), true, _) | (Code::Home, ..) => InputRequest::GoToStart,
        (Code::Char('e'), true, _) | (Code::End, ..) => InputRequest::GoToEnd,
        (Code::Char('u'), true, _) => InputRequest::DeleteLine,
        (Code::Char('k'), true, _) => InputRequest::DeleteTillEnd,
        (Code::Char('w'), true, _) => InputRequest::DeletePrevWord,
        (Code::Char('b'), _, true) => InputRequest::GoToPrevWord,
        (Code::Char('f'), _, true) => InputRequest::GoToNextWord,
        (Code::Left, ..) => InputRequest::GoToPrevChar,
        (Code::Right, ..) => InputRequest::GoToNextChar,
        (Code::Backspace, ..) => InputRequest::DeletePrevChar,
        (Code::Delete, ..) => InputRequest::DeleteNextChar,
        (Code::Char(c), false, false) => InputRequest::InsertChar(c),
        _ => return false,
    };
    input.handle(request).is_some_and(|change| change.value)
}

/// Maximum number of characters of a paste.
const MOST_PASTED: usize = 500;

/// Inserts a paste without its control characters.
pub(in crate::tui) fn insert(input: &mut Input, text: &str) {
    for c in text.chars().filter(|c| !c.is_control()).take(MOST_PASTED) {
        input.handle(InputRequest::InsertChar(c));
    }
}
