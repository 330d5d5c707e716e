//! A line that a service or a build wrote.

use pointsman::domain::log_level::LogLevel;
use pointsman::domain::text::{harmless, harmless_lines, painted, rewritten};

const MOST: usize = 2_000;

/// Removes what could control a terminal.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for line in text.lines() {
        let _ = (LogLevel::of(line), rewritten(line));
        let (clean, tints) = painted(line, MOST);
        assert!(!clean.chars().any(char::is_control), "a control character is left in {clean:?}");
        assert!(clean.chars().count() <= MOST + 1);
        assert_eq!(harmless(&clean, MOST + 1), clean, "clean text changes again");
        let mut at = 0;
        for tint in tints {
            assert!(at <= tint.from && tint.from < tint.to && tint.to <= MOST);
            at = tint.to;
        }
    }
    let all = harmless_lines(&text).into_owned();
    assert!(!all.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{all:?}");
}
