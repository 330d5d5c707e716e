//! Colours and the glyphs of states; no other module defines a colour. A state is always a shape and a word;
//! colour is a third, optional signal.

mod check;
mod choose;
mod colour;
mod eye;
mod find;
mod palette;
mod role;

use std::sync::Arc;

use ratatui::style::{Modifier, Style};

pub use self::check::{Lint, check};
pub use self::choose::{Asked, Looks, depth};
pub use self::colour::Depth;
use self::find::MONO;
pub use self::find::{ThemeError, Themes, kind_word};
pub use self::palette::Palette;
pub use self::role::Role;

use crate::domain::ansi_style::{Hue, Pen};
use crate::domain::checklist::Standing;
use crate::domain::event::Outcome;
use crate::domain::migration::RowState;
use crate::domain::pipeline;
use crate::domain::probe::{ProbeSnapshot, State};
use crate::domain::run::RunState;
use crate::domain::step::{Failure, Side, StepState};
use crate::domain::view::{RunView, WaitsFor};

/// The appearance of the screen in this terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    styles: Arc<[Style]>,
    pub name: String,
    /// Whether only ASCII may be used.
    pub ascii: bool,
}

/// How a state is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    pub glyph: &'static str,
    pub word: &'static str,
    pub role: Role,
}

impl Theme {
    /// The theme of a palette, on a terminal of the given colour depth.
    pub fn new(palette: &Palette, depth: Depth, ascii: bool) -> Self {
        let styles = Role::ALL.iter().map(|role| palette.look(*role).style(depth)).collect();
        Self { styles, name: palette.name.clone(), ascii }
    }

