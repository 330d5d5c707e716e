//! The reference of the config's keys, generated from the JSON Schema so that the two cannot differ.

use serde_json::{Value, json};

use crate::check::{nearest, types, words};
use crate::schema::json_schema;

/// One key of the config in the reference.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyReference {
    /// `environments.ENV.deploy.soak.for`: capitals are names that you choose, `[]` is an entry of a list.
    pub path: String,
    /// `text`, `duration`, `one of: open, confirm, typed`
    pub kind: String,
    /// Whether a config without this key is invalid.
    pub required: bool,
    /// The value used if the key is missing. `None`: the key is then not set.
    pub default: Option<Value>,
    pub description: String,
    /// The path of the entry that describes the same group of keys in full.
    pub same_as: Option<String>,
}

impl KeyReference {
    /// The entry in `--json` output.
    pub fn to_json(&self) -> Value {
        json!({
            "key": self.path, "type": self.kind, "required": self.required, "default": self.default,
            "description": self.description,
        })
    }
}

/// Every key. A group that occurs at several places is described once.
pub fn config_keys() -> Vec<KeyReference> {
    walked(true)
}

/// The keys in order. `once`: a group is described at its first place only.
fn walked(once: bool) -> Vec<KeyReference> {
    let root = json_schema();
    let mut walk = Walk { root: &root, groups: Vec::new(), keys: Vec::new(), once };
    walk.group(&root, "");
    walk.keys
}

/// The keys that a person may mean: the one with this path (capitals match any name), and the keys
/// below it; or every key of that last name.
pub fn explain(key: &str) -> Vec<KeyReference> {
    let keys = walked(false);
    let wanted: Vec<&str> = segments(key).collect();
    // `services.web` is an entry of `services`, so the reference of `services` describes it.
    let entry = |path: &str| {
        let named = |one: &KeyReference| {
            let rest = one.path.strip_prefix(path).and_then(|rest| rest.strip_prefix('.'));
            rest.and_then(|rest| rest.split('.').next()).is_some_and(placeholder)
        };
        wanted.len() > 1 && is_path(path, &wanted[..wanted.len() - 1]) && keys.iter().any(named)
    };
    let is = |path: &str| is_path(path, &wanted) || entry(path);
    let found: Vec<_> = keys.iter().filter(|one| is(&one.path)).cloned().collect();
    if !found.is_empty() || wanted.len() > 1 {
        return found;
    }
    let named = |path: &str| segments(path).last() == Some(key);
    keys.into_iter().filter(|one| named(&one.path)).collect()
}

/// Whether a path of the reference matches the requested one, which may have the user's names for placeholders.
fn is_path(path: &str, wanted: &[&str]) -> bool {
    let known: Vec<&str> = segments(path).collect();
    let same = |(known, said): (&&str, &&str)| known == said || placeholder(known);
    known.len() == wanted.len() && known.iter().zip(wanted).all(same)
}

/// The keys of the top level.
pub fn top_level() -> Vec<KeyReference> {
    config_keys().into_iter().filter(|one| segments(&one.path).count() == 1).collect()
}

/// The path of the key whose last word is most like that of another path, if any is like it at all.
pub fn nearest_key(key: &str) -> Option<String> {
    let keys = config_keys();
    let last = |path: &'_ str| segments(path).last().unwrap_or_default().to_owned();
    let names: Vec<String> = keys.iter().map(|one| last(&one.path)).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let near = nearest(&last(key), &names)?;
    names.iter().position(|name| *name == near).map(|at| keys[at].path.clone())
}

/// The keys directly below a key.
pub fn below(path: &str) -> Vec<KeyReference> {
    let keys = walked(false);
    let depth = segments(path).count();
    let inside = |one: &KeyReference| {
        let rest = one.path.strip_prefix(path).and_then(|rest| rest.strip_prefix(['.', '[']));
        let names = segments(&one.path).skip(depth).filter(|name| !placeholder(name)).count();
        rest.is_some() && names == 1
    };
    keys.into_iter().filter(inside).collect()
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split(['.', '[', ']']).filter(|segment| !segment.is_empty())
}

