//! The file held against the JSON Schema of the config: every unknown key, wrong type, missing key
//! and unknown word at once, each with its place. serde would stop at the first, and would name no
//! nearest key.

use serde_json::Value as Json;

use super::finding::Finding;
use super::node::{Key, Node, Place, Value};
use crate::domain::time::parse_duration;

/// Walks a tree along a schema.
pub(super) fn against_schema(root: &Json, node: &Node) -> Vec<Finding> {
    let mut walk = Walk { root, findings: Vec::new() };
    walk.visit(root, node, "the config");
    walk.findings
}

struct Walk<'a> {
    root: &'a Json,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    fn visit(&mut self, schema: &'a Json, node: &Node, name: &str) {
        let schema = self.resolve(schema);
        if let Some(choice) = self.alternative(schema, node) {
            return self.visit(choice, node, name);
        }
        if let Some(words) = words(schema) {
            return self.word(&words, node, name);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|t| fits(t, node)) {
            let wanted: Vec<_> = types.iter().map(|t| spoken(t)).collect();
            let wanted = wanted.join(" or ");
            let message = format!("{name} should be {wanted}, this is {}", node.kind());
            let mut finding = Finding::new(node.place, message);
            if types.contains(&"string") && !matches!(node.value, Value::List(_) | Value::Map(_)) {
                finding = finding.hint("quote it");
            }
            return self.findings.push(finding);
        }
        match &node.value {
            Value::Map(entries) => self.map(schema, node.place, entries, name),
            Value::List(items) => {
                if let Some(item) = schema.get("items") {
                    for node in items {
                        self.visit(item, node, &format!("an item of {name}"));
                    }
                }
            }
            Value::Text(text) => self.text(schema, node.place, text, name),
            Value::Whole(n) => {
                let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
                #[expect(clippy::cast_precision_loss, reason = "config numbers are small")]
                if (*n as f64) < least {
                    self.findings
                        .push(Finding::new(node.place, format!("{name} must be {least} or more")));
                }
            }
            Value::Null | Value::Truth | Value::Real => {}
        }
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    /// Of `anyOf` (an optional group), the branch that is not null.
    fn alternative(&self, schema: &'a Json, node: &Node) -> Option<&'a Json> {
        let branches = schema["anyOf"].as_array()?;
        if matches!(node.value, Value::Null) {
            return None;
        }
        branches.iter().find(|b| self.resolve(b)["type"] != "null")
    }

    fn word(&mut self, words: &[&str], node: &Node, name: &str) {
        let said = match &node.value {
            Value::Text(text) => text.clone(),
            _ => node.kind().to_owned(),
        };
        if !words.contains(&said.as_str()) {
            let finding = Finding::new(node.place, format!("{name} cannot be {said:?}"));
            let hint = format!("one of: {}", words.join(", "));
            self.findings.push(finding.hint(hint));
        }
    }

    fn text(&mut self, schema: &Json, place: Place, text: &str, name: &str) {
        if schema["format"] == "duration-text"
            && let Err(why) = parse_duration(text)
        {
            self.findings.push(Finding::new(place, format!("{name}: {why}")));
        }
    }

    fn map(&mut self, schema: &'a Json, place: Place, entries: &[(Key, Node)], name: &str) {
        let known = schema["properties"].as_object();
        let rest = schema.get("additionalProperties");
        for (at, (key, value)) in entries.iter().enumerate() {
            if entries[..at].iter().any(|(earlier, _)| earlier.name == key.name) {
                let message = format!("{:?} stands twice in {name}", key.name);
                self.findings.push(Finding::new(key.place, message));
            }
            match (known.and_then(|k| k.get(&key.name)), rest) {
                (Some(schema), _) | (None, Some(schema @ Json::Object(_))) => {
                    self.visit(schema, value, &key.name);
                }
                (None, Some(Json::Bool(false))) => self.unknown(key, known, name),
                _ => {}
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str)
        {
            if !entries.iter().any(|(key, _)| key.name == required) {
                self.findings.push(Finding::new(place, format!("{name} needs {required:?}")));
            }
        }
    }

    fn unknown(&mut self, key: &Key, known: Option<&serde_json::Map<String, Json>>, name: &str) {
        let finding = Finding::new(key.place, format!("{name} has no key {:?}", key.name));
        let known: Vec<&str> =
            known.map(|k| k.keys().map(String::as_str).collect()).unwrap_or_default();
        self.findings.push(match nearest(&key.name, &known) {
            Some(near) => finding.hint(format!("did you mean {near:?}?")),
            None => finding.hint(format!("its keys are {}", known.join(", "))),
        });
    }
}

/// The key most like another one, if any is like it at all.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let likeness = |k: &&str| strsim::jaro_winkler(word, k);
    known
        .iter()
        .copied()
        .filter(|k| likeness(k) > 0.75)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

fn words(schema: &Json) -> Option<Vec<&str>> {
    if let Some(list) = schema["enum"].as_array() {
        return Some(list.iter().filter_map(Json::as_str).collect());
    }
    let consts: Vec<_> =
        schema["oneOf"].as_array()?.iter().filter_map(|o| o["const"].as_str()).collect();
    (!consts.is_empty()).then_some(consts)
}

fn types(schema: &Json) -> Vec<&str> {
    match &schema["type"] {
        Json::String(one) => vec![one.as_str()],
        Json::Array(many) => many.iter().filter_map(Json::as_str).collect(),
        _ => Vec::new(),
    }
}

fn fits(kind: &str, node: &Node) -> bool {
    match kind {
        "object" => matches!(node.value, Value::Map(_)),
        "array" => matches!(node.value, Value::List(_)),
        "string" => matches!(node.value, Value::Text(_)),
        "integer" => matches!(node.value, Value::Whole(_)),
        "number" => matches!(node.value, Value::Whole(_) | Value::Real),
        "boolean" => matches!(node.value, Value::Truth),
        "null" => matches!(node.value, Value::Null),
        _ => true,
    }
}

fn spoken(kind: &str) -> &'static str {
    match kind {
        "object" => "a group of keys",
        "array" => "a list",
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "true or false",
        _ => "left out",
    }
}