    /// The theme without any colour: bold, underlined and reversed text marks what is important.
    pub fn without_colour(ascii: bool) -> Self {
        // A test reads the built-in themes. If this one were invalid, the screen would show plain text.
        if let Ok(palette) = Themes::default().palette(MONO) {
            return Self::new(&palette, Depth::Never, ascii);
        }
        let styles = Role::ALL.iter().map(|_| Style::new()).collect();
        Self { styles, name: MONO.to_owned(), ascii }
    }

    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// A style combined with a program's colours, in the nearest colours of the theme.
    pub fn tinted(&self, base: Style, pen: Pen) -> Style {
        let role = pen.hue.map(|hue| match hue {
            Hue::Red => Role::LogError,
            Hue::Yellow => Role::LogWarn,
            Hue::Green => Role::Green,
            Hue::Cyan => Role::LogSource,
            Hue::Blue => Role::Blue,
            Hue::Magenta => Role::LogFact,
            Hue::Grey => Role::Muted,
        });
        let mut style = base;
        style.fg = role.map_or(base.fg, |role| self.style(role).fg);
        if pen.bold {
            style = style.add_modifier(Modifier::BOLD);
        }
        if pen.underlined {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        style
    }

    /// Picks the Unicode or the ASCII form.
    pub fn pick(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    /// The fill of a slot's bar: BLUE solid, GREEN hatched.
    pub fn fill(&self, side: Side) -> &'static str {
        match side {
            Side::Blue => self.pick("█", "#"),
            Side::Green => self.pick("▒", "="),
        }
    }

    fn mark(
        &self,
        unicode: &'static str,
        ascii: &'static str,
        word: &'static str,
        role: Role,
    ) -> Mark {
        Mark { glyph: self.pick(unicode, ascii), word, role }
    }

    pub fn step(&self, state: &StepState) -> Mark {
        match state {
            StepState::Pending => self.mark("○", "[ ]", "PEND", Role::Pending),
            StepState::Running { .. } => self.mark("◌", "[>]", "RUN", Role::Running),
            StepState::Waiting => self.mark("◆", "[?]", "WAIT", Role::Waiting),
            StepState::Ok => self.mark("✓", "[+]", "OK", Role::Ok),
            StepState::Warning => self.mark("▲", "[!]", "WARN", Role::Warning),
            StepState::Failed { class: Failure::Cancelled, .. } => {
                self.mark("■", "[#]", "END", Role::Aborted)
            }
            StepState::Failed { .. } => self.mark("✗", "[X]", "FAIL", Role::Failed),
            StepState::Skipped { .. } => self.mark("–", "[-]", "SKIP", Role::Skipped),
            StepState::NotRun { .. } => self.mark("·", "[.]", "N/A", Role::NotRun),
            StepState::InDoubt => self.mark("?", "[~]", "LOST", Role::Unknown),
            StepState::Undone => self.mark("↩", "[<]", "RBCK", Role::RolledBack),
        }
    }

    /// The state of a migration.
    pub fn migration(&self, state: &RowState) -> Mark {
        match state {
            RowState::Applied => self.mark("✓", "[+]", "DONE", Role::Ok),
            RowState::Pending => self.mark("○", "[ ]", "PEND", Role::Pending),
            RowState::OutOfOrder => self.mark("▲", "[!]", "LATE", Role::Warning),
            RowState::Missing => self.mark("✗", "[X]", "GONE", Role::Failed),
            RowState::Edited(_) => self.mark("✗", "[X]", "EDIT", Role::Failed),
            RowState::Dirty => self.mark("◐", "[~]", "HALF", Role::Failed),
            RowState::Unknown => self.mark("?", "[?]", "?", Role::Unknown),
        }
    }

    /// The result of a run.
    pub fn outcome(&self, outcome: Outcome) -> Mark {
        match outcome {
            Outcome::Promoted => self.mark("✓", "[+]", "PROMOTED", Role::Ok),
            Outcome::CleanedUp => self.mark("✓", "[+]", "CLEANED UP", Role::Ok),
            Outcome::Migrated => self.mark("✓", "[+]", "MIGRATED", Role::Ok),
            Outcome::RolledBack => self.mark("↩", "[<]", "ROLLED BACK", Role::RolledBack),
            Outcome::Aborted => self.mark("■", "[#]", "ABORTED", Role::Aborted),
            Outcome::Failed => self.mark("✗", "[X]", "FAILED", Role::Failed),
            Outcome::Superseded => self.mark("–", "[-]", "SUPERSEDED", Role::Skipped),
            Outcome::Unknown => self.mark("?", "[~]", "UNKNOWN", Role::Unknown),
        }
    }

    /// The state of a run; `driven` says whether its runner is alive.
    pub fn run(&self, view: &RunView, driven: bool) -> Mark {
        match &view.state {
            RunState::Ended { outcome } => self.outcome(*outcome),
            _ if !driven => self.mark("?", "[~]", "IN DOUBT", Role::Unknown),
            RunState::Waiting { .. } => match view.waits_for() {
                Some(WaitsFor::Rules) => self.mark("◌", "[>]", "CHECKING", Role::Running),
                Some(WaitsFor::Health) => {
                    self.mark("?", "[~]", "WAITING FOR HEALTH", Role::Unknown)
                }
                // Where a rule counts approvals, it is not for everybody who looks.
                Some(WaitsFor::Person) | None if view.approvals_rule().is_some() => {
                    self.mark("◆", "[?]", "WAITING FOR APPROVALS", Role::Waiting)
                }
                Some(WaitsFor::Person) | None => {
                    self.mark("◆", "[?]", "WAITING FOR YOU", Role::Waiting)
                }
            },
            RunState::Failed { .. } => {
                self.mark("✗", "[X]", "FAILED, WAITING FOR YOU", Role::Failed)
            }
            RunState::Paused { .. } => self.mark("‖", "[=]", "PAUSED", Role::Paused),
            RunState::Planned
            | RunState::Ready { .. }
            | RunState::Running { .. }
            | RunState::Done => self.mark("◌", "[>]", "RUNNING", Role::Running),
        }
    }

    /// The state of a pipeline run, a job or a step.
    pub fn pipeline(&self, standing: &pipeline::Standing) -> Mark {
        use pipeline::Standing;
        match standing {
            Standing::Queued => self.mark("○", "[ ]", "PEND", Role::Pending),
            Standing::Running => self.mark("◌", "[>]", "RUN", Role::Running),
            Standing::Waiting => self.mark("◆", "[?]", "WAIT", Role::Waiting),
            Standing::Passed => self.mark("✓", "[+]", "OK", Role::Ok),
            Standing::Failed(_) => self.mark("✗", "[X]", "FAIL", Role::Failed),
            Standing::Cancelled => self.mark("■", "[#]", "ABRT", Role::Aborted),
            Standing::Skipped => self.mark("–", "[-]", "SKIP", Role::Skipped),
            Standing::Other(_) => self.mark("?", "[~]", "?", Role::Unknown),
        }
    }

    /// The state of a probe.
    pub fn probe(&self, probe: &ProbeSnapshot) -> Mark {
        if probe.muted.is_some() && probe.state != State::Ok {
            return self.mark("‖", "[=]", "MUTED", Role::HealthOff);
        }
        self.state(probe.state)
    }

    /// The state of a probe or of a service.
    pub fn state(&self, state: State) -> Mark {
        match state {
            State::Off => self.mark("○", "[ ]", "CHECK", Role::HealthOff),
            State::Ok => self.mark("✓", "[+]", "OK", Role::HealthOk),
            State::Degraded => self.mark("▲", "[!]", "DEGR", Role::HealthDegraded),
            State::Flapping => self.mark("▲", "[!]", "FLAP", Role::HealthDegraded),
            State::Down => self.mark("✗", "[X]", "DOWN", Role::HealthDown),
            State::Stale => self.mark("?", "[~]", "STALE", Role::HealthStale),
        }
    }

    /// The state of a checklist item.
    pub fn item(&self, standing: Standing) -> Mark {
        match standing {
            Standing::Done => self.mark("✓", "[x]", "OK", Role::Ok),
            Standing::Open => self.mark("○", "[ ]", "OPEN", Role::Pending),
            Standing::Failed => self.mark("✗", "[!]", "FAIL", Role::Failed),
            Standing::Unknown => self.mark("?", "[?]", "UNKNOWN", Role::Unknown),
            Standing::Stale => self.mark("?", "[~]", "STALE", Role::HealthStale),
            Standing::NotApplicable => self.mark("–", "[-]", "N/A", Role::Skipped),
            Standing::Overridden => self.mark("▲", "[o]", "OVERRIDDEN", Role::Warning),
        }
    }

    /// A service without a live build.
    pub fn no_build(&self) -> Mark {
        self.mark("○", "[ ]", "NONE", Role::HealthOff)
    }
}
