//! Converts App Hosting's JSON to the port's types. Never treats an unknown value as a good one.

use serde_json::Value;

use crate::google_api::wire::{last_part, lasting, unreadable};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::ids::{BuildId, RolloutId};
use pointsman_core::ports::hosting::{
    Automatic, Build, BuildState, HostingError, NewRollout, Traffic,
};
use pointsman_core::project::Target;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::Failure;

/// Traffic annotation while a run holds automatic rollouts: the policy before the run. Stored on the platform, so
/// that it can be restored even if the run's own journal is lost.
pub(super) const HELD: &str = "pointsman.dev/rollout-policy";

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
