//! Secrets by value: the values of the variables that the config names.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use super::HIDDEN;

/// Minimum length in characters: shorter values occur in ordinary text too.
const SHORTEST_SECRET: usize = 6;

/// The values, the longest first. One list for the whole process.
static KNOWN: RwLock<Vec<String>> = RwLock::new(Vec::new());

/// Registers a secret: the whole value, each of its lines, and its JSON and URL encodings.
pub fn know(value: &str) {
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    let escaped = serde_json::Value::from(value).to_string();
    let escaped = escaped.trim_matches('"').to_owned();
    let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let lines = value.lines().map(|line| line.trim().to_owned());
    for value in lines.chain([value.to_owned(), escaped, encoded]) {
        if value.chars().count() >= SHORTEST_SECRET && !known.contains(&value) {
            known.push(value);
        }
    }
    known.sort_by_key(|value| std::cmp::Reverse(value.len()));
}

/// The text without the known values.
pub fn without_known(text: &str) -> Cow<'_, str> {
    let known = KNOWN.read().unwrap_or_else(PoisonError::into_inner);
    let mut text = Cow::Borrowed(text);
    for value in known.iter() {
        if text.contains(value.as_str()) {
            text = Cow::Owned(text.replace(value.as_str(), HIDDEN));
        }
    }
    text
}
