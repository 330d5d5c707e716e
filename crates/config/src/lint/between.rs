//! Differences between the apphosting.yaml of two environments. Secrets are shown by name,
//! and values that look like secrets are not shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use super::{BASE, text};
use crate::node::{Node, Value, parse};
use pointsman_core::apphosting::hidden;
use pointsman_core::redact::redacted;

/// A key that two environments do not have in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `runConfig.cpu`, `env.JWT_SECRET`.
    pub key: String,
    /// Its value in the first environment; `None` if unset.
    pub first: Option<String>,
    /// Its value in the second environment; `None` if unset.
    pub second: Option<String>,
}

/// Compares two environments of a folder, each merged over the base. Fails with the name of a file that cannot be read
/// or parsed.
pub fn between(folder: &Path, first: &str, second: &str) -> Result<Vec<Difference>, String> {
    let (one, other) = (merged(folder, first)?, merged(folder, second)?);
    let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
    let differ = keys.into_iter().filter(|key| one.get(*key) != other.get(*key));
    Ok(differ
        .map(|key| Difference {
            key: key.clone(),
            first: one.get(key).cloned(),
            second: other.get(key).cloned(),
        })
        .collect())
}

/// Merges an environment's file over the base, key by key. Variables are matched by name, and a list is replaced as a
/// whole, as App Hosting does.
fn merged(folder: &Path, environment: &str) -> Result<BTreeMap<String, String>, String> {
    let mut all = BTreeMap::new();
    for name in [BASE.to_owned(), format!("apphosting.{environment}.yaml")] {
        let file = folder.join(&name);
        let written = match pointsman_source::text(&file) {
            Ok(written) => written,
            // App Hosting requires neither file.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("{} cannot be read: {error}", file.display())),
        };
        let node = parse(&written)
            .map_err(|finding| format!("{}: {}", file.display(), finding.message))?;
        flatten(&node, String::new(), &mut all);
    }
    Ok(all)
}

fn flatten(node: &Node, key: String, all: &mut BTreeMap<String, String>) {
    match &node.value {
        Value::Map(entries) => {
            for (name, value) in entries {
                let dot = if key.is_empty() { "" } else { "." };
                flatten(value, format!("{key}{dot}{}", name.name), all);
            }
        }
        Value::List(items) if key == "env" => {
            for item in items {
                let name = item.get("variable").and_then(text).unwrap_or_default();
                all.insert(format!("env.{name}"), variable(&name, item));
            }
        }
        Value::List(items) => {
            let items: Vec<_> = items.iter().filter_map(text).collect();
            all.insert(key, format!("[{}]", items.join(", ")));
        }
        _ => {
            all.insert(key, text(node).map(|text| redacted(&text)).unwrap_or_default());
        }
    }
}

/// Describes a variable on one line. Values of secrets are never included.
fn variable(name: &str, item: &Node) -> String {
    let set = |key: &str| item.get(key).and_then(text);
    let what = match (set("secret"), set("value")) {
        (Some(secret), _) => format!("secret {}", redacted(&secret)),
        (None, Some(_)) if hidden(name) => "a value that is not shown".to_owned(),
        (None, Some(value)) => format!("{:?}", redacted(&value)),
        (None, None) => "nothing".to_owned(),
    };
    let when = item.get("availability").map(|node| match &node.value {
        Value::List(words) => words.iter().filter_map(text).collect::<Vec<_>>().join(", "),
        _ => String::new(),
    });
    when.map_or(what.clone(), |when| format!("{what} ({when})"))
}
