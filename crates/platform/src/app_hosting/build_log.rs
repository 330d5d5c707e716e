//! Build logs at Google: Cloud Build writes them, Cloud Logging stores them. A log that cannot be read fails no
//! step: the build's fact contains the address of the log.

use reqwest::Method;
use serde_json::{Value, json};

use super::AppHosting;
use crate::google_api::wire::next_page;
use pointsman_core::apphosting::cause_of;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::LogPart;
use pointsman_core::project::Target;
use pointsman_core::time::Timestamp;

/// Maximum entries per request.
const PAGE_SIZE: u32 = 500;
/// Maximum pages per call; the next call reads the rest.
const MOST_PAGES: u32 = 4;

impl AppHosting {
    /// Reads the entries after a position, which is the time of the last entry in nanoseconds. Misses an entry that
    /// arrives after a newer one.
    pub(super) async fn google_log(&self, target: &Target, id: &BuildId, from: u64) -> LogPart {
        let nothing = LogPart { lines: Vec::new(), next: from };
        let build = self.maybe(&target.build_name(id)).await.ok().flatten().unwrap_or_default();
        let Some(number) = build["buildLogsUri"].as_str().and_then(cloud_build) else {
            return nothing;
        };
        let after = Timestamp::from_nanosecond(i128::from(from)).unwrap_or_default();
        let filter = format!(
            "resource.type=\"build\" resource.labels.build_id=\"{number}\" timestamp>\"{after}\""
        );
        let mut body = json!({
            "resourceNames": [format!("projects/{}", target.project())],
            "filter": filter, "orderBy": "timestamp asc", "pageSize": PAGE_SIZE,
        });
        let url = format!("{}/v2/entries:list", self.api.origins.logging);
        let mut all = nothing;
        for _ in 0..MOST_PAGES {
            match self.api.fetch(GoogleApi::Logging, (Method::POST, &url), &[], Some(&body)).await {
                Ok(page) => {
                    take(&page, &mut all);
                    // An empty page is not the last one.
                    match next_page(&page) {
                        Some(next) => body["pageToken"] = json!(next),
                        None => break,
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the build's log cannot be read");
                    break;
                }
            }
        }
        all
    }
}

/// Cloud Build's id of a build, found as in the firebase CLI: after `region=LOCATION/`.
fn cloud_build(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("region=")?.1.split_once('/')?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && c != '-').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|number| !number.is_empty())
}

fn take(page: &Value, part: &mut LogPart) {
    for entry in page["entries"].as_array().into_iter().flatten() {
        let at = entry["timestamp"].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        let at = at.and_then(|at| u64::try_from(at.as_nanosecond()).ok());
        part.next = part.next.max(at.unwrap_or_default());
        let text = entry["textPayload"].as_str().or(entry["jsonPayload"]["message"].as_str());
        let Some(text) = text else { continue };
        // One step reports the failure as one line of JSON, which quotes its own cause.
        match cause_of(text) {
            Some((cause, heard)) => {
                part.lines.extend(heard.lines().map(str::to_owned));
                part.lines.push(cause);
            }
            None => part.lines.extend(text.lines().map(str::to_owned)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_cloud_build_id_like_the_firebase_cli() {
        let console = "https://console.cloud.google.com/cloud-build/builds;region=us-central1/";
        let number = "0a1b2c3d-0000-4444-8888-99aabbccddee";
        assert_eq!(cloud_build(&format!("{console}{number}?project=1")), Some(number));
        assert_eq!(cloud_build(&format!("{console}{number}")), Some(number));
        assert_eq!(cloud_build(console), None);
        assert_eq!(cloud_build("https://example.com/log"), None);
    }
}
