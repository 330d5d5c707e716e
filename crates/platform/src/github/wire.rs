//! Converts GitHub's JSON to the domain's types. Missing values stay missing, and unknown words are kept.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::pipeline::{Approval, Job, JobStep, PipelineRun, Standing};
use pointsman_core::redact::redacted;
use pointsman_core::text::harmless;
use pointsman_core::time::Timestamp;

/// Maximum characters of a name or title.
const MOST_ERROR_CHARACTERS: usize = 200;

pub(super) fn unreadable(what: &str) -> Problem {
    Problem::new(format!("GitHub answers without {what}"))
        .because("something else may stand between: a proxy, a login page")
}

fn label(json: &Value) -> Option<String> {
    json.as_str()
        .map(|text| redacted(&harmless(text, MOST_ERROR_CHARACTERS)))
        .filter(|text| !text.is_empty())
}

/// Parses RFC 3339 with any offset: GitHub sends UTC and other offsets.
fn at(json: &Value) -> Option<Timestamp> {
    json.as_str()?.parse().ok()
}

fn standing(json: &Value) -> Standing {
    let status = json["status"].as_str().unwrap_or("unknown");
    Standing::of(status, json["conclusion"].as_str())
}

pub(super) fn run(json: &Value) -> Result<PipelineRun, Problem> {
    Ok(PipelineRun {
        id: json["id"].as_u64().ok_or_else(|| unreadable("the number of a run"))?,
        attempt: json["run_attempt"].as_u64().unwrap_or(1),
        title: label(&json["display_title"]).or_else(|| label(&json["name"])).unwrap_or_default(),
        branch: label(&json["head_branch"]),
        commit: label(&json["head_sha"]),
        event: label(&json["event"]).unwrap_or_default(),
        actor: label(&json["actor"]["login"]),
        standing: standing(json),
        started: at(&json["run_started_at"]).or_else(|| at(&json["created_at"])),
        changed: at(&json["updated_at"]),
        url: label(&json["html_url"]),
        jobs: Vec::new(),
        approvals: Vec::new(),
    })
}

pub(super) fn job(json: &Value) -> Result<Job, Problem> {
    let steps = json["steps"].as_array().into_iter().flatten();
    let step = |step: &Value| {
        let took = at(&step["completed_at"])
            .zip(at(&step["started_at"]))
            .and_then(|(ended, started)| Duration::try_from(ended.duration_since(started)).ok());
        JobStep { name: label(&step["name"]).unwrap_or_default(), standing: standing(step), took }
    };
    Ok(Job {
        id: json["id"].as_u64().ok_or_else(|| unreadable("the number of a job"))?,
        name: label(&json["name"]).unwrap_or_default(),
        standing: standing(json),
        started: at(&json["started_at"]),
        ended: at(&json["completed_at"]),
        steps: steps.map(step).collect(),
        url: label(&json["html_url"]),
        own: false,
    })
}

pub(super) fn approval(json: &Value) -> Result<Approval, Problem> {
    let environment = &json["environment"];
    let reviewers = json["reviewers"].as_array().into_iter().flatten();
    let name = |reviewer: &Value| {
        let who = &reviewer["reviewer"];
        label(&who["login"]).or_else(|| label(&who["name"]))
    };
    Ok(Approval {
        environment_id: environment["id"].as_u64().ok_or_else(|| unreadable("an environment"))?,
        environment: label(&environment["name"]).unwrap_or_default(),
        ours: json["current_user_can_approve"] == true,
        reviewers: reviewers.filter_map(name).collect(),
    })
}

/// Converts an error response. GitHub does not report whether a repository is missing or only hidden.
pub(super) fn refused(status: StatusCode, json: &Value, repository: &str, signed: bool) -> Problem {
    let said = label(&json["message"]).unwrap_or_else(|| status.to_string());
    let problem = Problem::coded(
        Code::GITHUB_UNAVAILABLE,
        format!("GitHub answered HTTP {}", status.as_u16()),
    )
    .because(said);
    let errors = json["errors"].as_array().into_iter().flatten();
    let told: Vec<_> = errors.filter_map(|e| label(e).or_else(|| label(&e["message"]))).collect();
    let problem = match (told.is_empty(), problem.why.clone()) {
        (true, _) => problem,
        (false, why) => problem.because(format!("{why}: {}", told.join("; "))),
    };
    match status.as_u16() {
        401 => problem.try_this("GitHub rejects the token: create a new one, and set it"),
        403 => problem.try_this("the token needs Actions: read and write for this repository"),
        404 if signed => problem.try_this(format!(
            "see that {repository} and its workflow exist, and that the token may see them: GitHub hides \
             what it may not"
        )),
        404 => problem.try_this(format!("set the variable that token_env names, if {repository} is private")),
        410 => problem.try_this("this version of the API is over: a newer pointsman is needed"),
        422 => problem.try_this("see that the workflow has `on: workflow_dispatch` and the branch exists"),
        _ => problem,
    }
}
