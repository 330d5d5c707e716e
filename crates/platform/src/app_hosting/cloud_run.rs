//! The Cloud Run service below a backend (`docs/internals/app-hosting.md`, Cloud Run). It is only read: what App
//! Hosting does with its tags is not documented.

use reqwest::Method;
use serde_json::Value;

use super::AppHosting;
use crate::google_api::wire::{last_part, unreadable};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ports::hosting::HostingError;
use pointsman_core::project::Target;
use pointsman_core::serving::{RevisionShare, RunTraffic};

impl AppHosting {
    /// The traffic of the service that the backend names. `None`: the backend names none.
    pub(super) async fn traffic_of_cloud_run(
        &self,
        target: &Target,
    ) -> Result<Option<RunTraffic>, HostingError> {
        let Some(url) = self.run_url(target).await? else { return Ok(None) };
        let json = self.api.fetch(GoogleApi::CloudRun, (Method::GET, &url), &[], None).await?;
        traffic(&json).map(Some)
    }

    /// The URL of the service that the backend names.
    pub(super) async fn run_url(&self, target: &Target) -> Result<Option<String>, HostingError> {
        let backend = self.get(&target.backend_name()).await?;
        let managed = backend["managedResources"].as_array().into_iter().flatten();
        let mut services = managed.filter_map(|one| one["runService"]["service"].as_str());
        let Some(service) = services.next() else { return Ok(None) };
        // An address with another host in it would send our token there.
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
        if !service.starts_with("projects/") || !service.chars().all(plain) {
            return Err(unreadable("the name of a Cloud Run service"));
        }
        Ok(Some(format!("{}/v2/{service}", self.api.origin(GoogleApi::CloudRun))))
    }
}

/// Parses a service. Rejects any other response: no shares in it would not mean that none has traffic.
fn traffic(json: &Value) -> Result<RunTraffic, HostingError> {
    let statuses = json["trafficStatuses"].as_array();
    if json["name"].as_str().is_none() {
        return Err(unreadable("a Cloud Run service"));
    }
    let latest = last_part(&json["latestReadyRevision"]);
    let shares = statuses.into_iter().flatten().map(|status| share(status, latest));
    Ok(RunTraffic {
        shares: shares.collect::<Result<_, _>>()?,
        reconciling: json["reconciling"] == true,
    })
}

/// One target. A target of the type LATEST names no revision: it is the latest ready one.
fn share(status: &Value, latest: &str) -> Result<RevisionShare, HostingError> {
    let percent = status.get("percent").map_or(Some(0), Value::as_u64);
    let percent = percent.and_then(|percent| u8::try_from(percent).ok()).filter(|p| *p <= 100);
    let percent = percent.ok_or_else(|| unreadable("a share of Cloud Run's traffic"))?;
    let text = |key: &str| status[key].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let revision = text("revision").unwrap_or_else(|| latest.to_owned());
    let revision = last_part(&Value::String(revision)).to_owned();
    Ok(RevisionShare { revision, percent, tag: text("tag"), uri: text("uri") })
}
