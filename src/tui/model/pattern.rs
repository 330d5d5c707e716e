//! Search syntax: plain text, case-insensitive unless it contains a capital letter, or `re:` and a regular expression.

use regex::{Regex, RegexBuilder};

/// Maximum size of a compiled pattern.
const MOST_BYTES: usize = 1 << 20;

/// Compiles a search. The error says why it is invalid.
pub fn pattern(typed: &str) -> Result<Regex, String> {
    let (source, plain) = match typed.strip_prefix("re:") {
        Some(expression) => (expression.to_owned(), false),
        None => (regex::escape(typed), true),
    };
    let capital = typed.chars().any(char::is_uppercase);
    RegexBuilder::new(&source)
        .case_insensitive(plain && !capital)
        .size_limit(MOST_BYTES)
        .build()
        .map_err(|error| {
            let said = error.to_string();
            said.lines().last().unwrap_or("it cannot be read").trim().to_owned()
        })
}
