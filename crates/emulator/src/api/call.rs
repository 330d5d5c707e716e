//! A request to the control API: parses and checks its path, query and body as Google's front end does.

use std::collections::BTreeMap;

use axum::http::{Method, Uri};
use serde_json::Value;

use super::error::ApiError;
use super::schema::{Document, strip_output_only};

/// Query parameters that every method accepts.
const STANDARD: [&str; 12] = [
    "$.xgafv",
    "access_token",
    "alt",
    "callback",
    "fields",
    "key",
    "oauth_token",
    "prettyPrint",
    "quotaUser",
    "uploadType",
    "upload_protocol",
    "$alt",
];

/// How the paths of Cloud Run's API begin; as Cloud Logging's one path; the other APIs have version 1.
pub(super) const CLOUD_RUN: &str = "/v2/";
/// How the paths of Cloud Monitoring's API begin.
pub(super) const MONITORING: &str = "/v3/";

pub(super) struct Call {
    pub(super) method: Method,
    /// The path after the version prefix.
    pub(super) name: String,
    pub(super) segments: Vec<String>,
    pub(super) query: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Call {
    pub(super) fn read(method: &Method, uri: &Uri, body: &[u8]) -> Result<Self, ApiError> {
        let versions = ["/v1/", "/v1beta/", CLOUD_RUN, MONITORING];
        let path = versions.iter().find_map(|version| uri.path().strip_prefix(version));
        let name = path.ok_or_else(ApiError::no_such_url)?.to_owned();
        let segments = name.split('/').map(str::to_owned).collect();
        let query = url::form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let query = query.into_owned().collect();
        Ok(Self { method: method.clone(), name, segments, query, body: body.to_vec() })
    }

    /// Rejects query parameters that are neither `known` to the method nor standard, and an invalid `requestId`.
    pub(super) fn takes(&self, known: &[&str]) -> Result<(), ApiError> {
        for name in self.query.keys() {
            if !known.contains(&name.as_str()) && !STANDARD.contains(&name.as_str()) {
                let said = format!(
                    "Invalid JSON payload received. Unknown name \"{name}\": Cannot bind query parameter. Field '{name}' could not be found in request message."
                );
                return Err(ApiError::invalid("", said));
            }
        }
        if let Some(id) = self.query.get("requestId") {
            let parsed = uuid::Uuid::parse_str(id);
            if !parsed.is_ok_and(|id| !id.is_nil()) {
                let message = format!("requestId must be a UUID that is not all zero, not {id:?}");
                return Err(ApiError::invalid("requestId", message));
            }
        }
        Ok(())
    }

    /// Parses the body as a resource of App Hosting, and removes its output-only fields.
    pub(super) fn resource(&self, schema: &str) -> Result<Value, ApiError> {
        self.resource_of(Document::AppHosting, schema)
    }

    /// Parses the body as a resource of `schema`, and removes its output-only fields.
    pub(super) fn resource_of(&self, document: Document, schema: &str) -> Result<Value, ApiError> {
        let mut value: Value = serde_json::from_slice(&self.body)
            .map_err(|e| ApiError::invalid("", format!("Invalid JSON payload received. {e}")))?;
        if !value.is_object() {
            return Err(ApiError::invalid(
                "",
                "Invalid JSON payload received. Expected an object.",
            ));
        }
        strip_output_only(document, schema, &mut value);
        match document.violations(schema, &value).first() {
            Some(violation) => Err(ApiError::invalid(&violation.field, &violation.message)),
            None => Ok(value),
        }
    }

    /// Reads an id from the query and checks it against the rule for resource ids.
    pub(super) fn id(&self, parameter: &str) -> Result<&str, ApiError> {
        let id = self.query.get(parameter).map(String::as_str).unwrap_or_default();
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = id.len() <= 63
            && id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(inner)
            && !id.ends_with('-');
        if fits {
            return Ok(id);
        }
        let rule = "^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$";
        Err(ApiError::invalid(parameter, format!("{parameter} {id:?} must match {rule}")))
    }

    pub(super) fn flag(&self, parameter: &str) -> bool {
        self.query.get(parameter).is_some_and(|v| v == "true")
    }

    /// The location in the path: `projects/P/locations/L`.
    pub(super) fn location(&self) -> String {
        self.segments.iter().take(4).cloned().collect::<Vec<_>>().join("/")
    }

    /// Rejects a request that sends an etag other than the resource's current one.
    pub(super) fn fresh(sent: Option<&str>, resource: &Value) -> Result<(), ApiError> {
        match sent {
            Some(etag) if resource["etag"] != etag => Err(ApiError::stale_etag()),
            _ => Ok(()),
        }
    }
}
