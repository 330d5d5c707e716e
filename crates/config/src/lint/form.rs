//! Checks the structure of the file as Google's checker does: what it rejects is an error, what it silently ignores is
//! a warning.

use std::collections::HashSet;

use crate::check::nearest;
use crate::finding::Finding;
use crate::node::{Key, Node, Value};

/// The expected type of a key's value.
pub(super) enum Form {
    Group(&'static [(&'static str, Form)]),
    List(&'static Form),
    Number,
    Whole,
    Truth,
    /// Numbers and booleans are accepted as text too.
    Text,
}

use Form::{Group, List, Number, Text, Truth, Whole};

const NETWORK: Form = Group(&[("network", Text), ("subnetwork", Text), ("tags", List(&Text))]);

const VARIABLE: Form =
    Group(&[("variable", Text), ("value", Text), ("secret", Text), ("availability", List(&Text))]);

/// The structure of the whole file (`docs/internals/app-hosting.md`, apphosting.yaml).
pub(super) const FILE: Form = Group(&[
    (
        "runConfig",
        Group(&[
            ("cpu", Number),
            ("memoryMiB", Whole),
            ("concurrency", Whole),
            ("minInstances", Whole),
            ("maxInstances", Whole),
            ("cpuAlwaysAllocated", Truth),
            (
                "vpcAccess",
                Group(&[
                    ("connector", Text),
                    ("egress", Text),
                    ("networkInterfaces", List(&NETWORK)),
                ]),
            ),
        ]),
    ),
    ("env", List(&VARIABLE)),
    ("scripts", Group(&[("buildCommand", Text), ("runCommand", Text)])),
    ("outputFiles", Group(&[("serverApp", Group(&[("include", List(&Text))]))])),
]);

/// Reports every structural problem of `node`. Findings refer to it as `name`.
pub(super) fn look(form: &Form, node: &Node, name: &str, found: &mut Vec<Finding>) {
    match (form, &node.value) {
        (_, Value::Null)
        | (Number, Value::Whole(_) | Value::Real(_))
        | (Whole, Value::Whole(_))
        | (Truth, Value::Truth(_))
        | (Text, Value::Text(_) | Value::Whole(_) | Value::Real(_) | Value::Truth(_)) => {}
        (Whole, Value::Real(real)) => {
            if real.fract() != 0.0 {
                let cut =
                    format!("{name} is taken as {}: it is cut to a whole number", real.trunc());
                found.push(Finding::warning(node.place, cut));
            }
        }
        // The checker reads YAML 1.1, where these words are booleans.
        (Truth, Value::Text(word))
            if ["y", "yes", "on", "n", "no", "off"].contains(&word.to_lowercase().as_str()) => {}
        (Group(keys), Value::Map(entries)) => {
            let mut seen = HashSet::new();
            for (key, value) in entries {
                if !seen.insert(&key.name) {
                    let twice = format!("{:?} appears twice in {name}", key.name);
                    found.push(Finding::new(key.place, twice));
                }
                match keys.iter().find(|(known, _)| *known == key.name) {
                    Some((known, form)) => look(form, value, known, found),
                    None => found.push(unknown(key, keys, name)),
                }
            }
        }
        (List(of), Value::List(items)) => {
            let name = format!("an item of {name}");
            for item in items {
                look(of, item, &name, found);
            }
        }
        (form, _) => {
            let wanted = match form {
                Group(_) => "a group of keys",
                List(_) => "a list",
                Number => "a number",
                Whole => "a whole number",
                Truth => "true or false",
                Text => "text",
            };
            let message = format!("{name} should be {wanted}, this is {}", node.kind());
            let finding = Finding::new(node.place, message);
            found.push(match (form, &node.value) {
                (Number | Whole, Value::Text(_)) => finding.hint("take the quotes away"),
                _ => finding,
            });
        }
    }
}

fn unknown(key: &Key, keys: &[(&'static str, Form)], name: &str) -> Finding {
    let known: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
    let message = format!("App Hosting knows no {:?} in {name} and passes it over", key.name);
    let finding = Finding::warning(key.place, message);
    match nearest(&key.name, &known) {
        Some(near) => finding.hint(format!("did you mean {near:?}?")),
        None => finding.hint(format!("its keys are {}", known.join(", "))),
    }
}
