//! The path of a field in a document, in Firestore's syntax (`docs/internals/firestore.md`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Fields, Map, Value};
use crate::error::Problem;

/// A field path: `role`, `address.city`, `` `odd-name`.x ``. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// The path of a top-level field. The name is taken literally, dots included.
    pub fn field(name: impl Into<String>) -> Self {
        Self(vec![name.into()])
    }

    /// The field names, from the document down.
    pub fn segments(&self) -> &[String] {
        &self.0
    }

    /// The value at the path.
    pub fn get<'a>(&self, fields: &'a Fields) -> Option<&'a Value> {
        let (last, above) = self.0.split_last()?;
        let mut here = fields;
        for name in above {
            match here.get(name) {
                Some(Value::Map(map)) => here = &map.fields,
                _ => return None,
            }
        }
        here.get(last)
    }

    /// Sets the value at the path. Creates missing maps above it, and overwrites other values that are in their place.
    pub fn put(&self, fields: &mut Fields, value: Value) {
        let Some((last, above)) = self.0.split_last() else { return };
        let mut here = fields;
        for name in above {
            let next = here.entry(name.clone()).or_insert_with(|| Value::Map(Map::default()));
            if !matches!(next, Value::Map(_)) {
                *next = Value::Map(Map::default());
            }
            let Value::Map(map) = next else { return };
            here = &mut map.fields;
        }
        here.insert(last.clone(), value);
    }

    /// Removes the value at the path.
    pub fn take(&self, fields: &mut Fields) -> Option<Value> {
        let (last, above) = self.0.split_last()?;
        let mut here = fields;
        for name in above {
            match here.get_mut(name) {
                Some(Value::Map(map)) => here = &mut map.fields,
                _ => return None,
            }
        }
        here.remove(last)
    }
}

fn plain(name: &str) -> bool {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(begins) && name.chars().all(|c| begins(c) || c.is_ascii_digit())
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            if plain(name) {
                f.write_str(name)?;
            } else {
                write!(f, "`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))?;
            }
        }
        Ok(())
    }
}

impl FromStr for FieldPath {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let refused = || {
            Problem::new(format!("{text:?} is no path of a field"))
                .try_this("write a.b, and names with other signs in backticks: `a-b`.c")
        };
        let (mut names, mut rest) = (Vec::new(), text);
        loop {
            let (name, after) = if let Some(quoted) = rest.strip_prefix('`') {
                unquote(quoted).ok_or_else(refused)?
            } else {
                let end = rest.find('.').unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            };
            if name.is_empty() || (!rest.starts_with('`') && !plain(&name)) {
                return Err(refused());
            }
            names.push(name);
            match after.strip_prefix('.') {
                Some(more) => rest = more,
                None if after.is_empty() => return Ok(Self(names)),
                None => return Err(refused()),
            }
        }
    }
}

/// A name up to its closing backtick, and the rest of the text.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '`' => return Some((name, &text[at + 1..])),
            '\\' => name.push(signs.next()?.1),
            other => name.push(other),
        }
    }
    None
}

impl TryFrom<String> for FieldPath {
    type Error = Problem;

    fn try_from(text: String) -> Result<Self, Problem> {
        text.parse()
    }
}

impl From<FieldPath> for String {
    fn from(path: FieldPath) -> Self {
        path.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_paths_round_trip_odd_names() {
        for text in ["a", "a.b_2", "`a-b`", "`a.b`.c", "`\\`\\\\`", "`é`"] {
            let path: FieldPath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        assert_eq!("`a.b`.c".parse::<FieldPath>().unwrap().segments(), ["a.b", "c"]);
        for bad in ["", "a-b", "a..b", ".a", "a.", "`a", "`a`b", "1a", "``"] {
            assert!(bad.parse::<FieldPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sets_finds_and_removes_a_value() {
        let mut fields = Fields::new();
        let path: FieldPath = "address.city".parse().unwrap();
        path.put(&mut fields, Value::text("Vigo"));
        assert_eq!(path.get(&fields).and_then(Value::as_text), Some("Vigo"));
        assert_eq!("address.zip".parse::<FieldPath>().unwrap().get(&fields), None);
        assert!(path.take(&mut fields).is_some() && path.get(&fields).is_none());
    }
}
