//! Sanitizes foreign text: the output of a service must not control the terminal (F52).

use std::borrow::Cow;
use std::fmt::Write as _;

use super::ansi_style::{AnsiStyle, Pen};

/// Sanitizes one line for a terminal and a log: removes colour codes, all other controls, and bidirectional and
/// zero-width marks; turns tabs into spaces; keeps at most `most` characters.
pub fn harmless(line: &str, most: usize) -> String {
    painted(line, most).0
}

/// Maximum changes of colour kept per line.
const MOST_TINTS: usize = 100;

/// The sanitized line, and the styles of its characters that were not plain.
pub fn painted(line: &str, most: usize) -> (String, Vec<AnsiStyle>) {
    let mut out = String::with_capacity(line.len().min(most));
    let (mut kept, mut pen, mut tints) = (0, Pen::default(), Vec::<AnsiStyle>::new());
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars).into_iter().for_each(|sgr| pen.take(sgr)),
            '\u{9b}' => skip_control_sequence(&mut chars).into_iter().for_each(|sgr| pen.take(sgr)),
            c if c.is_control() && c != '\t' || is_invisible(c) => {}
            _ if kept == most => {
                out.push('…');
                break;
            }
            c => {
                out.push(if c == '\t' { ' ' } else { c });
                kept += 1;
                let room = tints.len() < MOST_TINTS;
                match tints.last_mut() {
                    Some(last) if last.to == kept - 1 && last.pen == pen => last.to = kept,
                    _ if room && pen != Pen::default() => {
                        tints.push(AnsiStyle { from: kept - 1, to: kept, pen });
                    }
                    _ => {}
                }
            }
        }
    }
    (out, tints)
}

/// The final state of a line that a program rewrote with carriage returns: a progress bar becomes one line,
/// with the number of its updates.
pub fn rewritten(line: &str) -> Cow<'_, str> {
    let mut states = line.split('\r').filter(|state| !state.trim().is_empty());
    let Some(first) = states.next() else { return Cow::Borrowed("") };
    match states.clone().next_back() {
        None => Cow::Borrowed(first),
        Some(last) => Cow::Owned(format!("{last} ({} updates)", states.count() + 1)),
    }
}

/// Whether a character is invisible, or changes how others are shown: bidirectional and zero-width marks,
/// line and paragraph separators, tags.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// Sanitizes several lines for a terminal. Only a line feed ends a line.
pub fn harmless_lines(text: &str) -> Cow<'_, str> {
    let fit = |c: char| matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(c));
    if text.chars().all(fit) {
        return Cow::Borrowed(text);
    }
    let lines = text.split('\n').map(|line| harmless(line, usize::MAX));
    Cow::Owned(lines.collect::<Vec<_>>().join("\n"))
}

/// JSON with every character escaped that could control a terminal. The value stays the same.
pub fn harmless_json(value: &serde_json::Value) -> String {
    let written = value.to_string();
    let mut out = String::with_capacity(written.len());
    for c in written.chars() {
        if c.is_control() || is_invisible(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Skips the text after ESC: a control sequence, a string that ends with BEL or ST, or one character.
/// Returns the result of a control sequence.
fn skip_escape<'l>(chars: &mut std::str::Chars<'l>) -> Option<&'l str> {
    match chars.next() {
        Some('[') => return skip_control_sequence(chars),
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next();
                    break;
                }
            }
        }
        _ => {}
    }
    None
}

/// Skips a control sequence. Returns its parameters if it sets a style.
fn skip_control_sequence<'l>(chars: &mut std::str::Chars<'l>) -> Option<&'l str> {
    let parameters = chars.as_str();
    let end = chars.by_ref().find(|c| ('\u{40}'..='\u{7e}').contains(c))?;
    let length = parameters.len() - chars.as_str().len() - end.len_utf8();
    (end == 'm').then(|| &parameters[..length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ansi_style::Hue;

    #[test]
    fn rewritten_line_keeps_its_last_state() {
        let cases = [
            ("plain", "plain"),
            ("windows\r", "windows"),
            ("10%\r20%\r100% done", "100% done (3 updates)"),
            ("10%\r20%\r", "20% (2 updates)"),
            ("\r\r", ""),
        ];
        for (from, to) in cases {
            assert_eq!(rewritten(from), to, "{from:?}");
        }
    }

    #[test]
    fn strips_terminal_controls() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("a\u{1b}]52;c;ZXZpbA==\u{7}b", "ab"),
            ("a\u{1b}]0;title\u{1b}\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("x\u{202e}y\u{200b}z\r\u{8}", "xyz"),
            ("a\tb", "a b"),
            ("a\u{61c}\u{2028}\u{e0041}\u{ad}b", "ab"),
        ];
        for (from, to) in cases {
            assert_eq!(harmless(from, 100), to, "{from:?}");
        }
        assert_eq!(harmless("abcdef", 3), "abc…");
        assert_eq!(harmless_lines("one\n\u{1b}[2Jtwo\r\n"), "one\ntwo\n");
        let value = serde_json::json!({"a": "\u{1b}[2J\u{9b}1m\u{202e}\u{e0041}"});
        let written = harmless_json(&value);
        assert_eq!(written, r#"{"a":"\u001b[2J\u009b1m\u202e\udb40\udc41"}"#);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&written).unwrap(), value);
    }

    #[test]
    fn keeps_styles_beside_the_text() {
        let told = |line: &str| {
            let (text, tints) = painted(line, 100);
            let tints: Vec<_> =
                tints.iter().map(|t| (t.from, t.to, t.pen.hue, t.pen.bold)).collect();
            (text, tints)
        };
        assert_eq!(
            told("a \u{1b}[31mré\u{7}d\u{1b}[0m b \u{9b}1m!"),
            ("a réd b !".into(), vec![(2, 5, Some(Hue::Red), false), (8, 9, None, true)])
        );
        assert_eq!(told("\u{1b}[2J\u{1b}[?25l\u{1b}[3Ax\u{1b}[31"), ("x".into(), vec![]));
        let many = "\u{1b}[31mx\u{1b}[32my".repeat(200);
        assert_eq!(painted(&many, 1000).1.len(), MOST_TINTS);
    }
}
