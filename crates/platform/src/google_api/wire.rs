//! Reads the answers that Google's APIs have in common: errors, operations and pages.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::google_write::GoogleWrite;
use pointsman_core::ports::hosting::{HostingError, HostingReason};
use pointsman_core::step::Failure;

pub(crate) fn lasting(problem: Problem) -> HostingError {
    HostingError::new(problem, Failure::Lasting)
}

pub(crate) fn unreadable(what: &str) -> HostingError {
    let problem = Problem::new(format!("the platform answered with {what} that cannot be read"));
    HostingError::new(problem, Failure::Inconclusive)
}

/// Converts a response of an API other than 200. The reason starts with the API's own status name.
/// `changes`: the call was one, and needs another role.
pub(crate) fn refused(
    api: GoogleApi,
    changes: bool,
    status: StatusCode,
    json: &Value,
) -> HostingError {
    let word = json["error"]["status"].as_str().unwrap_or("no reason given");
    let message = json["error"]["message"].as_str().unwrap_or_default();
    let class = match status.as_u16() {
        429 | 500 | 502 | 503 | 504 => Failure::Passing,
        409 if word == "ABORTED" => Failure::Passing,
        _ => Failure::Lasting,
    };
    let problem =
        Problem::coded(Code::PLATFORM_REFUSED, format!("{api} answered HTTP {}", status.as_u16()))
            .because(format!("{word}: {message}"));
    let problem = match status.as_u16() {
        401 => problem.try_this("see which credentials are used: pointsman doctor"),
        403 if switched_off(json) => {
            problem.try_this(format!("switch the API on: {}", api.enable("PROJECT")))
        }
        403 => {
            let developer = changes && api == GoogleApi::CloudRun;
            let role = if developer { GoogleWrite::Services.role() } else { api.role() };
            problem.try_this(format!("ask for {role} on that project"))
        }
        _ => problem,
    };
    let reason =
        if status == StatusCode::FORBIDDEN { HostingReason::Forbidden } else { reason(word) };
    HostingError { problem, class, reason, api: Some(api) }
}

/// The reason for an `error.status`, which is one of `google.rpc.Code`'s names.
fn reason(status: &str) -> HostingReason {
    match status {
        "NOT_FOUND" => HostingReason::NotFound,
        "ALREADY_EXISTS" => HostingReason::AlreadyExists,
        "ABORTED" => HostingReason::Busy,
        "UNIMPLEMENTED" => HostingReason::Unimplemented,
        _ => HostingReason::Other,
    }
}

/// Whether the API was never enabled for the project.
fn switched_off(json: &Value) -> bool {
    let details = json["error"]["details"].as_array().into_iter().flatten();
    details.into_iter().any(|detail| detail["reason"] == "SERVICE_DISABLED")
}

/// The delay of `google.rpc.RetryInfo`: `"retryDelay": "3.5s"`.
pub(crate) fn retry_info(json: &Value) -> Option<Duration> {
    let details = json["error"]["details"].as_array().into_iter().flatten();
    let delay = details.into_iter().find_map(|detail| detail["retryDelay"].as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// Converts an operation's error, which carries `google.rpc.Code` instead of an HTTP status.
fn operation_failed(api: GoogleApi, error: &Value) -> HostingError {
    const PASSING: [i64; 4] = [4, 8, 10, 14]; // deadline, exhausted, aborted, unavailable
    let code = error["code"].as_i64().unwrap_or_default();
    let class = if PASSING.contains(&code) { Failure::Passing } else { Failure::Lasting };
    let message = error["message"].as_str().unwrap_or("it gave no reason").to_owned();
    HostingError::new(
        Problem::coded(Code::PLATFORM_REFUSED, format!("{api} could not do it")).because(message),
        class,
    )
}

/// Checks the operation returned for a request. If it already holds an error, the request was not accepted.
pub(crate) fn accepted(api: GoogleApi, operation: &Value) -> Result<(), HostingError> {
    match operation.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(operation_failed(api, error)),
        None => Ok(()),
    }
}

/// The error for a list whose pages never end: such a list proves nothing.
pub(crate) fn endless(api: GoogleApi, of: &str) -> HostingError {
    let problem = Problem::new(format!("the list of every {of} never ends"))
        .because(format!("{api} names a next page again and again"))
        .try_this(format!("try again; if it stays so, it is {api}'s fault"));
    HostingError::new(problem, Failure::Inconclusive)
}

/// The token of the next page.
pub(crate) fn next_page(page: &Value) -> Option<&str> {
    page["nextPageToken"].as_str().filter(|token| !token.is_empty())
}

/// Rejects a list with unreachable regions: resources missing from it are unknown, not absent.
pub(crate) fn whole(api: GoogleApi, list: &Value, of: &str) -> Result<(), HostingError> {
    let unreachable = list["unreachable"].as_array().filter(|regions| !regions.is_empty());
    let Some(regions) = unreachable else { return Ok(()) };
    let regions: Vec<_> = regions.iter().filter_map(Value::as_str).collect();
    let problem = Problem::new(format!("{api} could not list every {of}"))
        .because(format!("these did not answer: {}", regions.join(", ")));
    Err(HostingError::new(problem, Failure::Inconclusive))
}

pub(crate) fn last_part(name: &Value) -> &str {
    name.as_str().and_then(|n| n.rsplit('/').next()).unwrap_or_default()
}
