//! Colours as themes write them, and as terminals can show them.

use ratatui::style::Color;

use super::eye::{Light, difference};
use crate::domain::ansi_style::of_256;

/// A colour as written in a theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    /// `#rrggbb`.
    Rgb(u8, u8, u8),
    /// `256:n`.
    Indexed(u8),
    /// `ansi:name`: its value depends on the user's terminal.
    Ansi(u8),
    Default,
}

/// The number of colours that a terminal supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// 16 million.
    True,
    /// 256.
    Indexed,
    /// 16.
    Ansi,
    /// None; bold, underlined and reversed remain.
    Never,
}

const NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright-black",
    "bright-red",
    "bright-green",
    "bright-yellow",
    "bright-blue",
    "bright-magenta",
    "bright-cyan",
    "bright-white",
];

/// xterm's palette of 16 colours, the default for unknown terminals.
const XTERM: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

impl Paint {
    /// Parses a colour of a theme. The caller resolves names of the palette first.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "default" {
            return Some(Self::Default);
        }
        if let Some(name) = text.strip_prefix("ansi:") {
            let at = NAMES.iter().position(|known| *known == name)?;
            return u8::try_from(at).ok().map(Self::Ansi);
        }
        if let Some(number) = text.strip_prefix("256:") {
            return number.parse().ok().map(Self::Indexed);
        }
        let hex = text.strip_prefix('#').filter(|hex| hex.len() == 6 && hex.is_ascii())?;
        let part = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
        Some(Self::Rgb(part(0)?, part(2)?, part(4)?))
    }

    /// The nearest colour on a terminal of the given depth.
    pub(super) fn at(self, depth: Depth) -> Color {
        match (self, depth) {
            (Self::Default, _) | (_, Depth::Never) => Color::Reset,
            (Self::Rgb(r, g, b), Depth::True) => Color::Rgb(r, g, b),
            (Self::Ansi(n), _) | (Self::Indexed(n), Depth::True | Depth::Indexed) => {
                Color::Indexed(n)
            }
            // The first 16 of the 256 belong to the user's theme and are unknown.
            (paint, Depth::Indexed) => Color::Indexed(paint.nearest(16..=255)),
            (paint, Depth::Ansi) => Color::Indexed(paint.nearest(0..=15)),
        }
    }

    /// The visible colour; `None` if it depends on the user's terminal.
    pub(super) fn seen(self) -> Option<Light> {
        let (r, g, b) = match self {
            Self::Rgb(r, g, b) => (r, g, b),
            Self::Indexed(n) if n >= 16 => indexed(n),
            _ => return None,
        };
        Some(Light::of_srgb(r, g, b))
    }

    fn nearest(self, among: std::ops::RangeInclusive<u8>) -> u8 {
        let Some(wanted) = self.seen() else {
            return *among.start();
        };
        let distance = |n: &u8| {
            let (r, g, b) = indexed(*n);
            difference(wanted, Light::of_srgb(r, g, b))
        };
        among.min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(7)
    }
}

fn indexed(n: u8) -> (u8, u8, u8) {
    XTERM.get(usize::from(n)).copied().unwrap_or_else(|| of_256(n))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_parse_and_degrade_to_the_terminal_depth() {
        assert_eq!(Paint::parse("#ff0000").unwrap().at(Depth::Indexed), Color::Indexed(196));
        assert_eq!(Paint::parse("#ff0000").unwrap().at(Depth::Ansi), Color::Indexed(9));
        assert_eq!(Paint::parse("ansi:bright-blue").unwrap().at(Depth::True), Color::Indexed(12));
        assert_eq!(Paint::parse("#123456").unwrap().at(Depth::True), Color::Rgb(18, 52, 86));
        assert_eq!(Paint::parse("#123456").unwrap().at(Depth::Never), Color::Reset);
        for wrong in ["", "red", "#fff", "#gggggg", "256:256", "ansi:pink", "#ffé00"] {
            assert_eq!(Paint::parse(wrong), None, "{wrong}");
        }
    }
}
