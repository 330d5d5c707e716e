//! API calls: bearer token, retries of transient failures, and polling of operations.

#![expect(clippy::disallowed_methods, reason = "back-off between requests to a real server")]

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Client, Kind, wire};
use crate::auth::Unsent;
use crate::google::NoToken;
use crate::http::{self, chain};
use crate::retry::retried;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::{HostingError, HostingReason};
use pointsman_core::retry::POLL;
use pointsman_core::step::Failure;

/// Maximum attempts for transient failures. Retries are safe: every change carries a request id or an etag, or names
/// what it creates, and the server ignores or refuses a repeat.
pub(super) const ATTEMPTS: u32 = 4;
/// Timeout of a read: it is answered immediately or hangs. A change may take the client's whole minute.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// A longer wait is reported as a failure; the step is retried later.
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);

/// A failed call, and whether and when to retry it.
struct Unanswered {
    error: HostingError,
    /// The delay that the server requested.
    after: Option<Duration>,
    /// Whether a retry may succeed.
    passes: bool,
}

impl From<NoToken> for HostingError {
    fn from(no: NoToken) -> Self {
        let class = if no.passing { Failure::Passing } else { Failure::Lasting };
        Self::new(no.problem, class)
    }
}

impl From<HostingError> for Unanswered {
    fn from(error: HostingError) -> Self {
        Self { passes: error.class == Failure::Passing, error, after: None }
    }
}

impl Client {
    /// Reads a resource that may not exist.
    pub(crate) async fn maybe(
        &self,
        api: GoogleApi,
        url: &str,
    ) -> Result<Option<Value>, HostingError> {
        match self.fetch(api, (Method::GET, url), &[], None).await {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.reason == HostingReason::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether the caller has a permission in a project, as Resource Manager says. `None`: this server has none.
    pub(crate) async fn has_permission(
        &self,
        project: &str,
        permission: &str,
    ) -> Result<Option<bool>, HostingError> {
        let api = GoogleApi::ResourceManager;
        let url = format!("{}/v1/projects/{project}:testIamPermissions", self.origin(api));
        self.test_permission(api, &url, permission).await
    }

    /// Whether the caller has a permission for the resource of an address that ends with `:testIamPermissions`. `None`: this
    /// server cannot say.
    pub(crate) async fn test_permission(
        &self,
        api: GoogleApi,
        url: &str,
        permission: &str,
    ) -> Result<Option<bool>, HostingError> {
        if self.kind == Kind::Emulator {
            return Ok(None);
        }
        let body = json!({ "permissions": [permission] });
        match self.fetch(api, (Method::POST, url), &[], Some(&body)).await {
            Ok(json) => {
                let mut has = json["permissions"].as_array().into_iter().flatten();
                Ok(Some(has.any(|one| one == permission)))
            }
            Err(error) if error.reason == HostingReason::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until an operation finishes, and returns its response. `at`: the base URL and version under which
    /// operations are read. Callers still read the resource: an operation can succeed and hold a failed resource.
    pub(crate) async fn wait_for(
        &self,
        api: GoogleApi,
        at: &str,
        operation: &Value,
    ) -> Result<Value, HostingError> {
        let mut operation = operation.clone();
        let mut looks = 0;
        while operation["done"] != true {
            looks += 1;
            tokio::time::sleep(self.poll_after(looks)).await;
            let url = format!("{at}/{}", operation["name"].as_str().unwrap_or_default());
            operation = self.fetch(api, (Method::GET, &url), &[], None).await?;
        }
        wire::accepted(api, &operation)?;
        Ok(operation["response"].clone())
    }

    /// Calls one of Google's APIs, with retries of what may pass.
    pub(crate) async fn fetch(
        &self,
        api: GoogleApi,
        (method, url): (Method, &str),
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, HostingError> {
        // An outdated etag stays outdated: the caller must read and decide again.
        let once = body.is_some_and(|body| body["etag"].is_string());
        let again = |failed: &Unanswered, wait: Duration| {
            let stale = once && failed.error.reason == HostingReason::Busy;
            let wait = failed.after.unwrap_or(wait);
            (failed.passes && !stale && wait <= LONGEST_RETRY_AFTER).then_some(wait)
        };
        let call = || self.once(api, (method.clone(), url), query, body);
        retried(self.attempts, POLL, call, again).await.map_err(|failed| failed.error)
    }

    async fn once(
        &self,
        api: GoogleApi,
        (method, url): (Method, &str),
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Value, Unanswered> {
        let mut request = self.http.request(method.clone(), url).query(query);
        if method == Method::GET {
            request = request.timeout(READ_WITHIN);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let lost = |error: reqwest::Error| {
            // The base address names App Hosting; for the others the API's name says more than its address.
            let who = if api == GoogleApi::AppHosting { self.base.as_str() } else { api.label() };
            let problem = Problem::coded(Code::PLATFORM_SILENT, format!("{who} does not answer"))
                .because(chain(&error.without_url()));
            HostingError::new(problem, Failure::Passing)
        };
        let response = match self.bearer.send(request).await {
            Ok(response) => response,
            // Obtaining a token has already waited long enough.
            Err(Unsent::NoToken(no)) => {
                return Err(Unanswered { error: no.into(), after: None, passes: false });
            }
            Err(Unsent::Lost(error)) => return Err(lost(error).into()),
        };
        let status = response.status();
        let after = retry_after(&response);
        let text = http::text(response)
            .await
            .map_err(|e| e.either(lost, |what| wire::unreadable(&what)))?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if status == StatusCode::OK {
            // A login page or a truncated response proves nothing, least of all that a resource is missing.
            return if json.is_object() {
                Ok(json)
            } else {
                Err(wire::unreadable("a body").into())
            };
        }
        let after = after.or_else(|| wire::retry_info(&json));
        let changes = matches!(method, Method::PATCH | Method::DELETE | Method::PUT);
        Err(Unanswered { after, ..wire::refused(api, changes, status, &json).into() })
    }
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}
