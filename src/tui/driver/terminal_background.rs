//! Reads the terminal's reply to a query for its background colour (OSC 11). The screen does not
//! wait for the reply: crossterm does not know it and passes it on as keys, and this module
//! separates it from typed keys, however late it arrives.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use crate::config::theme::ThemeKind;

/// Maximum length of a reply, in key events.
const LONGEST_ANSWER: usize = 40;

/// Separates replies from typed keys.
#[derive(Debug, Default)]
pub(super) struct Answers {
    awaited: usize,
    /// Key events held back, because they may be the start of a reply.
    held: Vec<Event>,
}

impl Answers {
    /// Expects one more reply.
    pub(super) fn await_one(&mut self) {
        self.awaited += 1;
    }

    /// Takes an event. Returns the events that belong to no reply, in order, and the background
    /// of a reply that is now complete and readable.
    pub(super) fn take(&mut self, event: Event) -> (Vec<Event>, Option<ThemeKind>) {
        if self.awaited == 0 || (self.held.is_empty() && !begins(&event)) {
            return (vec![event], None);
        }
        let ends = !self.held.is_empty() && ends(&event);
        self.held.push(event);
        let said: String = self.held.iter().skip(1).filter_map(letter).collect();
        let whole = "11;rgb:";
        let may_be = whole.starts_with(&said) || said.starts_with(whole);
        if ends && said.starts_with(whole) {
            (self.awaited, self.held) = (self.awaited - 1, Vec::new());
            return (Vec::new(), background(&said));
        }
        let all_letters = said.chars().count() + 1 == self.held.len();
        if may_be && all_letters && self.held.len() < LONGEST_ANSWER {
            return (Vec::new(), None);
        }
        (std::mem::take(&mut self.held), None)
    }
}

fn key(event: &Event) -> Option<(KeyCode, KeyModifiers)> {
    match event {
        Event::Key(KeyEvent { code, modifiers, .. }) => Some((*code, *modifiers)),
        _ => None,
    }
}

/// Whether an event starts a reply. ESC and a character arrive as Alt and that character.
fn begins(event: &Event) -> bool {
    key(event) == Some((KeyCode::Char(']'), KeyModifiers::ALT))
}

/// Whether an event ends an OSC reply: ST or BEL.
fn ends(event: &Event) -> bool {
    let ends =
        [(KeyCode::Char('\\'), KeyModifiers::ALT), (KeyCode::Char('g'), KeyModifiers::CONTROL)];
    key(event).is_some_and(|key| ends.contains(&key))
}

fn letter(event: &Event) -> Option<char> {
    match key(event)? {
        (KeyCode::Char(c), KeyModifiers::NONE | KeyModifiers::SHIFT) => Some(c),
        _ => None,
    }
}

/// Reads `11;rgb:ffff/ffff/ffff`: each part has one to four digits (`XParseColor`).
fn background(said: &str) -> Option<ThemeKind> {
    let mut parts = said.split(':').nth(1)?.split('/').map(|part| {
        let most = 16_u32.checked_pow(u32::try_from(part.len()).ok()?)?.checked_sub(1)?;
        Some(f64::from(u32::from_str_radix(part, 16).ok()?) / f64::from(most))
    });
    let mut next = || parts.next().flatten();
    // Rec. 709 weights: how bright each part appears to the eye.
    let light = 0.2126 * next()? + 0.7152 * next()? + 0.0722 * next()?;
    Some(if light > 0.5 { ThemeKind::Light } else { ThemeKind::Dark })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Vec<Event> {
        let mut alt = false;
        let mut events = Vec::new();
        for c in text.chars() {
            if c == '\u{1b}' {
                alt = true;
                continue;
            }
            let modifiers = if alt { KeyModifiers::ALT } else { KeyModifiers::NONE };
            let (code, modifiers) = match c {
                '\u{7}' => (KeyCode::Char('g'), KeyModifiers::CONTROL),
                c => (KeyCode::Char(c), modifiers),
            };
            events.push(Event::Key(KeyEvent::new(code, modifiers)));
            alt = false;
        }
        events
    }

    fn heard(answers: &mut Answers, text: &str) -> (usize, Vec<ThemeKind>) {
        let taken: Vec<_> = typed(text).into_iter().map(|event| answers.take(event)).collect();
        let through = taken.iter().map(|(events, _)| events.len()).sum();
        (through, taken.into_iter().filter_map(|(_, kind)| kind).collect())
    }

    #[test]
    fn separates_the_terminal_answer_from_typed_keys() {
        let cases = [
            ("\u{1b}]11;rgb:ffff/ffff/ffff\u{1b}\\", 0, vec![ThemeKind::Light]),
            ("\u{1b}]11;rgb:00/00/1c\u{7}", 0, vec![ThemeKind::Dark]),
            ("B\u{1b}]11;rgb:fd/f6/e3\u{7}q", 2, vec![ThemeKind::Light]),
            ("\u{1b}]11;rgb:zz/0/0\u{7}", 0, vec![]),
            // Typed by the user.
            ("\u{1b}]q", 2, vec![]),
            ("\u{1b}]11;q", 5, vec![]),
            ("11;rgb:", 7, vec![]),
        ];
        for (text, through, kinds) in cases {
            let mut answers = Answers::default();
            answers.await_one();
            assert_eq!(heard(&mut answers, text), (through, kinds), "{text:?}");
        }
        let mut answers = Answers::default();
        let answer = "\u{1b}]11;rgb:ffff/ffff/ffff\u{7}";
        assert_eq!(heard(&mut answers, answer).0, 23, "no query was sent");
        answers.await_one();
        let endless = format!("\u{1b}]11;rgb:{}", "f".repeat(100));
        assert_eq!(heard(&mut answers, &endless).0, 108, "nothing is lost for ever");
    }
}
