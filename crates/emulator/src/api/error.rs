//! Errors in Google's format (`docs/internals/app-hosting.md`, Resources).

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A response with a status other than 200.
#[derive(Debug, Clone)]
pub(crate) struct ApiError {
    status: StatusCode,
    word: &'static str,
    message: String,
    details: Vec<Value>,
}

impl ApiError {
    fn new(status: StatusCode, word: &'static str, message: impl Into<String>) -> Self {
        Self { status, word, message: message.into(), details: Vec::new() }
    }

    /// 400 that names the invalid field.
    pub(super) fn invalid(field: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        let mut error = Self::new(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message.clone());
        error.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": field, "description": message}],
        }));
        error
    }

    pub(super) fn precondition(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "FAILED_PRECONDITION", message)
    }

    pub(super) fn not_found(name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", format!("Resource '{name}' was not found"))
    }

    pub(super) fn no_such_url() -> Self {
        let message = "The requested URL was not found on this server.";
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    }

    pub(super) fn exists(name: &str) -> Self {
        Self::new(
            StatusCode::CONFLICT,
            "ALREADY_EXISTS",
            format!("Resource '{name}' already exists"),
        )
    }

    pub(super) fn stale_etag() -> Self {
        let message = "The etag is not that of the resource as it is now; read it again.";
        Self::new(StatusCode::CONFLICT, "ABORTED", message)
    }

    pub(super) fn foreign_host() -> Self {
        let message =
            "The Host header is not a loopback name; the emulator serves this machine only.";
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    pub(super) fn too_large() -> Self {
        let message = "The request is larger than the emulator takes.";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "INVALID_ARGUMENT", message)
    }

    pub(super) fn unimplemented(what: &str) -> Self {
        let message = format!("The emulator has no {what}.");
        Self::new(StatusCode::NOT_IMPLEMENTED, "UNIMPLEMENTED", message)
    }

    pub(super) fn unauthenticated(present: bool) -> Self {
        let (message, reason) = if present {
            (
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
                "ACCESS_TOKEN_TYPE_UNSUPPORTED",
            )
        } else {
            (
                "Request is missing required authentication credential. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
                "CREDENTIALS_MISSING",
            )
        };
        let mut error = Self::new(StatusCode::UNAUTHORIZED, "UNAUTHENTICATED", message);
        error.details.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason, "domain": "googleapis.com",
        }));
        error
    }
}

impl From<rusqlite::Error> for ApiError {
    fn from(error: rusqlite::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL", error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = json!({
            "code": self.status.as_u16(), "message": self.message, "status": self.word,
        });
        if !self.details.is_empty() {
            error["details"] = Value::Array(self.details);
        }
        (self.status, Json(json!({ "error": error }))).into_response()
    }
}
