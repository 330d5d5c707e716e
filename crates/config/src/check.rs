//! Checks a file against its JSON Schema and reports every unknown key, missing key and wrong type in one pass, each
//! with its place. serde would stop at the first error and suggest no similar key. The pass replaces wrong values
//! with placeholders, so that the semantic rules can check the rest in the same run.

use std::collections::HashSet;

use serde_json::{Map, Value as Json, json};

use super::finding::Finding;
use super::node::{Key, Node, Place, Value};
use pointsman_core::time::parse_duration;

/// Placeholder for a wrong or missing text. Findings that mention it are dropped.
pub(super) const STAND_IN: &str = "stand-in";

/// Checks a tree against a schema: the findings, and the tree with placeholders.
pub(super) fn against_schema(root: &Json, node: &Node) -> (Vec<Finding>, Json) {
    let mut walk = Walk { root, findings: Vec::new() };
    let repaired = walk.visit(root, node, "the config").unwrap_or_default();
    (walk.findings, repaired)
}

struct Walk<'a> {
    root: &'a Json,
    findings: Vec<Finding>,
}

impl<'a> Walk<'a> {
    /// Checks a value. Returns it without its wrong parts, or `None` if all of it is wrong.
    fn visit(&mut self, schema: &'a Json, node: &Node, name: &str) -> Option<Json> {
        let schema = self.resolve(schema);
        if let Some(choice) = self.alternative(schema, node) {
            return self.visit(choice, node, name);
        }
        if let Some(words) = words(schema) {
            return self.label(&words, node, name);
        }
        let types = types(schema);
        if !types.is_empty() && !types.iter().any(|t| fits(t, node)) {
            let wanted: Vec<_> = types.iter().map(|t| spoken(t)).collect();
            let wanted = wanted.join(" or ");
            let message = format!("{name} should be {wanted}, this is {}", node.kind());
            let mut finding = Finding::new(node.place, message);
            if schema["format"] == "duration-text" {
                finding = finding.hint("write a unit: 300ms, 5s, 2m or 1h");
            } else if types.contains(&"string")
                && !matches!(node.value, Value::List(_) | Value::Map(_))
            {
                finding = finding.hint("quote it");
            }
            self.findings.push(finding);
            return None;
        }
        match &node.value {
            Value::Map(entries) => Some(self.map(schema, node.place, entries, name)),
            Value::List(items) => {
                let of = schema.get("items").unwrap_or(&Json::Null);
                let name = format!("an item of {name}");
                Some(items.iter().filter_map(|node| self.visit(of, node, &name)).collect())
            }
            Value::Text(text) => self.text(schema, node.place, text, name),
            Value::Whole(n) => self.whole(schema, node.place, *n, name),
            Value::Null => Some(Json::Null),
            Value::Truth(truth) => Some(json!(truth)),
            Value::Real(real) => Some(json!(real)),
        }
    }

    fn whole(&mut self, schema: &Json, place: Place, n: i128, name: &str) -> Option<Json> {
        let least = schema["minimum"].as_i64().unwrap_or(i64::MIN);
        if n < i128::from(least) {
            self.findings.push(Finding::new(place, format!("{name} must be {least} or more")));
            return None;
        }
        i64::try_from(n).ok().map(Json::from)
    }

