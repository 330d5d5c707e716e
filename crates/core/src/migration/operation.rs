//! The operations of a migration.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::document::{FieldPath, Fields, Value};
use crate::error::Problem;
use crate::index::{Expiry, Index};

/// The documents that an operation applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scope {
    /// The collection: `users`, `users/u1/orders`. With `group`, only its name, wherever it is.
    pub collection: String,
    /// Whether every collection of that name is included, at any depth.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group: bool,
    /// Only documents that match all of these conditions. Evaluated locally and not by the server: this needs no
    /// index, and can match missing fields, which a Firestore query cannot.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filter: Vec<Condition>,
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.collection)?;
        if self.group {
            f.write_str(" (every collection of that name)")?;
        }
        Ok(())
    }
}

/// A condition on a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// The field has this value.
    Equals(FieldPath, Value),
    /// The field exists and has another value.
    Differs(FieldPath, Value),
    Exists(FieldPath),
    Missing(FieldPath),
}

impl Condition {
    /// Whether a document matches the condition.
    pub fn holds(&self, fields: &Fields) -> bool {
        match self {
            Self::Equals(path, value) => path.get(fields) == Some(value),
            Self::Differs(path, value) => path.get(fields).is_some_and(|found| found != value),
            Self::Exists(path) => path.get(fields).is_some(),
            Self::Missing(path) => path.get(fields).is_none(),
        }
    }
}

/// The types a field can be converted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ValueType {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// A floating point number.
    Double,
    /// Yes or no.
    Boolean,
    /// A moment.
    Timestamp,
}

impl fmt::Display for ValueType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text => "text",
            Self::Integer => "an integer",
            Self::Double => "a double",
            Self::Boolean => "a boolean",
            Self::Timestamp => "a timestamp",
        })
    }
}

/// Text with fields in braces: `{first} {last}`. A literal brace is doubled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    written: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Field(FieldPath),
}

impl Template {
    /// Fills in a document's fields. The error names the field that is missing or has the wrong type.
    pub fn fill(&self, fields: &Fields) -> Result<String, String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Text(written) => text.push_str(written),
                Part::Field(path) => match path.get(fields) {
                    Some(Value::Text(found)) => text.push_str(found),
                    Some(Value::Integer(found)) => text.push_str(&found.to_string()),
                    Some(other) => {
                        return Err(format!("{path} is {}, not text or a number", other.kind()));
                    }
                    None => return Err(format!("it has no {path}")),
                },
            }
        }
        Ok(text)
    }
}

impl TryFrom<String> for Template {
    type Error = Problem;

    fn try_from(written: String) -> Result<Self, Problem> {
        let refused = |why: &str| {
            Problem::new(format!("{written:?} is not a template"))
                .because(why)
                .try_this("write \"{first} {last}\"; a brace itself is written twice")
        };
        let (mut parts, mut text) = (Vec::new(), String::new());
        let mut rest = written.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let brace = &rest[at..=at];
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix(brace) {
                text.push_str(brace);
                rest = after;
                continue;
            }
            let end = rest.find('}').filter(|_| brace == "{");
            let end = end.ok_or_else(|| refused("a brace is not closed"))?;
            let path = rest[..end].parse::<FieldPath>().map_err(|p| refused(&p.what))?;
            parts.push(Part::Text(std::mem::take(&mut text)));
            parts.push(Part::Field(path));
            rest = &rest[end + 1..];
        }
        text.push_str(rest);
        parts.push(Part::Text(text));
        Ok(Self { written, parts })
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.written
    }
}

