//! What builds log while they run: Cloud Run writes it, Cloud Logging stores it (`docs/internals/google-apis.md`).

use reqwest::Method;
use serde_json::{Value, json};

use super::{Client, wire};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::log_level::LogLevel;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::project::Target;
use pointsman_core::runtime_log::{RuntimeEntry, RuntimePage};
use pointsman_core::time::Timestamp;

/// Maximum entries of a page, which is Google's own.
const PAGE_SIZE: u32 = 1000;
/// Maximum pages per call; the next call continues where this one was cut.
const MOST_PAGES: u32 = 5;

impl Client {
    /// The entries of some builds of a target's service; `revision` names the revision of a build.
    pub(crate) async fn runtime_entries(
        &self,
        target: &Target,
        builds: &[BuildId],
        revision: impl Fn(&BuildId) -> String,
        since: Timestamp,
    ) -> Result<RuntimePage, HostingError> {
        let revisions: Vec<_> =
            builds.iter().map(|build| (build.clone(), revision(build))).collect();
        let names: Vec<_> = revisions
            .iter()
            .map(|(_, name)| format!("resource.labels.revision_name=\"{name}\""))
            .collect();
        let filter = format!(
            "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"{}\" AND ({}) AND timestamp>=\"{since}\"",
            target.backend(),
            names.join(" OR "),
        );
        let mut body = json!({
            "resourceNames": [format!("projects/{}", target.project())],
            "filter": filter, "orderBy": "timestamp asc", "pageSize": PAGE_SIZE,
        });
        let url = format!("{}/v2/entries:list", self.origin(GoogleApi::Logging));
        let mut all = RuntimePage { entries: Vec::new(), cut: true };
        for _ in 0..MOST_PAGES {
            let page =
                self.fetch(GoogleApi::Logging, (Method::POST, &url), &[], Some(&body)).await?;
            let found = page["entries"].as_array().into_iter().flatten();
            all.entries.extend(found.filter_map(|entry| read(entry, &revisions)));
            // An empty page is not the last one.
            let Some(next) = wire::next_page(&page) else {
                all.cut = false;
                break;
            };
            body["pageToken"] = json!(next);
        }
        Ok(all)
    }
}

/// An entry of one of these revisions. `None` for one of another, or without a time.
fn read(entry: &Value, revisions: &[(BuildId, String)]) -> Option<RuntimeEntry> {
    let revision = entry["resource"]["labels"]["revision_name"].as_str()?;
    let (build, _) = revisions.iter().find(|(_, name)| name == revision)?;
    let text = text_of(entry)?;
    Some(RuntimeEntry {
        id: entry["insertId"].as_str().unwrap_or_default().to_owned(),
        at: entry["timestamp"].as_str()?.parse().ok()?,
        build: build.clone(),
        level: level(entry["severity"].as_str().unwrap_or_default(), &text),
        text,
    })
}

/// The message; for the log line of a request, the request itself.
fn text_of(entry: &Value) -> Option<String> {
    let message = entry["textPayload"].as_str().or(entry["jsonPayload"]["message"].as_str());
    if let Some(message) = message {
        return Some(message.trim_end().to_owned());
    }
    if let Some(request) = entry["httpRequest"].as_object() {
        let word = |key: &str| request.get(key).and_then(Value::as_str).unwrap_or_default();
        let status = request.get("status").and_then(Value::as_u64).unwrap_or_default();
        return Some(format!(
            "{status} {} {} {}",
            word("requestMethod"),
            word("requestUrl"),
            word("latency")
        ));
    }
    let json = entry.get("jsonPayload")?;
    Some(json.to_string())
}

/// Google's severities in the five levels of the log pane. Without one, the text may name it.
fn level(severity: &str, text: &str) -> LogLevel {
    match severity {
        "" | "DEFAULT" => LogLevel::of(text),
        "DEBUG" => LogLevel::Debug,
        "WARNING" => LogLevel::Warn,
        "ERROR" | "CRITICAL" | "ALERT" | "EMERGENCY" => LogLevel::Error,
        _ => LogLevel::Info,
    }
}
