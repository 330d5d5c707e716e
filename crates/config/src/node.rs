//! YAML as a tree with the place of every value. The reader refuses alias bombs, deep nesting and huge files before any
//! other parser sees them.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Spanned};

use super::finding::Finding;
use pointsman_core::text::is_invisible;

/// A place in the file, counted from 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Truth(bool),
    Whole(i128),
    Real(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key and its place.
#[derive(Debug, Clone)]
pub(super) struct Key {
    pub(super) place: Place,
    pub(super) name: String,
}

impl Node {
    /// The value under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|(k, _)| k.name == key).map(|(_, v)| v),
            _ => None,
        }
    }

    /// The place of the deepest existing part of a path. Parts inside a list are indexes.
    pub(super) fn place_of(&self, path: &[&str]) -> Place {
        let mut here = self;
        for part in path {
            let next = match &here.value {
                Value::List(items) => part.parse::<usize>().ok().and_then(|at| items.get(at)),
                _ => here.get(part),
            };
            match next {
                Some(found) => here = found,
                None => break,
            }
        }
        here.place
    }

    /// The kind of the value, for error messages.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Truth(_) => "true or false",
            Value::Whole(_) | Value::Real(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a group of keys",
        }
    }
}

/// Maximum file size in bytes. Larger files are refused unread. The guide's complete set-up has 8 kB.
pub(super) const MOST_BYTES: usize = 1024 * 1024;

/// Maximum depth of values in values.
const MOST_DEPTH: usize = 32;
/// Maximum number of aliases.
const MOST_ALIASES: usize = 200;
/// Maximum number of values, with those that aliases repeat. Fourteen thousand probes have as many.
const MOST_VALUES: usize = 100_000;
/// Maximum number of values that aliases repeat, with the ends of lists and groups.
const MOST_REPEATED: usize = 20_000;

/// Parses YAML within limits. Those of aliases are tight: an alias bomb is refused in less than 10 ms.
pub(super) fn parse(text: &str) -> Result<Node, Finding> {
    if text.len() > MOST_BYTES {
        return Err(Finding::new(Place { line: 1, column: 1 }, "the file is larger than 1 MiB"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MOST_VALUES,
            max_depth: MOST_DEPTH,
            max_aliases: MOST_ALIASES,
            max_total_scalar_bytes: MOST_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_REPEATED },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
    };
    // Some editors write a byte order mark; it is not part of the text.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = serde_saphyr::from_str_with_options::<Node>(text, options).map_err(|error| {
        let place = error.location().map(place).unwrap_or_default();
        Finding::new(place, unreadable(error.without_snippet()))
    })?;
    match unseen(&tree) {
        Some((place, c)) => {
            let what = format!("this text holds the invisible character U+{:04X}", u32::from(c));
            Err(Finding::new(place, what))
        }
        None => Ok(tree),
    }
}

/// Why a text cannot be read.
fn unreadable(error: &Error) -> String {
    match error {
        Error::AliasError { error, .. } => unreadable(error),
        Error::AliasReplayLimitExceeded { .. } => {
            format!("the aliases of this file repeat more than {MOST_REPEATED} values")
        }
        Error::Budget { breach, .. } => match breach {
            BudgetBreach::Depth { .. } => {
                format!("more than {MOST_DEPTH} values inside each other")
            }
            BudgetBreach::Aliases { .. } => format!("more than {MOST_ALIASES} aliases"),
            BudgetBreach::Nodes { .. } => format!("more than {MOST_VALUES} values"),
            _ => "the file has too many values, anchors or documents".to_owned(),
        },
        error => {
            let said = error.to_string();
            said.lines().next().unwrap_or("the file cannot be read").to_owned()
        }
    }
}

/// The first invisible character that may change how a terminal shows other text. Names and texts do not need
/// such characters.
fn unseen(node: &Node) -> Option<(Place, char)> {
    let odd = |text: &str| {
        let fit = |c: &char| matches!(c, '\n' | '\t' | '\r') || !c.is_control();
        // Joiners are part of some scripts and emoji.
        let joins = |c: &char| matches!(c, '\u{200c}' | '\u{200d}');
        text.chars().find(|c| !fit(c) || (is_invisible(*c) && !joins(c)))
    };
    match &node.value {
        Value::Text(text) => odd(text).map(|c| (node.place, c)),
        Value::List(items) => items.iter().find_map(unseen),
        Value::Map(entries) => entries.iter().find_map(|(key, value)| {
            odd(&key.name).map(|c| (key.place, c)).or_else(|| unseen(value))
        }),
        Value::Null | Value::Truth(_) | Value::Whole(_) | Value::Real(_) => None,
    }
}

fn place(location: serde_saphyr::Location) -> Place {
    Place {
        line: usize::try_from(location.line()).unwrap_or(0).max(1),
        column: usize::try_from(location.column()).unwrap_or(0).max(1),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self { place: place(spanned.referenced), value: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, d: D) -> Result<Value, D::Error> {
        Value::deserialize(d)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Value, E> {
        Ok(Value::Truth(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Value, E> {
        Ok(Value::Whole(v.into()))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Value, E> {
        Ok(Value::Whole(v.into()))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Value, E> {
        Ok(Value::Real(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Value, E> {
        Ok(Value::Text(v.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, value)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push((Key { place: place(key.referenced), name: key.value }, value));
        }
        Ok(Value::Map(entries))
    }
}
