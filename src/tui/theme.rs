//! Roles, the one place with colours, and the shapes of states. A state is always a shape and a word;
//! colour is a third, optional signal (terminal.md 2.1).

use ratatui::style::{Color, Modifier, Style};

use crate::domain::event::Outcome;
use crate::domain::run::RunState;
use crate::domain::seen::Health;
use crate::domain::step::{Side, StepState};

/// What a piece of the screen is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Role {
    Text,
    Muted,
    Border,
    Focus,
    Key,
    Selection,
    Open,
    Confirm,
    Typed,
    Blue,
    Green,
    Running,
    Waiting,
    Ok,
    Warning,
    Failed,
    Unknown,
    Toast,
}

/// How the screen looks here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Whether colours may be used.
    pub colour: bool,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// A state as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its shape.
    pub glyph: &'static str,
    /// Its word.
    pub word: &'static str,
    /// Its colour's role.
    pub role: Role,
}

impl Theme {
    /// The style of a role. Without colour what matters is bold, reversed or underlined.
    pub fn style(self, role: Role) -> Style {
        let modifier = match role {
            Role::Selection | Role::Typed => Modifier::REVERSED,
            Role::Focus | Role::Key | Role::Waiting | Role::Failed | Role::Toast => Modifier::BOLD,
            // Where there is colour the line under it is one signal too many.
            Role::Unknown if !self.colour => Modifier::UNDERLINED,
            _ => Modifier::empty(),
        };
        let style = Style::new().add_modifier(modifier);
        if !self.colour {
            return style;
        }
        match role {
            Role::Text | Role::Selection | Role::Open => style,
            Role::Muted | Role::Border => style.fg(Color::DarkGray),
            Role::Focus | Role::Warning | Role::Unknown | Role::Toast => style.fg(Color::Yellow),
            Role::Key | Role::Running => style.fg(Color::Cyan),
            Role::Confirm => style.fg(Color::Cyan).add_modifier(Modifier::BOLD),
            Role::Typed => {
                Style::new().fg(Color::White).bg(Color::Red).add_modifier(Modifier::BOLD)
            }
            Role::Blue => style.fg(Color::Blue),
            Role::Green => style.fg(Color::LightCyan),
            Role::Waiting => style.fg(Color::Magenta),
            Role::Ok => style.fg(Color::Green),
            Role::Failed => style.fg(Color::Red),
        }
    }

    /// One of two spellings.
    pub fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// What a slot's bar is filled with: BLUE solid, GREEN hatched.
    pub fn fill(self, side: Side) -> &'static str {
        match side {
            Side::Blue => self.pick("█", "#"),
            Side::Green => self.pick("▒", "="),
        }
    }

    fn mark(
        self,
        unicode: &'static str,
        ascii: &'static str,
        word: &'static str,
        role: Role,
    ) -> Mark {
        Mark { glyph: self.pick(unicode, ascii), word, role }
    }

    /// A step's state.
    pub fn step(self, state: &StepState) -> Mark {
        match state {
            StepState::Pending => self.mark("○", "[ ]", "PEND", Role::Muted),
            StepState::Running { .. } => self.mark("◌", "[>]", "RUN", Role::Running),
            StepState::Waiting => self.mark("◆", "[?]", "WAIT", Role::Waiting),
            StepState::Ok => self.mark("✓", "[+]", "OK", Role::Ok),
            StepState::Warning => self.mark("▲", "[!]", "WARN", Role::Warning),
            StepState::Failed { .. } => self.mark("✗", "[X]", "FAIL", Role::Failed),
            StepState::Skipped { .. } => self.mark("–", "[-]", "SKIP", Role::Muted),
            StepState::NotRun { .. } => self.mark("·", "[.]", "N/A", Role::Muted),
            StepState::InDoubt => self.mark("?", "[~]", "LOST", Role::Unknown),
            StepState::Undone => self.mark("↩", "[<]", "RBCK", Role::Waiting),
        }
    }

    /// A run's state, with whether a process drives it.
    pub fn run(self, state: &RunState, driven: bool) -> Mark {
        match state {
            RunState::Ended { outcome } => match outcome {
                Outcome::Promoted => self.mark("✓", "[+]", "PROMOTED", Role::Ok),
                Outcome::CleanedUp => self.mark("✓", "[+]", "CLEANED UP", Role::Ok),
                Outcome::RolledBack => self.mark("↩", "[<]", "ROLLED BACK", Role::Waiting),
                Outcome::Aborted => self.mark("■", "[#]", "ABORTED", Role::Warning),
                Outcome::Failed => self.mark("✗", "[X]", "FAILED", Role::Failed),
                Outcome::Superseded => self.mark("–", "[-]", "SUPERSEDED", Role::Muted),
                Outcome::Unknown => self.mark("?", "[~]", "UNKNOWN", Role::Unknown),
            },
            _ if !driven => self.mark("?", "[~]", "IN DOUBT", Role::Unknown),
            RunState::Waiting { .. } => self.mark("◆", "[?]", "WAITING FOR YOU", Role::Waiting),
            RunState::Failed { .. } => {
                self.mark("✗", "[X]", "FAILED, WAITING FOR YOU", Role::Failed)
            }
            RunState::Paused { .. } => self.mark("‖", "[=]", "PAUSED", Role::Warning),
            RunState::Planned
            | RunState::Ready { .. }
            | RunState::Running { .. }
            | RunState::Done => self.mark("◌", "[>]", "RUNNING", Role::Running),
        }
    }

    /// What a service answered. `None`: nobody looked yet.
    pub fn health(self, health: Option<&Health>) -> Mark {
        match health {
            None => self.mark("?", "[~]", "?", Role::Unknown),
            Some(Health::Ok) => self.mark("✓", "[+]", "OK", Role::Ok),
            Some(Health::Down(_)) => self.mark("✗", "[X]", "DOWN", Role::Failed),
            Some(Health::Stale(_)) => self.mark("?", "[~]", "STALE", Role::Unknown),
            Some(Health::Off) => self.mark("○", "[ ]", "OFF", Role::Muted),
        }
    }
}