    fn resolve(&self, schema: &'a Json) -> &'a Json {
        match schema["$ref"].as_str().and_then(|r| r.strip_prefix('#')) {
            Some(pointer) => self.root.pointer(pointer).unwrap_or(schema),
            None => schema,
        }
    }

    /// The branch of an `anyOf` (an optional group, or one of several forms) that fits the value, or else the first
    /// branch that is not null.
    fn alternative(&self, schema: &'a Json, node: &Node) -> Option<&'a Json> {
        let branches = schema["anyOf"].as_array()?;
        if matches!(node.value, Value::Null) {
            return None;
        }
        let this = |branch: &&Json| types(self.resolve(branch)).iter().any(|t| fits(t, node));
        let form = |branch: &&Json| self.resolve(branch)["type"] != "null";
        branches.iter().find(this).or_else(|| branches.iter().find(form))
    }

    fn label(&mut self, words: &[&str], node: &Node, name: &str) -> Option<Json> {
        let said = match &node.value {
            Value::Text(text) => text.clone(),
            _ => node.kind().to_owned(),
        };
        if words.contains(&said.as_str()) {
            return Some(json!(said));
        }
        let finding = Finding::new(node.place, format!("{name} cannot be {said:?}"));
        let hint = format!("one of: {}", words.join(", "));
        self.findings.push(finding.hint(hint));
        None
    }

    fn text(&mut self, schema: &Json, place: Place, text: &str, name: &str) -> Option<Json> {
        if schema["format"] == "duration-text"
            && let Err(why) = parse_duration(text)
        {
            self.findings.push(Finding::new(place, format!("{name}: {why}")));
            return None;
        }
        Some(json!(text))
    }

    fn map(&mut self, schema: &'a Json, place: Place, entries: &[(Key, Node)], name: &str) -> Json {
        let known = schema["properties"].as_object();
        let rest = schema.get("additionalProperties");
        let (mut repaired, mut seen) = (Map::new(), HashSet::new());
        for (key, value) in entries {
            if !seen.insert(&key.name) {
                let message = format!("{:?} appears twice in {name}", key.name);
                self.findings.push(Finding::new(key.place, message));
            }
            match (known.and_then(|k| k.get(&key.name)), rest) {
                (Some(schema), _) | (None, Some(schema @ Json::Object(_))) => {
                    if let Some(value) = self.visit(schema, value, &key.name) {
                        repaired.insert(key.name.clone(), value);
                    }
                }
                (None, Some(Json::Bool(false))) => self.unknown(key, known, name),
                // A map that takes any value: the JSON that a probe expects.
                _ => {
                    if let Some(value) = self.visit(&Json::Null, value, &key.name) {
                        repaired.insert(key.name.clone(), value);
                    }
                }
            }
        }
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str)
        {
            if !entries.iter().any(|(key, _)| key.name == required) {
                self.findings.push(Finding::new(place, format!("{name} needs {required:?}")));
            }
            if !repaired.contains_key(required) {
                let of = known.and_then(|k| k.get(required)).unwrap_or(&Json::Null);
                repaired.insert(required.to_owned(), self.stand_in(of));
            }
        }
        Json::Object(repaired)
    }

    /// A placeholder that fits a schema.
    fn stand_in(&self, schema: &'a Json) -> Json {
        let schema = self.resolve(schema);
        if let Some(word) = words(schema).and_then(|words| words.first().copied()) {
            return json!(word);
        }
        match types(schema).first().copied() {
            Some("string") if schema["format"] == "duration-text" => json!("1s"),
            Some("string") => json!(STAND_IN),
            Some("integer" | "number") => json!(1),
            Some("boolean") => json!(false),
            Some("array") => json!([]),
            Some("object") => {
                let required = schema["required"].as_array().into_iter().flatten();
                let fill =
                    |name: &'a str| (name.to_owned(), self.stand_in(&schema["properties"][name]));
                required.filter_map(Json::as_str).map(fill).collect()
            }
            _ => Json::Null,
        }
    }

    fn unknown(&mut self, key: &Key, known: Option<&Map<String, Json>>, name: &str) {
        let finding = Finding::new(key.place, format!("{name} has no key {:?}", key.name));
        let known: Vec<&str> =
            known.map(|k| k.keys().map(String::as_str).collect()).unwrap_or_default();
        self.findings.push(match nearest(&key.name, &known) {
            Some(near) => finding.hint(format!("did you mean {near:?}?")),
            None => finding.hint(format!("its keys are {}", known.join(", "))),
        });
    }
}

/// The known key most similar to a word. `None` unless one comes close: at most one typo per four letters, or a
/// Jaro-Winkler similarity above 0.75.
pub(super) fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let slips = |k: &str| strsim::damerau_levenshtein(word, k);
    let likeness = |k: &&str| strsim::jaro_winkler(word, k);
    let near = |k: &&str| likeness(k) > 0.75 || slips(k) <= word.chars().count().div_ceil(4);
    known
        .iter()
        .copied()
        .filter(near)
        .min_by(|a, b| slips(a).cmp(&slips(b)).then_with(|| likeness(b).total_cmp(&likeness(a))))
}

pub(super) fn words<'a>(schema: &'a Json) -> Option<Vec<&'a str>> {
    if let Some(list) = schema["enum"].as_array() {
        return Some(list.iter().filter_map(Json::as_str).collect());
    }
    // A variant with a description is a `const`; those without share one `enum`.
    let all = |from: &'a Json| {
        let listed = from["enum"].as_array().into_iter().flatten();
        from["const"].as_str().into_iter().chain(listed.filter_map(Json::as_str))
    };
    let words: Vec<_> = schema["oneOf"].as_array()?.iter().flat_map(all).collect();
    (!words.is_empty()).then_some(words)
}

pub(super) fn types(schema: &Json) -> Vec<&str> {
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
        "number" => matches!(node.value, Value::Whole(_) | Value::Real(_)),
        "boolean" => matches!(node.value, Value::Truth(_)),
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
