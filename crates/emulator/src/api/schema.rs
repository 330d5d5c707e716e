//! Validates JSON against Google's discovery document. The emulator rejects requests that the real API would not
//! understand, and the tests check the emulator's own responses against the same document.

use std::sync::OnceLock;

use serde_json::Value;

/// A discovery document of Google's. Those of the other APIs hold only what the emulator serves and what that refers
/// to, unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// App Hosting v1, revision 20260514, whole.
    AppHosting,
    /// Cloud Run v2: services and their revisions.
    CloudRun,
    /// Secret Manager v1: secrets and their versions, without values.
    SecretManager,
    /// Firestore's Admin API v1: databases, their backups, indexes, fields and exports.
    FirestoreAdmin,
    /// Cloud Logging v2: lists of entries.
    Logging,
    /// Cloud Monitoring v3: time series.
    Monitoring,
    /// Firebase Rules v1: releases, and tests of rules.
    Rules,
}

impl Document {
    /// The document that a query asks for, as `?api=run`; App Hosting's without that.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        match pairs.find(|(key, _)| key == "api").as_ref().map(|(_, api)| api.as_ref()) {
            None | Some("firebaseapphosting") => Some(Self::AppHosting),
            Some("run") => Some(Self::CloudRun),
            Some("logging") => Some(Self::Logging),
            Some("monitoring") => Some(Self::Monitoring),
            Some("firebaserules") => Some(Self::Rules),
            Some("firestore") => Some(Self::FirestoreAdmin),
            Some("secretmanager") => Some(Self::SecretManager),
            Some(_) => None,
        }
    }

    pub(super) fn json(self) -> &'static Value {
        static APP_HOSTING: OnceLock<Value> = OnceLock::new();
        static CLOUD_RUN: OnceLock<Value> = OnceLock::new();
        static FIRESTORE_ADMIN: OnceLock<Value> = OnceLock::new();
        static LOGGING: OnceLock<Value> = OnceLock::new();
        static MONITORING: OnceLock<Value> = OnceLock::new();
        static RULES: OnceLock<Value> = OnceLock::new();
        static SECRET_MANAGER: OnceLock<Value> = OnceLock::new();
        let (cell, text) = match self {
            Self::AppHosting => (&APP_HOSTING, include_str!("../data/firebaseapphosting.v1.json")),
            Self::CloudRun => (&CLOUD_RUN, include_str!("../data/run.v2.subset.json")),
            Self::FirestoreAdmin => {
                (&FIRESTORE_ADMIN, include_str!("../data/firestore_admin.v1.subset.json"))
            }
            Self::Logging => (&LOGGING, include_str!("../data/logging.v2.subset.json")),
            Self::Monitoring => (&MONITORING, include_str!("../data/monitoring.v3.subset.json")),
            Self::Rules => (&RULES, include_str!("../data/firebaserules.v1.subset.json")),
            Self::SecretManager => {
                (&SECRET_MANAGER, include_str!("../data/secretmanager.v1.subset.json"))
            }
        };
        cell.get_or_init(|| serde_json::from_str(text).unwrap_or_default())
    }

    /// Checks a value against a schema of the document, such as `Build`, and returns every violation. An unknown
    /// schema is a violation too, so that a misspelt name in a test cannot pass.
    pub fn violations(self, schema: &str, value: &Value) -> Vec<Violation> {
        let mut found = Vec::new();
        match self.json()["schemas"].get(schema) {
            Some(schema) => visit(self.json(), schema, value, "", &mut found),
            None => {
                found.push(Violation {
                    field: String::new(),
                    message: format!("no schema {schema}"),
                });
            }
        }
        found
    }
}

/// A value that does not match its schema, with the message that Google returns for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Path of the invalid value. For an unknown field: path of the object that contains it, such as
    /// `source.codebase`.
    pub field: String,
    pub message: String,
}

/// Checks a value against a schema of App Hosting's document.
pub fn violations(schema: &str, value: &Value) -> Vec<Violation> {
    Document::AppHosting.violations(schema, value)
}

fn visit(document: &Value, schema: &Value, value: &Value, path: &str, found: &mut Vec<Violation>) {
    if let Some(name) = schema["$ref"].as_str() {
        return visit(document, &document["schemas"][name], value, path, found);
    }
    let mut wrong = |message: String| {
        found.push(Violation { field: path.to_owned(), message });
    };
    match (schema["type"].as_str().unwrap_or("any"), value) {
        ("any", _) | ("boolean", Value::Bool(_)) | ("number", Value::Number(_)) => {}
        ("object", Value::Object(fields)) => object((document, schema), fields, path, found),
        ("array", Value::Array(items)) => {
            for (at, item) in items.iter().enumerate() {
                visit(document, &schema["items"], item, &format!("{path}[{at}]"), found);
            }
        }
        ("string", Value::String(text)) => string(schema, text, path, found),
        ("integer", Value::Number(n)) if n.is_i64() => {}
        (kind, value) => {
            wrong(format!("Invalid value at '{path}' (TYPE_{}), {value}", kind.to_uppercase()));
        }
    }
}

fn string(schema: &Value, text: &str, path: &str, found: &mut Vec<Violation>) {
    let words = schema["enum"].as_array();
    let known = words.is_none_or(|words| words.iter().any(|w| w == text));
    let a_time = schema["format"] != "google-datetime"
        || text.parse::<pointsman_core::time::Timestamp>().is_ok();
    if !known || !a_time {
        let message = format!("Invalid value at '{path}' (TYPE_ENUM), \"{text}\"");
        found.push(Violation { field: path.to_owned(), message });
    }
}

fn object(
    (document, schema): (&Value, &Value),
    fields: &serde_json::Map<String, Value>,
    path: &str,
    found: &mut Vec<Violation>,
) {
    for (name, value) in fields {
        let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
        match known {
            Some(schema) => visit(document, schema, value, &inner, found),
            None => found.push(Violation {
                field: path.to_owned(),
                message: format!(
                    "Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field."
                ),
            }),
        }
    }
}

/// Removes the output-only fields, except `etag`, from a request body; the real API ignores them.
pub(super) fn strip_output_only(document: Document, schema: &str, value: &mut Value) {
    let properties = &document.json()["schemas"][schema]["properties"];
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| properties[name]["readOnly"] != true || name == "etag");
    }
}
