//! The shapes of what `--json` prints, as a page and as JSON Schemas. Both are derived from real output, so that neither can
//! describe something that no command prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::docs::generated;
use super::golden::opened;
use super::sandbox::Sandbox;

/// Each documented output: its name, the command on the golden store, and demos that print the same.
const OUTPUTS: [(&str, &str, &[&str]); 7] = [
    ("status", "status", &["idle", "gate", "schema", "checklist"]),
    ("history", "history", &["idle"]),
    ("events", "events 1", &[]),
    ("report", "report 1", &[]),
    ("plan", "plan development --release 1.2.0", &[]),
    ("verify", "verify 1", &[]),
    ("lock", "lock development", &[]),
];

/// What the values at one place of an output have in common.
#[derive(Default)]
struct Shape {
    kinds: BTreeSet<&'static str>,
    keys: BTreeMap<String, Shape>,
    /// The entries of a list.
    entries: Option<Box<Shape>>,
    values: usize,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Shape {
    fn add(&mut self, value: &Value, name: &str) {
        self.values += 1;
        self.kinds.insert(kind(value));
        match value {
            Value::Array(all) => {
                let entries = self.entries.get_or_insert_default();
                for one in all {
                    entries.add(one, name);
                }
            }
            // Leave out `data`, which differs between kinds of facts. `plan --json` documents the plan.
            Value::Object(_) if name == "data" => {}
            Value::Object(pairs) => {
                for (key, value) in pairs {
                    self.keys.entry(key.clone()).or_default().add(value, key);
                }
            }
            _ => {}
        }
    }

    /// One row per place, with the types found there.
    fn rows(&self, at: &str, page: &mut String) {
        if !at.is_empty() {
            let kinds: Vec<_> = self.kinds.iter().copied().collect();
            writeln!(page, "| `{at}` | {} |", kinds.join(" or ")).unwrap();
        }
        if let Some(entries) = self.entries.as_ref().filter(|entries| entries.values > 0) {
            entries.rows(&format!("{at}[]"), page);
        }
        for (key, shape) in &self.keys {
            shape.rows(&if at.is_empty() { key.clone() } else { format!("{at}.{key}") }, page);
        }
    }

    /// A JSON Schema. No key is `required`, because examples cannot prove it. A place that was only ever
    /// null allows anything.
    fn schema(&self) -> Value {
        let mut all = Map::new();
        let only_null = self.kinds.iter().all(|kind| *kind == "null");
        if !only_null {
            all.insert("type".to_owned(), json!(self.kinds));
        }
        if let Some(entries) = self.entries.as_ref().filter(|entries| entries.values > 0) {
            all.insert("items".to_owned(), entries.schema());
        }
        if !self.keys.is_empty() {
            let keys = self.keys.iter().map(|(key, shape)| (key.clone(), shape.schema()));
            all.insert("properties".to_owned(), Value::Object(keys.collect()));
        }
        Value::Object(all)
    }
}

fn shape_of(golden: &Sandbox, command: &str, demos: &[&str]) -> Shape {
    let words = |line: &str| -> Vec<String> { line.split(' ').map(str::to_owned).collect() };
    let mut shape = Shape::default();
    let own = std::iter::once(words(&format!("{command} --json")));
    let others = demos.iter().map(|demo| words(&format!("--demo {demo} {command} --json")));
    for line in own.chain(others) {
        let line: Vec<&str> = line.iter().map(String::as_str).collect();
        let said = golden.run(&line);
        assert!(!said.out.is_empty(), "{line:?}: {}", said.err);
        for value in said.out.lines() {
            shape.add(&serde_json::from_str(value).unwrap(), "");
        }
    }
    shape
}

#[test]
fn page_and_schemas_of_json_are_current() {
    let golden = opened();
    let mut page = "# JSON\n\nGenerated from what `--json` prints for a store with runs of every kind. The promise: keys are added; none is removed, \
                    renamed or given another type. Results go to stdout, everything else to stderr. An error is one object \
                    `{\"error\": {\"code\", \"what\", \"why\", \"todo\"}, \"findings\", \"exit\"}`. Timestamps are RFC 3339 in UTC. \
                    `events --json` prints one object per line.\n"
        .to_owned();
    for (name, command, demos) in OUTPUTS {
        let shape = shape_of(&golden, command, demos);
        let mut schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": format!("pointsman {name} --json"),
        });
        schema.as_object_mut().unwrap().extend(shape.schema().as_object().unwrap().clone());
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        generated(&format!("schemas/{name}.json"), &text);
        writeln!(page, "\n## {command}\n\nJSON Schema: [`{name}.json`](schemas/{name}.json)\n")
            .unwrap();
        page.push_str("| key | type |\n|---|---|\n");
        shape.rows("", &mut page);
    }
    generated("json.md", &page);
}

#[test]
fn schema_names_every_type_of_its_examples_and_allows_new_keys() {
    let mut shape = Shape::default();
    shape.add(&json!([{"run": 1, "from": null}, {"run": 2, "from": "1.4.0", "lock": null}]), "");
    let entry = &shape.schema()["items"];
    assert_eq!(entry["properties"]["from"]["type"], json!(["null", "string"]));
    assert_eq!(entry["properties"]["lock"], json!({}), "only null is known of it");
    assert!(entry.get("additionalProperties").is_none());
}
