//! Cloud Logging: what the builds' processes write, as entries of `cloud_run_revision`. A line of JSON becomes a structured
//! entry, as Cloud Run does. Processes write straight into a file, which has no times: an entry that names no time
//! gets the one at which the emulator first saw it.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::call::Call;
use super::error::ApiError;
use super::filter::{comparisons, values};
use super::{Answer, Api};
use crate::log::{lines_from, runtime_start};
use crate::registry::Kind;
use pointsman_core::time::Timestamp;

/// The path of the only method.
pub(super) const LIST: &str = "/v2/entries:list";
/// Entries of each build that are kept in memory.
const KEPT: usize = 10_000;
const PAGE: usize = 1000;

/// The entries of each build seen so far.
#[derive(Debug, Default)]
pub(crate) struct Seen(Mutex<HashMap<String, Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// Where to read on in the log file.
    next: Option<u64>,
    all: Vec<(Timestamp, Value)>,
}

impl Seen {
    fn builds(&self) -> MutexGuard<'_, HashMap<String, Entries>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Api {
    /// `POST /v2/entries:list`.
    pub(super) fn log_entries(&self, call: &Call) -> Answer {
        call.takes(&[])?;
        let request =
            call.resource_of(super::schema::Document::Logging, "ListLogEntriesRequest")?;
        let names = request["resourceNames"].as_array().into_iter().flatten();
        let projects: Vec<_> = names.filter_map(Value::as_str).map(str::to_owned).collect();
        let filter = comparisons(request["filter"].as_str().unwrap_or_default())?;
        if values(&filter, "resource.type") != ["cloud_run_revision"] {
            return Err(ApiError::unimplemented("logs of other resources than cloud_run_revision"));
        }
        let service = values(&filter, "resource.labels.service_name").first().copied();
        let service = service.unwrap_or_default().to_owned();
        let since = filter.iter().find(|(key, operator, _)| key == "timestamp" && operator == ">=");
        let since = since.and_then(|(_, _, at)| at.parse::<Timestamp>().ok());
        let mut found = Vec::new();
        for revision in values(&filter, "resource.labels.revision_name") {
            for project in &projects {
                found.extend(self.entries_of(project, &service, revision)?);
            }
        }
        found.retain(|(at, _)| since.is_none_or(|since| *at >= since));
        found.sort_by_key(|(at, _)| *at);
        let from = match request["pageToken"].as_str().filter(|token| !token.is_empty()) {
            None => 0,
            Some(token) => token
                .parse::<usize>()
                .map_err(|_| ApiError::invalid("page_token", "pageToken is not one of ours"))?,
        };
        let size = request["pageSize"].as_u64().and_then(|n| usize::try_from(n).ok());
        let size = size.filter(|n| *n > 0).unwrap_or(PAGE).min(PAGE);
        let page: Vec<_> = found.iter().skip(from).take(size).map(|(_, entry)| entry).collect();
        let mut answer = json!({ "entries": page });
        if from + size < found.len() {
            answer["nextPageToken"] = json!((from + size).to_string());
        }
        Ok(answer)
    }

    fn entries_of(
        &self,
        project: &str,
        service: &str,
        revision: &str,
    ) -> Result<Vec<(Timestamp, Value)>, ApiError> {
        let of = |kind: Kind, parent: &str| {
            let parent = format!("{project}/locations/-/{parent}/{service}");
            self.platform.registry().list(kind, &parent)
        };
        let mut builds = of(Kind::Build, "backends")?;
        builds.extend(of(Kind::Revision, "services")?);
        let name = builds.iter().filter_map(|build| build["name"].as_str());
        let Some(build) = name.into_iter().find(|name| name.ends_with(&format!("/{revision}")))
        else {
            return Ok(Vec::new());
        };
        let log = self.platform.log_of(build);
        let mut seen = self.seen.builds();
        let entries = seen.entry(build.to_owned()).or_default();
        entries.read(
            &log,
            &json!({ "type": "cloud_run_revision", "labels": {
                "project_id": project.trim_start_matches("projects/"), "service_name": service,
                "revision_name": revision, "configuration_name": service, "location": "us-central1",
            }}),
        );
        Ok(entries.all.clone())
    }
}

impl Entries {
    /// Reads on, as far as the file goes now.
    fn read(&mut self, log: &Path, resource: &Value) {
        let mut from = self.next.unwrap_or_else(|| runtime_start(log));
        // What was written before this look is as old as the file.
        let seen = std::fs::metadata(log).and_then(|about| about.modified()).ok();
        let seen = seen.and_then(|at| Timestamp::try_from(at).ok()).unwrap_or_default();
        loop {
            let (lines, next) = lines_from(log, from);
            for (at, line) in lines.iter().enumerate() {
                let id = format!("{from:012}-{at}");
                self.all.push(entry(line, &id, seen, resource));
            }
            if next == from {
                break;
            }
            from = next;
        }
        self.next = Some(from);
        let more = self.all.len().saturating_sub(KEPT);
        self.all.drain(..more);
    }
}

/// An entry of one line. `severity`, `message` and `time` of a structured line get their own fields.
fn entry(line: &str, id: &str, seen: Timestamp, resource: &Value) -> (Timestamp, Value) {
    let mut entry = json!({ "insertId": id, "resource": resource });
    let mut at = seen;
    match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(mut payload) => {
            if let Some(severity) = payload.remove("severity").as_ref().and_then(Value::as_str) {
                entry["severity"] = json!(severity.to_uppercase());
            }
            let time = payload.remove("time").or_else(|| payload.remove("timestamp"));
            let time = time.as_ref().and_then(Value::as_str).and_then(|at| at.parse().ok());
            at = time.unwrap_or(at);
            entry["jsonPayload"] = Value::Object(payload);
        }
        Err(_) => entry["textPayload"] = json!(line),
    }
    entry["timestamp"] = json!(at.to_string());
    entry["receiveTimestamp"] = json!(seen.to_string());
    (at, entry)
}