/// Whether a segment is a name that the user chooses.
fn placeholder(segment: &str) -> bool {
    segment.chars().all(|c| c.is_ascii_uppercase())
}

struct Walk<'a> {
    root: &'a Value,
    /// The groups described so far: schema reference and path.
    groups: Vec<(String, String)>,
    keys: Vec<KeyReference>,
    /// Whether to describe a group only where it occurs first.
    once: bool,
}

impl<'a> Walk<'a> {
    fn resolve(&self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        let reference = schema["$ref"].as_str();
        let target = reference.and_then(|at| self.root.pointer(at.strip_prefix('#')?));
        (target.unwrap_or(schema), reference)
    }

    /// The schema of an optional group: the branch that is not null.
    fn form(&self, schema: &'a Value) -> (&'a Value, Option<&'a str>) {
        let (resolved, reference) = self.resolve(schema);
        let branches = resolved["anyOf"].as_array().into_iter().flatten();
        let mut forms =
            branches.map(|one| self.resolve(one)).filter(|(one, _)| one["type"] != "null");
        forms.next().unwrap_or((resolved, reference))
    }

    fn group(&mut self, schema: &'a Value, path: &str) {
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.key(property, &path, required.contains(&json!(name)));
        }
    }

    fn key(&mut self, property: &'a Value, path: &str, required: bool) {
        let (form, reference) = self.form(property);
        let text = |schema: &Value| schema["description"].as_str().map(str::to_owned);
        let own = text(property).or_else(|| text(form)).unwrap_or_default();
        let default = property.get("default").or_else(|| form.get("default"));
        let default = default.filter(|value| !value.is_null() && !empty(value)).cloned();
        let inside = inside(form, path);
        let named = inside.as_ref().and_then(|(below, _)| self.form(below).1).or(reference);
        let before = named.and_then(|name| self.groups.iter().find(|(known, _)| known == name));
        let same_as = before.map(|(_, path)| path.clone()).filter(|_| self.once);
        let group = form["properties"].is_object() || inside.is_some();
        self.keys.push(KeyReference {
            kind: self.kind(form),
            description: own.replace('\n', " "),
            default: default.filter(|_| !group),
            same_as: same_as.clone().filter(|_| group),
            path: path.to_owned(),
            required,
        });
        if same_as.is_some() || !group {
            return;
        }
        if let Some(name) = named {
            self.groups.push((name.to_owned(), path.to_owned()));
        }
        match inside {
            Some((below, path)) => {
                let (below, _) = self.form(below);
                self.group(below, &path);
            }
            None => self.group(form, path),
        }
    }

    fn kind(&self, form: &'a Value) -> String {
        if let Some(words) = words(form) {
            return format!("one of: {}", words.join(", "));
        }
        match types(form).into_iter().find(|one| *one != "null") {
            Some("string") if form["format"] == "duration-text" => "duration".into(),
            Some("integer") => "whole number".into(),
            Some("number") => "number".into(),
            Some("boolean") => "true or false".into(),
            Some("array") => {
                let (of, _) = self.form(&form["items"]);
                format!("list of {}", plural(&self.kind(of)))
            }
            Some("object") if form["properties"].is_object() => "group of keys".into(),
            Some("object") => "group of names".into(),
            _ => "text".into(),
        }
    }
}

fn plural(kind: &str) -> String {
    match kind {
        "text" => "texts".into(),
        "whole number" => "whole numbers".into(),
        "group of keys" => "groups of keys".into(),
        other => other.to_owned(),
    }
}

fn empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

/// The schema of the entries of a map or list of groups, and their path.
fn inside<'a>(form: &'a Value, path: &str) -> Option<(&'a Value, String)> {
    let groups = |one: &Value| one["$ref"].is_string() || one["properties"].is_object();
    if let Some(entries) = form.get("additionalProperties").filter(|one| groups(one)) {
        let name = path.rsplit('.').next().unwrap_or_default();
        let name = match name {
            "environments" => "ENV".to_owned(),
            other => other.trim_end_matches('s').to_uppercase(),
        };
        return Some((entries, format!("{path}.{name}")));
    }
    let items = form.get("items").filter(|one| groups(one))?;
    Some((items, format!("{path}[]")))
}