/// One operation of a migration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Creates a document that must not exist yet.
    Create { document: String, fields: Fields },
    /// Deletes a document.
    Delete { document: String },
    /// Sets fields where they are missing.
    SetMissing { scope: Scope, fields: Vec<(FieldPath, Value)> },
    /// Sets fields, and overwrites existing values.
    Set { scope: Scope, fields: Vec<(FieldPath, Value)> },
    /// Moves a field's value to another field.
    Rename { scope: Scope, from: FieldPath, to: FieldPath },
    /// Copies a field's value to another field.
    Copy { scope: Scope, from: FieldPath, to: FieldPath },
    /// Removes fields where they exist.
    Remove { scope: Scope, fields: Vec<FieldPath> },
    /// Sets a field to text built from other fields.
    Template { scope: Scope, field: FieldPath, template: Template },
    /// Changes the type of a field's value.
    Convert { scope: Scope, field: FieldPath, to: ValueType },
    /// Adds to a number. A missing field counts as 0. Applied by the server.
    Increment { scope: Scope, field: FieldPath, by: i64 },
    /// Deletes every document of a collection.
    DeleteCollection { scope: Scope },
    /// Creates a composite index, and waits until it can be used.
    CreateIndex { index: Index },
    /// Deletes a composite index.
    DeleteIndex { index: Index },
    /// Lets a field expire its documents, and waits until that is active.
    Expire { expiry: Expiry },
    /// Ends that.
    EndExpiry { expiry: Expiry },
    /// Runs one of the team's programs, with the version and the project in its environment.
    Run { argv: Vec<String> },
}

impl Operation {
    /// Whether it changes indexes or expiry, for which the roles of documents are not enough.
    pub fn needs_admin(&self) -> bool {
        matches!(
            self,
            Self::CreateIndex { .. }
                | Self::DeleteIndex { .. }
                | Self::Expire { .. }
                | Self::EndExpiry { .. }
        )
    }

    /// The documents that it processes, if it processes a collection.
    pub fn scope(&self) -> Option<&Scope> {
        match self {
            Self::Create { .. }
            | Self::Delete { .. }
            | Self::CreateIndex { .. }
            | Self::DeleteIndex { .. }
            | Self::Expire { .. }
            | Self::EndExpiry { .. }
            | Self::Run { .. } => None,
            Self::SetMissing { scope, .. }
            | Self::Set { scope, .. }
            | Self::Rename { scope, .. }
            | Self::Copy { scope, .. }
            | Self::Remove { scope, .. }
            | Self::Template { scope, .. }
            | Self::Convert { scope, .. }
            | Self::Increment { scope, .. }
            | Self::DeleteCollection { scope } => Some(scope),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let paths = |fields: &[(FieldPath, Value)]| {
            fields.iter().map(|(path, _)| path.to_string()).collect::<Vec<_>>().join(", ")
        };
        match self {
            Self::Create { document, .. } => write!(f, "create {document}"),
            Self::Delete { document } => write!(f, "delete {document}"),
            Self::SetMissing { scope, fields } => {
                write!(f, "set {} where missing in {scope}", paths(fields))
            }
            Self::Set { scope, fields } => write!(f, "set {} in {scope}", paths(fields)),
            Self::Rename { scope, from, to } => write!(f, "rename {from} to {to} in {scope}"),
            Self::Copy { scope, from, to } => write!(f, "copy {from} to {to} in {scope}"),
            Self::Remove { scope, fields } => {
                let fields: Vec<_> = fields.iter().map(FieldPath::to_string).collect();
                write!(f, "remove {} from {scope}", fields.join(", "))
            }
            Self::Template { scope, field, template } => {
                write!(f, "set {field} to {:?} in {scope}", template.written)
            }
            Self::Convert { scope, field, to } => write!(f, "convert {field} to {to} in {scope}"),
            Self::Increment { scope, field, by } => write!(f, "add {by} to {field} in {scope}"),
            Self::DeleteCollection { scope } => write!(f, "delete every document of {scope}"),
            Self::CreateIndex { index } => write!(f, "create index {index}"),
            Self::DeleteIndex { index } => write!(f, "delete index {index}"),
            Self::Expire { expiry } => write!(f, "delete {expiry}"),
            Self::EndExpiry { expiry } => write!(f, "stop deleting {expiry}"),
            Self::Run { argv } => write!(f, "run {}", argv.join(" ")),
        }
    }
}
