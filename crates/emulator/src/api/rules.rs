//! Firebase Rules: which rules are released, and tests of them. The emulator's Firestore evaluates no rules. Here every
//! project has rules that deny each client everything, unless `rules.json` in the emulator's folder says otherwise, by
//! project: `{"projects/P": {"allows": ["create", "update", "delete"]}}`, or `null` for a project without rules.

use axum::http::Uri;
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};

const FILE: &str = "rules.json";
/// When every release was made.
const MADE: &str = "2026-01-01T00:00:00Z";

/// Whether a path is one of the API of rules.
pub(super) fn owns(uri: &Uri) -> bool {
    let path: Vec<&str> = uri.path().split('/').collect();
    matches!(path.as_slice(), ["", "v1", "projects", _, "releases" | "rulesets", ..])
}

impl Api {
    pub(super) fn rules(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let project = path.iter().take(2).copied().collect::<Vec<_>>().join("/");
        let told = self.told(FILE)?.get(&project).cloned();
        let ruleset = format!("{project}/rulesets/emulator");
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["projects", _, "releases", "cloud.firestore", ..]) => {
                call.takes(&[])?;
                if told == Some(Value::Null) {
                    return Err(ApiError::not_found(&call.name));
                }
                Ok(json!({
                    "name": call.name, "rulesetName": ruleset, "createTime": MADE, "updateTime": MADE,
                }))
            }
            ("POST", ["projects", _, "rulesets", "emulator:test"]) => {
                call.takes(&[])?;
                let request = call.resource_of(Document::Rules, "TestRulesetRequest")?;
                let cases = request["testSuite"]["testCases"].as_array().cloned();
                let allows = told.map(|told| told["allows"].clone()).unwrap_or_default();
                let result = |case: &Value| {
                    let allowed = allows.as_array().into_iter().flatten();
                    let allowed = allowed.into_iter().any(|act| *act == case["request"]["method"]);
                    let met = (case["expectation"] == "ALLOW") == allowed;
                    json!({ "state": if met { "SUCCESS" } else { "FAILURE" } })
                };
                let results: Vec<_> = cases.iter().flatten().map(result).collect();
                Ok(json!({ "testResults": results }))
            }
            _ => Err(ApiError::no_such_url()),
        }
    }
}
