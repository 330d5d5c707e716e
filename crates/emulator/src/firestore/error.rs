//! Errors in Google's format and wording (`docs/internals/firestore.md`, Requests).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A response with a status other than 200.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    code: StatusCode,
    /// gRPC status code.
    number: u8,
    /// gRPC status name. Empty for an unknown URL, which is answered in plain text.
    word: &'static str,
    message: String,
}

impl Refusal {
    fn new(code: StatusCode, number: u8, word: &'static str, message: impl Into<String>) -> Self {
        Self { code, number, word, message: message.into() }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, 3, "INVALID_ARGUMENT", message)
    }

    pub(super) fn payload() -> Self {
        Self::invalid("Payload isn't valid for request.")
    }

    pub(super) fn missing(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, 5, "NOT_FOUND", format!("Document ({name}) not found."))
    }

    pub(super) fn nothing_to_update(path: &str) -> Self {
        let message = format!("no entity to update: {path}");
        Self::new(StatusCode::NOT_FOUND, 5, "NOT_FOUND", message)
    }

    pub(super) fn exists(path: &str) -> Self {
        let message = format!("entity already exists: {path}");
        Self::new(StatusCode::CONFLICT, 6, "ALREADY_EXISTS", message)
    }

    pub(super) fn changed(stored: &str, required: &str) -> Self {
        let message = format!(
            "the stored version ({stored}) does not match the required base version ({required})"
        );
        Self::new(StatusCode::BAD_REQUEST, 9, "FAILED_PRECONDITION", message)
    }

    pub(super) fn aborted() -> Self {
        Self::new(StatusCode::CONFLICT, 10, "ABORTED", "Transaction lock timeout.")
    }

    pub(super) fn too_large(bytes: usize) -> Self {
        let message = format!("gRPC message exceeds maximum size {}: {bytes}", super::MOST_BYTES);
        Self::new(StatusCode::TOO_MANY_REQUESTS, 8, "RESOURCE_EXHAUSTED", message)
    }

    pub(super) fn unimplemented(what: &str) -> Self {
        let message = format!("The emulator has no {what}.");
        Self::new(StatusCode::NOT_IMPLEMENTED, 12, "UNIMPLEMENTED", message)
    }

    pub(super) fn no_such_url() -> Self {
        Self::new(StatusCode::NOT_FOUND, 5, "", "Not Found")
    }

    /// The status of one write in the response of `batchWrite`.
    pub(super) fn status(&self) -> Value {
        json!({ "code": self.number, "message": self.message })
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, 13, "INTERNAL", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if self.word.is_empty() {
            return (self.code, self.message).into_response();
        }
        let error = json!({
            "code": self.code.as_u16(), "message": self.message, "status": self.word,
        });
        (self.code, Json(json!({ "error": error }))).into_response()
    }
}
