//! Converts between the API's JSON and the port's types.

use serde_json::{Value, json};

use pointsman_core::document::{Document, Fields};
use pointsman_core::error::Problem;
use pointsman_core::ports::database::{Act, DatabaseError, Expected, Refused, Write};

/// The error in a response, if any. Decides by `error.status` and never by the HTTP code alone: 409 and 400 each
/// have two meanings (`docs/internals/firestore.md`, Requests).
pub(super) fn refusal(answer: &Value) -> Option<DatabaseError> {
    let error = match answer {
        // A streaming method may put the error inside its list.
        Value::Array(parts) => parts.iter().find_map(|part| part.get("error"))?,
        other => other.get("error")?,
    };
    let (status, message) = (
        error["status"].as_str().unwrap_or("UNKNOWN"),
        error["message"].as_str().unwrap_or_default().trim(),
    );
    let refused = refused_by(status, message);
    let what = match refused {
        Refused::NotFound => "a document is not there",
        Refused::AlreadyExists => "a document is there already",
        Refused::Changed => "a document changed meanwhile",
        Refused::Contended => "the database is busy",
        Refused::TooLarge => "that is too much for one request",
        Refused::Invalid => "the database rejected the request",
        Refused::Denied => "the database does not let us",
        Refused::NotServed => "the server has no such method",
        Refused::Lost => "the database failed",
    };
    let problem = Problem::new(what).because(format!("{status}: {message}"));
    Some(DatabaseError { refused, problem })
}

/// What an error's status means.
pub(super) fn refused_by(status: &str, message: &str) -> Refused {
    match status {
        "NOT_FOUND" => Refused::NotFound,
        "ALREADY_EXISTS" => Refused::AlreadyExists,
        "FAILED_PRECONDITION" => Refused::Changed,
        "RESOURCE_EXHAUSTED" if message.contains("maximum size") => Refused::TooLarge,
        "ABORTED" | "RESOURCE_EXHAUSTED" => Refused::Contended,
        "PERMISSION_DENIED" | "UNAUTHENTICATED" => Refused::Denied,
        "UNIMPLEMENTED" => Refused::NotServed,
        "UNAVAILABLE" | "DEADLINE_EXCEEDED" | "INTERNAL" | "UNKNOWN" | "CANCELLED" => Refused::Lost,
        _ => Refused::Invalid,
    }
}

pub(super) fn unreadable(what: &str) -> DatabaseError {
    let problem = Problem::new("the database answers what cannot be read");
    DatabaseError { refused: Refused::Lost, problem: problem.because(format!("{what} is missing")) }
}

/// Maximum pages of a list. No database has more.
pub(super) const MOST_PAGES: usize = 100;

/// A list that names a next page again and again.
pub(super) fn endless(of: &str) -> DatabaseError {
    let problem = Problem::new(format!("the list of {of} never ends"))
        .because(format!("Firestore names a next page after {MOST_PAGES} of them"));
    DatabaseError { refused: Refused::Lost, problem }
}

/// The parts of a streaming method's response.
pub(super) fn parts(answer: &Value) -> Result<&Vec<Value>, DatabaseError> {
    answer.as_array().ok_or_else(|| unreadable("a list"))
}

/// The documents in a query's response. An empty response has a part without a document.
pub(super) fn documents_of(root: &str, answer: &Value) -> Result<Vec<Document>, DatabaseError> {
    let found = parts(answer)?.iter().filter_map(|part| part.get("document"));
    found.map(|document| read_document(root, document)).collect()
}

pub(super) fn read_document(root: &str, json: &Value) -> Result<Document, DatabaseError> {
    let name = json["name"].as_str().unwrap_or_default();
    let path = name.strip_prefix(root).and_then(|rest| rest.strip_prefix('/'));
    let path = path.ok_or_else(|| unreadable("the name of a document"))?.to_owned();
    let fields = match json.get("fields") {
        None => Ok(Fields::default()),
        Some(fields) => serde_json::from_value(fields.clone()),
    };
    // A value of an unknown type could not be written back unchanged.
    let fields = fields.map_err(|e| DatabaseError {
        refused: Refused::Invalid,
        problem: Problem::new(format!("{path} holds what this version cannot read"))
            .because(e.to_string()),
    })?;
    let updated = json["updateTime"].as_str().unwrap_or_default().to_owned();
    Ok(Document { path, fields, updated })
}

pub(super) fn write(root: &str, write: &Write) -> Value {
    let name = format!("{root}/{}", write.path);
    let mut json = match &write.act {
        Act::Delete => json!({ "delete": name }),
        Act::Update { fields, mask, increments, server_time } => {
            let mut json = json!({ "update": { "name": name, "fields": fields } });
            if let Some(mask) = mask {
                json["updateMask"] = json!({ "fieldPaths": mask });
            }
            let added = increments.iter().map(|(path, by)| {
                json!({ "fieldPath": path, "increment": { "integerValue": by.to_string() } })
            });
            let times = server_time
                .iter()
                .map(|path| json!({ "fieldPath": path, "setToServerValue": "REQUEST_TIME" }));
            let transforms: Vec<_> = added.chain(times).collect();
            if !transforms.is_empty() {
                json["updateTransforms"] = json!(transforms);
            }
            json
        }
    };
    match &write.expected {
        Expected::Anything => {}
        Expected::There => json["currentDocument"] = json!({ "exists": true }),
        Expected::NotThere => json["currentDocument"] = json!({ "exists": false }),
        Expected::Unchanged(time) => json["currentDocument"] = json!({ "updateTime": time }),
    }
    json
}
