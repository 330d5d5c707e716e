//! Keys, independent of the terminal library, and the table of their commands.

pub mod bindings;
pub mod commands;

/// A key without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Code {
    Char(char),
    Enter,
    Esc,
    Tab,
    BackTab,
    Backspace,
    Delete,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Function(u8),
}

/// A pressed key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Key {
    pub code: Code,
    pub ctrl: bool,
    pub alt: bool,
    /// Whether the keyboard repeated it because it is held down.
    pub repeat: bool,
}

impl Key {
    /// A key without modifiers.
    pub fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, repeat: false }
    }

    /// A letter with Control.
    pub fn ctrl(letter: char) -> Self {
        Self { ctrl: true, ..Self::plain(Code::Char(letter)) }
    }

    /// The name that the table, the hints and the config use: `D`, `Ctrl-c`, `Enter`.
    pub fn name(self) -> String {
        let base = match self.code {
            Code::Char(' ') => "Space".to_owned(),
            Code::Char(c) => c.to_string(),
            Code::BackTab => "Shift-Tab".to_owned(),
            Code::PageUp => "PgUp".to_owned(),
            Code::PageDown => "PgDn".to_owned(),
            Code::Function(n) => format!("F{n}"),
            code => format!("{code:?}"),
        };
        let (ctrl, alt) =
            (if self.ctrl { "Ctrl-" } else { "" }, if self.alt { "Alt-" } else { "" });
        format!("{ctrl}{alt}{base}")
    }
}
