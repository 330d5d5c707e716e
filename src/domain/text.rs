//! Foreign text made harmless: what a service printed must not drive the terminal (F52).

use std::borrow::Cow;

/// One line fit for a terminal and a log: colour codes and every other control taken out, tabs as
/// spaces, no bidirectional or zero-width marks, at most `most` characters.
pub fn harmless(line: &str, most: usize) -> String {
    let mut out = String::with_capacity(line.len().min(most));
    let mut kept = 0;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => skip_escape(&mut chars),
            '\u{9b}' => skip_control_sequence(&mut chars),
            c if c.is_control() && c != '\t' || is_invisible(c) => {}
            _ if kept == most => {
                out.push('…');
                break;
            }
            c => {
                out.push(if c == '\t' { ' ' } else { c });
                kept += 1;
            }
        }
    }
    out
}

/// What is left of a line that was written over again and again: a progress bar is one line, and how
/// often it changed (terminal.md 2.4).
pub fn rewritten(line: &str) -> Cow<'_, str> {
    let mut states = line.split('\r').filter(|state| !state.trim().is_empty());
    let Some(first) = states.next() else { return Cow::Borrowed("") };
    match states.clone().next_back() {
        None => Cow::Borrowed(first),
        Some(last) => Cow::Owned(format!("{last} ({} updates)", states.count() + 1)),
    }
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// After ESC: a control sequence, a string that ends with BEL or ST, or one character.
fn skip_escape(chars: &mut std::str::Chars<'_>) {
    match chars.next() {
        Some('[') => skip_control_sequence(chars),
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
}

fn skip_control_sequence(chars: &mut std::str::Chars<'_>) {
    for c in chars.by_ref() {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_written_over_is_its_last_state() {
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
    fn what_drives_a_terminal_is_taken_out() {
        let cases = [
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("a\u{1b}]52;c;ZXZpbA==\u{7}b", "ab"),
            ("a\u{1b}]0;title\u{1b}\\b", "ab"),
            ("a\u{9b}2Jb", "ab"),
            ("x\u{202e}y\u{200b}z\r\u{8}", "xyz"),
            ("a\tb", "a b"),
        ];
        for (from, to) in cases {
            assert_eq!(harmless(from, 100), to, "{from:?}");
        }
        assert_eq!(harmless("abcdef", 3), "abc…");
    }
}
