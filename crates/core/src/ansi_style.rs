//! Text styles from a program's output. Colours are kept by name and drawn by the theme, so that they stay readable on
//! its background, with colour blindness and without colours.

use serde::{Deserialize, Serialize};

/// A named colour. Any other colour maps to the nearest one; black and white become the theme's own text colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hue {
    Red,
    Yellow,
    Green,
    Cyan,
    Blue,
    Magenta,
    /// For less important text.
    Grey,
}

/// The style of a span of characters in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnsiStyle {
    /// Index of the first character, from 0.
    pub from: usize,
    /// Index after the last character.
    pub to: usize,
    #[serde(flatten)]
    pub pen: Pen,
}

/// The current style. It leaves out backgrounds, blinking and hidden text, which control a
/// terminal but do not help a reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pen {
    /// None: the theme's text colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hue: Option<Hue>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub underlined: bool,
}

impl Pen {
    /// Applies the parameters of an SGR sequence (ECMA-48 §8.3.117, with xterm's colours).
    pub(super) fn take(&mut self, parameters: &str) {
        let mut parts = parameters.split(';');
        while let Some(part) = parts.next() {
            let mut own = part.split(':').map(number);
            match (own.next().unwrap_or(0), own.next()) {
                (0, _) => *self = Self::default(),
                (1, _) => self.bold = true,
                (4, style) => self.underlined = style != Some(0),
                (22, _) => self.bold = false,
                (24, _) => self.underlined = false,
                (n @ (30..=37 | 90..=97), _) => self.hue = sixteenth(n % 10 + n / 90 * 8),
                (39, _) => self.hue = None,
                // With colons, a colour is one part, and may have a colour space before its three components.
                (38, Some(5)) => self.hue = own.next().and_then(indexed),
                (38, Some(2)) => {
                    let last: Vec<u8> = own.map(byte).collect();
                    self.hue = last.last_chunk().and_then(|rgb| nearest(*rgb));
                }
                (which @ (38 | 48 | 58), _) => {
                    let hue = match parts.next().map(number) {
                        Some(5) => parts.next().map(number).and_then(indexed),
                        Some(2) => {
                            let mut one = || parts.next().map_or(0, |part| byte(number(part)));
                            nearest([one(), one(), one()])
                        }
                        _ => None,
                    };
                    if which == 38 {
                        self.hue = hue;
                    }
                }
                _ => {}
            }
        }
    }
}

fn number(text: &str) -> u16 {
    text.parse().unwrap_or(0)
}

fn byte(number: u16) -> u8 {
    u8::try_from(number).unwrap_or(u8::MAX)
}

fn sixteenth(n: u16) -> Option<Hue> {
    match n % 8 {
        1 => Some(Hue::Red),
        2 => Some(Hue::Green),
        3 => Some(Hue::Yellow),
        4 => Some(Hue::Blue),
        5 => Some(Hue::Magenta),
        6 => Some(Hue::Cyan),
        _ if n == 8 => Some(Hue::Grey),
        _ => None,
    }
}

fn indexed(n: u16) -> Option<Hue> {
    match byte(n) {
        n @ 0..16 => sixteenth(n.into()),
        n => nearest(of_256(n).into()),
    }
}

/// The RGB value of one of the upper 240 of the 256 terminal colours: a cube of 6³, and 24 greys.
pub fn of_256(n: u8) -> (u8, u8, u8) {
    let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
    match n.saturating_sub(16) {
        n @ 0..216 => (level(n / 36), level(n / 6 % 6), level(n % 6)),
        grey => (8 + 10 * (grey - 216), 8 + 10 * (grey - 216), 8 + 10 * (grey - 216)),
    }
}

/// A colour is grey if its strongest and its weakest component differ by less than this.
const PALE: u8 = 40;

fn nearest([r, g, b]: [u8; 3]) -> Option<Hue> {
    let (most, least) = (r.max(g).max(b), r.min(g).min(b));
    if most - least < PALE {
        return (80..200).contains(&most).then_some(Hue::Grey);
    }
    let middle = least + (most - least) / 2;
    Some(match (r > middle, g > middle, b > middle) {
        (true, false, false) => Hue::Red,
        (true, true, _) => Hue::Yellow,
        (false, true, false) => Hue::Green,
        (false, true, true) => Hue::Cyan,
        (true, false, true) => Hue::Magenta,
        (false, false, _) => Hue::Blue,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_named_colours_and_strips_everything_else() {
        let plain = Pen::default();
        let of = |hue| Pen { hue: Some(hue), ..plain };
        let cases = [
            ("31", of(Hue::Red)),
            ("91", of(Hue::Red)),
            ("1;32", Pen { bold: true, ..of(Hue::Green) }),
            ("31;0", plain),
            ("31;", plain),
            ("", plain),
            ("36;39", plain),
            ("90", of(Hue::Grey)),
            ("37", plain),
            ("97", plain),
            ("30", plain),
            ("4:3;35", Pen { underlined: true, ..of(Hue::Magenta) }),
            ("4;4:0", plain),
            ("1;4;22;24", plain),
            ("38;5;208", of(Hue::Yellow)),
            ("38;5;12", of(Hue::Blue)),
            ("38;5;244", of(Hue::Grey)),
            ("38;2;250;20;30", of(Hue::Red)),
            ("38:2::20:220:30", of(Hue::Green)),
            ("38:5:51", of(Hue::Cyan)),
            ("38;2;250;250;250", plain),
            // Backgrounds: their parameters must be skipped as a whole, not read as colours.
            ("48;5;1", plain),
            ("48;2;31;32;33;36", of(Hue::Cyan)),
            ("41;5;8;107", plain),
            ("38", plain),
            ("38;2;1", plain),
            ("99999999;x;38;5;9999", plain),
        ];
        for (parameters, wanted) in cases {
            let mut pen = plain;
            pen.take(parameters);
            assert_eq!(pen, wanted, "{parameters:?}");
        }
    }
}
