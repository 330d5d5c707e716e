//! A test of the released security rules: may a client touch records that are not its own? The server evaluates its own
//! rules (`projects.test`); nothing is written.

use reqwest::Method;
use serde_json::{Value, json};

use super::{AdminCall, Firestore, unreadable};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::database::{DatabaseError, Refused};
use pointsman_core::rules_test::{Records, RulesTest};

/// The kinds of client that are tested. Everyone who signs up belongs to the second.
const CLIENTS: [(&str, bool); 2] = [("an anonymous client", false), ("a signed-in client", true)];

impl Firestore {
    pub(super) async fn test_rules(&self, records: Records) -> Result<RulesTest, DatabaseError> {
        // Google's emulator keeps its rules elsewhere; "not found" there would read as "no rules".
        if self.emulator_base().is_some() {
            self.read_database().await?;
        }
        let (project, id) = self.project_and_id();
        // The release of another database than the default one carries its name.
        let database = if id == "(default)" { String::new() } else { format!("/{id}") };
        let release = format!("projects/{project}/releases/cloud.firestore{database}");
        let release = match self.rules_call(Method::GET, &release, None).await {
            Ok(release) => release,
            Err(error) if error.refused == Refused::NotFound => return Ok(RulesTest::NoRules),
            Err(error) => return Err(error),
        };
        let ruleset = release["rulesetName"].as_str();
        let ruleset = ruleset.ok_or_else(|| unreadable(GoogleApi::Rules, "the ruleset"))?;
        let cases: Vec<_> =
            CLIENTS.iter().flat_map(|c| records.denied().iter().map(move |act| (c, act))).collect();
        let document = records.document();
        let suite = cases.iter().map(|((_, signed), act)| case((id, &document), *signed, act));
        let suite: Vec<_> = suite.collect();
        let body = json!({ "testSuite": { "testCases": suite } });
        let tested = self.rules_call(Method::POST, &format!("{ruleset}:test"), Some(&body)).await?;
        let results = tested["testResults"].as_array().filter(|r| r.len() == cases.len());
        let results = results.ok_or_else(|| unreadable(GoogleApi::Rules, "a test result"))?;
        let mut allowed = Vec::new();
        for (((who, _), act), result) in cases.into_iter().zip(results) {
            match result["state"].as_str() {
                // Each case expects a denial.
                Some("SUCCESS") => {}
                Some("FAILURE") => allowed.push(format!("{who} may {act} {document}")),
                _ => return Err(unreadable(GoogleApi::Rules, "the state of a test")),
            }
        }
        Ok(RulesTest::Tested { allowed, records })
    }

    async fn rules_call(
        &self,
        method: Method,
        name: &str,
        body: Option<&Value>,
    ) -> Result<Value, DatabaseError> {
        let api = GoogleApi::Rules;
        self.admin_call(&AdminCall { api, method, name, query: &[], body }).await
    }
}

/// A request that must be denied.
fn case((database, document): (&str, &str), signed_in: bool, act: &str) -> Value {
    let auth = signed_in.then(|| json!({ "uid": "someone", "token": {} }));
    let data = json!({ "data": { "version": "0.0.0" } });
    let path = format!("/databases/{database}/documents/{document}");
    let mut case = json!({
        "expectation": "DENY",
        "request": { "auth": auth, "method": act, "path": path, "resource": data },
    });
    // A document that is created does not exist yet.
    if act != "create" {
        case["resource"] = data;
    }
    case
}
