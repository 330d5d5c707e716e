//! `explain` and `config explain`: print entries of the reference.

use serde_json::{Value, json};

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use crate::config::{KeyReference, below, explain, nearest_key, top_level};
use crate::domain::code::{Code, EXPLANATIONS, Explanation};
use crate::domain::error::Problem;

/// Prints the cause and remedy of an error code. Without a code, lists all codes.
pub(super) fn code(session: &Session, code: Option<Code>) -> Finished {
    let Some(code) = code else {
        let lines: Vec<_> =
            EXPLANATIONS.iter().map(|row| format!("{}  {}", row.code, row.title)).collect();
        let all: Vec<_> = EXPLANATIONS.iter().map(code_json).collect();
        session.result(&lines.join("\n"), &json!({ "codes": all }));
        return Ok(OK);
    };
    let row = code.explanation().ok_or_else(|| {
        let problem = Problem::coded(Code::UNKNOWN_NAME, format!("there is no error {code}"));
        Failed::with(USAGE, problem.try_this("pointsman explain lists all codes"))
    })?;
    let text = format!(
        "{}: {}\n\nCause\n  {}\n\nRemedy\n  {}",
        row.code, row.title, row.cause, row.remedy
    );
    session.result(&text, &code_json(row));
    Ok(OK)
}

fn code_json(row: &Explanation) -> Value {
    json!({ "code": row.code, "title": row.title, "cause": row.cause, "remedy": row.remedy })
}

/// Prints the description of a config key and of the keys below it.
pub(super) fn key(session: &Session, key: Option<&str>) -> Finished {
    let Some(key) = key else {
        let top = top_level();
        let line = |one: &KeyReference| format!("{:<14} {}", one.path, one.description);
        let text: Vec<_> = top.iter().map(line).collect();
        let json: Vec<_> = top.iter().map(KeyReference::to_json).collect();
        session.result(&text.join("\n"), &json!({ "keys": json }));
        return Ok(OK);
    };
    let found = explain(key);
    if found.is_empty() {
        let problem = Problem::coded(Code::UNKNOWN_NAME, format!("the config has no key {key:?}"));
        let todo = match nearest_key(key) {
            Some(near) => format!("pointsman config explain {near}"),
            None => "for the keys of the top level: pointsman config explain".to_owned(),
        };
        return Err(Failed::with(USAGE, problem.try_this(todo)));
    }
    let text: Vec<_> = found.iter().map(page).collect();
    let json: Vec<_> = found
        .iter()
        .map(|one| {
            let mut entry = one.to_json();
            entry["keys"] = below(&one.path).iter().map(KeyReference::to_json).collect();
            entry
        })
        .collect();
    session.result(&text.join("\n\n"), &json!({ "keys": json }));
    Ok(OK)
}

fn page(key: &KeyReference) -> String {
    let mut text = format!("{}\n  {}\n  type: {}", key.path, key.description, key.kind);
    if key.required {
        text.push_str("\n  required");
    }
    if let Some(default) = &key.default {
        let default = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
        text = format!("{text}\n  default: {default}");
    }
    let inside = below(&key.path);
    if !inside.is_empty() {
        text.push_str("\n  keys:");
    }
    for one in inside {
        let name = one.path.strip_prefix(&key.path).unwrap_or(&one.path).trim_start_matches('.');
        text = format!("{text}\n    {name:<24} {}", one.description);
    }
    text
}
