//! Tells GitHub about deployments (`docs/internals/github-actions.md`). Idempotent: the deployment is found by the run's
//! key in its payload, and a state that it has already is not written again.

use reqwest::header::LOCATION;
use reqwest::{Client, Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::API;
use super::call::MOST_REDIRECTS;
use crate::http;
use pointsman_core::alert::{Alert, DeploymentReport, DeploymentState, GithubRepository};
use pointsman_core::ports::outbox::DeliveryResult;
use pointsman_core::text::harmless;

/// Maximum length of a description at GitHub.
const LONGEST_DESCRIPTION: usize = 140;

/// A client for one delivery.
pub(crate) struct Deployments<'a> {
    pub(crate) client: &'a Client,
    pub(crate) of: &'a GithubRepository,
    pub(crate) token: SecretString,
}

impl Deployments<'_> {
    /// Writes one state of a run's deployment.
    pub(crate) async fn tell(
        &self,
        alert: &Alert,
        report: &DeploymentReport,
    ) -> Result<DeliveryResult, DeliveryResult> {
        let environment = alert.environment.as_ref().map(ToString::to_string).unwrap_or_default();
        let id = match self.find(&environment, report).await? {
            Some(id) => id,
            // A run that changed nothing, and that GitHub never heard of.
            None if report.state == DeploymentState::Inactive => return Ok(DeliveryResult::Taken),
            None => self.create(&environment, alert, report).await?,
        };
        let statuses = self.path(&format!("deployments/{id}/statuses"));
        let newest = self.call(Method::GET, &statuses, None).await?;
        let newest = newest[0]["state"].as_str().unwrap_or_default();
        let begins = report.state == DeploymentState::InProgress;
        // A lost answer to an earlier attempt; or it ended already.
        if newest == report.state.label()
            || (begins && !matches!(newest, "" | "queued" | "pending"))
        {
            return Ok(DeliveryResult::Taken);
        }
        let mut body = json!({
            "state": report.state.label(), "auto_inactive": true,
            "description": harmless(&alert.text, LONGEST_DESCRIPTION),
        });
        if let Some(address) = &report.address {
            body["environment_url"] = json!(address);
        }
        if let Some(job) = &report.job {
            body["log_url"] = json!(job);
        }
        self.call(Method::POST, &statuses, Some(&body)).await?;
        Ok(DeliveryResult::Taken)
    }

    /// The deployment of a run, if it exists.
    async fn find(
        &self,
        environment: &str,
        report: &DeploymentReport,
    ) -> Result<Option<u64>, DeliveryResult> {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("sha", &report.commit)
            .append_pair("environment", environment)
            .append_pair("per_page", "100")
            .finish();
        let list =
            self.call(Method::GET, &self.path(&format!("deployments?{query}")), None).await?;
        let all = list.as_array().ok_or_else(|| unreadable("a list of deployments"))?;
        let ours = |one: &&Value| key_of(&one["payload"]).as_deref() == Some(&report.key);
        Ok(all.iter().find(ours).and_then(|one| one["id"].as_u64()))
    }

    async fn create(
        &self,
        environment: &str,
        alert: &Alert,
        report: &DeploymentReport,
    ) -> Result<u64, DeliveryResult> {
        let body = json!({
            "ref": report.commit, "environment": environment, "task": "deploy",
            // GitHub would merge the default branch, or wait for checks, and create nothing.
            "auto_merge": false, "required_contexts": [],
            "production_environment": report.production,
            "description": harmless(&alert.text, LONGEST_DESCRIPTION),
            "payload": { "pointsman": report.key, "run": alert.run, "release": alert.release },
        });
        let made = self.call(Method::POST, &self.path("deployments"), Some(&body)).await?;
        made["id"].as_u64().ok_or_else(|| unreadable("a deployment"))
    }

    fn path(&self, rest: &str) -> String {
        let base = self.of.api.as_deref().unwrap_or(API).trim_end_matches('/');
        format!("{base}/repos/{}/{rest}", self.of.repository)
    }

    /// Calls GitHub. A renamed repository answers with its new address, and the same call is repeated there.
    async fn call(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Value, DeliveryResult> {
        let mut response = self.sent(method.clone(), url, body).await?;
        for _ in 0..MOST_REDIRECTS {
            let Some(to) = elsewhere(&response) else { break };
            response = self.sent(method.clone(), to.as_str(), body).await?;
        }
        Self::read(response).await
    }

    async fn sent(
        &self,
        method: Method,
        url: &str,
        body: Option<&Value>,
    ) -> Result<Response, DeliveryResult> {
        let mut request = self
            .client
            .request(method, url)
            .header("Accept", "application/vnd.github+json")
            .header("X-GitHub-Api-Version", super::call::VERSION)
            .bearer_auth(self.token.expose_secret());
        if let Some(body) = body {
            request = request.json(body);
        }
        request.send().await.map_err(crate::notify::lost)
    }

    async fn read(response: Response) -> Result<Value, DeliveryResult> {
        let (status, after) = (response.status(), crate::notify::retry_after(&response));
        let text = http::text(response).await;
        let text = text.map_err(|e| e.either(crate::notify::lost, |why| unreadable(&why)))?;
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        if matches!(status, StatusCode::OK | StatusCode::CREATED) && !json.is_null() {
            return Ok(json);
        }
        let said = json["message"].as_str().unwrap_or_default();
        let limited = status == StatusCode::FORBIDDEN && said.to_lowercase().contains("rate limit");
        if limited || status == StatusCode::ACCEPTED {
            return Err(DeliveryResult::Later(format!("HTTP {} {said}", status.as_u16()), after));
        }
        Err(crate::notify::refused(status, after, said))
    }
}

/// Where a renamed repository answers. Only at the same origin: the token goes along.
fn elsewhere(response: &Response) -> Option<url::Url> {
    let moved = [
        StatusCode::MOVED_PERMANENTLY,
        StatusCode::TEMPORARY_REDIRECT,
        StatusCode::PERMANENT_REDIRECT,
    ];
    let to = response.headers().get(LOCATION)?.to_str().ok()?;
    let to = response.url().join(to).ok()?;
    let ours = to.origin() == response.url().origin();
    (moved.contains(&response.status()) && ours).then_some(to)
}

fn unreadable(what: &str) -> DeliveryResult {
    DeliveryResult::Later(format!("GitHub answers without {what}"), None)
}

/// The key in a payload, which GitHub returns as an object or as text.
fn key_of(payload: &Value) -> Option<String> {
    let parsed = payload.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let key = parsed.as_ref().unwrap_or(payload)["pointsman"].as_str();
    key.map(str::to_owned)
}
