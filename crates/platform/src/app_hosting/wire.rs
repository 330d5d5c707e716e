//! Converts the API's JSON and errors to the port's types. Never treats an unknown value as a good one.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::{BuildId, RolloutId};
use pointsman_core::ports::hosting::{
    Automatic, Build, BuildState, HostingError, HostingReason, NewRollout, Traffic,
};
use pointsman_core::project::Target;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::Failure;

/// Traffic annotation while a run holds automatic rollouts: the policy before the run. Stored on the platform, so
/// that it can be restored even if the run's own journal is lost.
pub(super) const HELD: &str = "pointsman.dev/rollout-policy";

pub(super) fn lasting(problem: Problem) -> HostingError {
    HostingError::new(problem, Failure::Lasting)
}

pub(super) fn unreadable(what: &str) -> HostingError {
    let problem = Problem::new(format!("the platform answered with {what} that cannot be read"));
    HostingError::new(problem, Failure::Inconclusive)
}

/// Converts a response of an API other than 200. The reason starts with the API's own status name.
pub(super) fn refused(api: GoogleApi, status: StatusCode, json: &Value) -> HostingError {
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
        403 => problem.try_this(format!("ask for {} on that project", api.role())),
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
pub(super) fn retry_info(json: &Value) -> Option<Duration> {
    let details = json["error"]["details"].as_array().into_iter().flatten();
    let delay = details.into_iter().find_map(|detail| detail["retryDelay"].as_str())?;
    Duration::try_from_secs_f64(delay.strip_suffix('s')?.parse().ok()?).ok()
}

/// Converts an operation's error, which carries `google.rpc.Code` instead of an HTTP status.
pub(super) fn operation_failed(error: &Value) -> HostingError {
    const PASSING: [i64; 4] = [4, 8, 10, 14]; // deadline, exhausted, aborted, unavailable
    let code = error["code"].as_i64().unwrap_or_default();
    let class = if PASSING.contains(&code) { Failure::Passing } else { Failure::Lasting };
    let message = error["message"].as_str().unwrap_or("it gave no reason").to_owned();
    HostingError::new(
        Problem::coded(Code::PLATFORM_REFUSED, "App Hosting could not do it").because(message),
        class,
    )
}

/// Checks the operation returned for a request. If it already holds an error, the request was not accepted.
pub(super) fn accepted(operation: &Value) -> Result<(), HostingError> {
    match operation.get("error").filter(|error| !error.is_null()) {
        Some(error) => Err(operation_failed(error)),
        None => Ok(()),
    }
}

/// The error for a list whose pages never end: such a list proves nothing.
pub(super) fn endless(of: &str) -> HostingError {
    let problem = Problem::new(format!("the list of every {of} never ends"))
        .because("App Hosting names a next page again and again")
        .try_this("try again; if it stays so, it is App Hosting's fault");
    HostingError::new(problem, Failure::Inconclusive)
}

/// The token of the next page.
pub(super) fn next_page(page: &Value) -> Option<&str> {
    page["nextPageToken"].as_str().filter(|token| !token.is_empty())
}

/// Rejects a list with unreachable regions: resources missing from it are unknown, not absent.
pub(super) fn whole(list: &Value, of: &str) -> Result<(), HostingError> {
    let unreachable = list["unreachable"].as_array().filter(|regions| !regions.is_empty());
    let Some(regions) = unreachable else { return Ok(()) };
    let regions: Vec<_> = regions.iter().filter_map(Value::as_str).collect();
    let problem = Problem::new(format!("App Hosting could not list every {of}"))
        .because(format!("these did not answer: {}", regions.join(", ")));
    Err(HostingError::new(problem, Failure::Inconclusive))
}

/// Rejects a backend of another environment. A backend's environment name selects the file that it is built with:
/// with a different name, one environment's release would get the settings and secrets of another.
pub(super) fn of_environment(backend: &Value, target: &Target) -> Result<(), HostingError> {
    let ours = target.environment().as_str();
    let named = backend["environment"].as_str().filter(|named| !named.is_empty());
    match named {
        Some(other) if other != ours => {
            let what = format!("backend {} belongs to environment {other:?}", target.backend());
            let problem = Problem::new(what)
                .because(format!("it would be built with apphosting.{other}.yaml, for {ours}"))
                .try_this(
                    "set its environment name in the Firebase console, or name another backend",
                );
            Err(lasting(problem))
        }
        _ => Ok(()),
    }
}

pub(super) fn last_part(name: &Value) -> &str {
    name.as_str().and_then(|n| n.rsplit('/').next()).unwrap_or_default()
}

/// Parses a traffic resource. Rejects any other response: a response without traffic does not mean that no build
/// has any.
pub(super) fn traffic(json: &Value) -> Result<Traffic, HostingError> {
    if last_part(&json["name"]) != "traffic" {
        return Err(unreadable("a traffic"));
    }
    let bad = || unreadable("a traffic split");
    let mut splits = Vec::new();
    for split in json["current"]["splits"].as_array().into_iter().flatten() {
        // Zero is the default, and the API omits defaults.
        let percent = split.get("percent").map_or(Some(0), Value::as_u64).ok_or_else(bad)?;
        let percent = u8::try_from(percent).ok().filter(|p| *p <= 100).ok_or_else(bad)?;
        if percent > 0 {
            let build = BuildId::new(last_part(&split["build"])).map_err(|_| bad())?;
            splits.push(Split { build, percent });
        }
    }
    let (moving, automatic) = (json["reconciling"] == true, automatic(json));
    Ok(Traffic { splits, moving, unfinished: Vec::new(), automatic })
}

/// The state of automatic rollouts, with the writable part of the policy; the server sets the rest.
fn automatic(json: &Value) -> Automatic {
    let policy = &json["rolloutPolicy"];
    let branch = policy["codebaseBranch"].as_str().is_some_and(|branch| !branch.is_empty());
    // Automatic rollouts that a person has enabled since stay enabled, even if the annotation is still there.
    if branch && policy["disabled"] != true {
        let mut policy = policy.clone();
        policy.as_object_mut().map(|fields| fields.remove("disabledTime"));
        return Automatic::On { policy: policy.to_string() };
    }
    match json["annotations"][HELD].as_str() {
        Some(before) => Automatic::Held { policy: before.to_owned() },
        None => Automatic::Off,
    }
}

/// The unfinished rollouts of a list. A rollout with an unknown state counts as unfinished.
pub(super) fn unfinished(json: &Value) -> Result<Vec<RolloutId>, HostingError> {
    let over =
        |word: Option<&str>| matches!(word, Some("SUCCEEDED" | "FAILED" | "CANCELLED" | "SKIPPED"));
    let rollouts = json["rollouts"].as_array().into_iter().flatten();
    let open = rollouts.filter(|r| !over(r["state"].as_str()));
    open.map(|r| RolloutId::new(last_part(&r["name"])).map_err(|_| unreadable("a rollout")))
        .collect()
}

pub(super) fn build(json: &Value) -> Result<Build, HostingError> {
    let word = json["state"].as_str().unwrap_or("STATE_UNSPECIFIED");
    let annotation = |name: &str| json["annotations"][name].as_str().map(str::to_owned);
    Ok(Build {
        id: BuildId::new(last_part(&json["name"])).map_err(|_| unreadable("a build"))?,
        state: match word {
            "READY" => BuildState::Ready,
            "FAILED" | "SKIPPED" | "EXPIRED" => BuildState::Unusable,
            _ => BuildState::Working,
        },
        state_word: word.to_owned(),
        release: annotation("pointsman.dev/release").and_then(|r| ReleaseLabel::new(r).ok()),
        commit: commit(json),
        created: json["createTime"].as_str().and_then(|at| at.parse().ok()),
        // Treat an annotation that cannot be read as absent.
        accepts: annotation("pointsman.dev/schema")
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default(),
        preview: annotation("pointsman.dev/preview"),
        problem: problem(json, word),
        config: super::config::config(json),
    })
}

/// The commit of a build: Google reports the hash that it checked out.
fn commit(json: &Value) -> Option<String> {
    let codebase = &json["source"]["codebase"];
    let named = [&codebase["hash"], &codebase["commit"]];
    let hex = |c: &&str| c.len() == 40 && c.chars().all(|d| d.is_ascii_hexdigit());
    named.into_iter().filter_map(Value::as_str).find(hex).map(str::to_owned)
}

/// The problem of a failed build: all its errors and the address of its log. Reads v1beta's single `error` too.
fn problem(json: &Value, word: &str) -> Option<Problem> {
    if !matches!(word, "FAILED" | "SKIPPED" | "EXPIRED") {
        return None;
    }
    let list = json["errors"].as_array().into_iter().flatten();
    let reasons: Vec<String> = list
        .map(|e| {
            let source = e["errorSource"].as_str().unwrap_or("ERROR_SOURCE_UNSPECIFIED");
            format!("{source}: {}", e["error"]["message"].as_str().unwrap_or_default())
        })
        .chain(json["error"]["message"].as_str().map(str::to_owned))
        .collect();
    let problem =
        Problem::coded(Code::BUILD_FAILED, format!("build {} is {word}", last_part(&json["name"])));
    let problem = problem.because(reasons.join("; "));
    // People can open Google's page; the emulator's address works only for clients with its token.
    let page = json["buildLogsUri"].as_str().filter(|page| page.starts_with("https://"));
    Some(match page {
        Some(page) => problem.try_this(format!("read its log: {page}")),
        None => problem,
    })
}

pub(super) fn rollout_failed(id: &RolloutId, word: &str, json: &Value) -> HostingError {
    let why = json["error"]["message"].as_str().unwrap_or("it gave no reason").to_owned();
    lasting(Problem::new(format!("rollout {id} is {word}")).because(why))
}

pub(super) fn invisible(id: &RolloutId) -> HostingError {
    let problem = Problem::new(format!("rollout {id} was ordered and still does not appear"))
        .try_this("check the platform, then retry the step");
    HostingError::new(problem, Failure::Inconclusive)
}

pub(super) fn rollout_paused(id: &RolloutId) -> HostingError {
    let problem = Problem::new(format!("rollout {id} is PAUSED"))
        .because("App Hosting holds it: its progress is paused there")
        .try_this("resume it in the Firebase console, then retry the step");
    HostingError::new(problem, Failure::Inconclusive)
}

pub(super) fn traffic_unmoved(new: &NewRollout, traffic: &Traffic) -> HostingError {
    let serving = traffic.whole().map_or("no single build", BuildId::as_str);
    let problem =
        Problem::new(format!("rollout {} says SUCCEEDED, but traffic did not follow", new.id))
            .because(format!("{serving} is live, not {}", new.build));
    HostingError::new(problem, Failure::Inconclusive)
}
