//! Secrets that a config names: the values of the variables in its `…_env` keys. All output is redacted with them,
//! so they are read first.

#![expect(
    clippy::disallowed_methods,
    reason = "the values of these variables are what must be removed from all output"
)]

use super::node::{Node, Value};
use pointsman_core::redact::know;

/// Variables in which tools of Google and GitHub keep a token.
const USUAL: [&str; 4] =
    ["CLOUDSDK_AUTH_ACCESS_TOKEN", "GITHUB_TOKEN", "GH_TOKEN", "FIREBASE_TOKEN"];

/// Registers the tokens of Google's and GitHub's tools for redaction.
pub fn know_usual_secrets() {
    let values = USUAL.into_iter().filter_map(|name| std::env::var(name).ok());
    values.for_each(|value| know(&value));
}

/// Registers the values of all variables that a config names for redaction.
pub(super) fn note(node: &Node) {
    match &node.value {
        Value::Map(entries) => {
            for (key, value) in entries {
                match &value.value {
                    Value::Text(name) if key.name.ends_with("_env") => {
                        if let Ok(value) = std::env::var(name) {
                            know(&value);
                        }
                    }
                    _ => note(value),
                }
            }
        }
        Value::List(items) => items.iter().for_each(note),
        Value::Null | Value::Truth(_) | Value::Whole(_) | Value::Real(_) | Value::Text(_) => {}
    }
}
