//! Chooses the theme from the terminal's abilities, the command line and the config.

use super::find::automatic;
use super::{Depth, Theme, ThemeError, Themes};
use crate::config::schema::{Glyphs, Motion, ThemeChoice, UiConfig};
use crate::config::theme::ThemeKind;

/// The terminal's abilities, and the options of the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// The available themes.
    pub themes: Themes,
    /// A theme given by name or path.
    pub asked: Option<String>,
    pub depth: Depth,
    /// Whether ASCII was requested.
    pub ascii: bool,
    /// Whether the locale uses UTF-8.
    pub utf8: bool,
    /// The value of `COLORFGBG`.
    pub colorfgbg: Option<String>,
    /// The background colour, if the terminal reported it.
    pub told: Option<ThemeKind>,
    /// Whether the terminal may be queried. Over a slow connection the reply may arrive late
    /// and in pieces, and be mistaken for typed keys.
    pub may_ask: bool,
    /// The motion that the environment variables request.
    pub motion: Motion,
}

impl Looks {
    /// The motion to use: reduced if the config or the environment requests it.
    pub fn motion(&self, ui: &UiConfig) -> Motion {
        if self.motion == Motion::Reduced { self.motion } else { ui.motion }
    }

    /// The name of the theme to draw with.
    pub fn name<'a>(&'a self, ui: &'a UiConfig) -> &'a str {
        let name = match (&self.asked, &ui.theme) {
            (Some(name), _) | (None, ThemeChoice::Name(name)) => name,
            (None, ThemeChoice::Pair(pair)) => match self.background() {
                ThemeKind::Dark => &pair.dark,
                ThemeKind::Light => &pair.light,
            },
        };
        if matches!(name.as_str(), "auto" | "") { automatic(self.background()) } else { name }
    }

    /// The terminal's background: its reply to the query, otherwise `COLORFGBG`, otherwise dark. The last part of
    /// `COLORFGBG` is the background colour, of which 7 and 15 are light.
    pub fn background(&self) -> ThemeKind {
        let light = self.colorfgbg.as_deref().and_then(|told| told.rsplit(';').next());
        self.told.unwrap_or(match light {
            Some("7" | "15") => ThemeKind::Light,
            _ => ThemeKind::Dark,
        })
    }

    /// The theme to draw with.
    pub fn theme(&self, ui: &UiConfig) -> Result<Theme, ThemeError> {
        let ascii = self.ascii
            || match ui.glyphs {
                Glyphs::Auto => !self.utf8,
                Glyphs::Ascii => true,
                Glyphs::Unicode => false,
            };
        if self.depth == Depth::Never {
            return Ok(Theme::without_colour(ascii));
        }
        Ok(Theme::new(&self.themes.palette(self.name(ui))?, self.depth, ascii))
    }
}

/// The choices of `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Asked {
    /// The detected abilities of the terminal.
    #[default]
    Auto,
    /// This depth, whatever the terminal seems to support.
    Depth(Depth),
}

/// The colour depth of a terminal. `NO_COLOR` counts only if it is not empty (<https://no-color.org>).
pub fn depth(asked: Asked, no_color: &str, colorterm: &str, term: &str) -> Depth {
    if let Asked::Depth(depth) = asked {
        return depth;
    }
    let few = ["linux", "vt", "ansi", "cons"];
    if !no_color.is_empty() {
        Depth::Never
    } else if matches!(colorterm, "truecolor" | "24bit") {
        Depth::True
    } else if term.contains("256color") {
        Depth::Indexed
    } else if few.iter().any(|name| term.starts_with(name)) || term == "xterm" || term == "screen" {
        Depth::Ansi
    } else {
        Depth::Indexed
    }
}
