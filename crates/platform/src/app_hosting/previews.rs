//! Preview addresses: a tag without traffic at the Cloud Run service below a backend (`docs/internals/google-apis.md`). Never
//! tried against Google's servers, and off unless the config asks for it. Only `traffic` is patched, with the service's
//! etag: replacing the whole service made every later deploy of App Hosting fail.

#![expect(clippy::disallowed_methods, reason = "poll of a real server")]

use reqwest::Method;
use serde_json::{Value, json};

use super::AppHosting;
use crate::google_api::wire::{lasting, unreadable};
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{Answer, Hosting as _, HostingError};
use pointsman_core::ports::previews::Previews;
use pointsman_core::preview::{TAG_PREFIX, preview_tag};
use pointsman_core::project::Target;

/// Readings until the address of a new tag must be there.
const READINGS: u32 = 20;
const BY_REVISION: &str = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

impl AppHosting {
    async fn open_preview(&self, target: &Target, build: &BuildId) -> Result<String, HostingError> {
        let tag = preview_tag(build);
        let (url, service) = self.run_service(target).await?;
        if let Some(address) = address_of(&service, &tag) {
            return Ok(address);
        }
        if let Some(why) = self.api.unreachable_by_tag(&url, &service, &tag).await? {
            return Err(refused(why));
        }
        let revision = self.revision(target, build);
        let revision = revision.map_or(build.to_string(), |revision| revision.name);
        let mut traffic = traffic_of(&service);
        traffic
            .push(json!({ "type": BY_REVISION, "revision": revision, "percent": 0, "tag": tag }));
        self.patch_traffic(&url, &service, &traffic).await?;
        for reading in 1..=READINGS {
            let (_, service) = self.run_service(target).await?;
            if let Some(address) = address_of(&service, &tag) {
                return Ok(address);
            }
            tokio::time::sleep(self.poll_after(reading)).await;
        }
        Err(refused(format!("Cloud Run accepted the tag {tag} and shows no address for it")))
    }

    async fn close_previews(&self, target: &Target) -> Result<usize, HostingError> {
        let (url, service) = self.run_service(target).await?;
        let all = traffic_of(&service);
        let (ours, others): (Vec<_>, Vec<_>) = all.into_iter().partition(is_ours);
        if !ours.is_empty() {
            self.patch_traffic(&url, &service, &others).await?;
        }
        Ok(ours.len())
    }

    /// The service below a backend, with its URL.
    async fn run_service(&self, target: &Target) -> Result<(String, Value), HostingError> {
        let url = self.run_url(target).await?;
        let url =
            url.ok_or_else(|| refused("the backend names no Cloud Run service".to_owned()))?;
        let service = self.api.fetch(GoogleApi::CloudRun, (Method::GET, &url), &[], None).await?;
        if service["name"].as_str().is_none() {
            return Err(unreadable("a Cloud Run service"));
        }
        Ok((url, service))
    }

    async fn patch_traffic(
        &self,
        url: &str,
        service: &Value,
        traffic: &[Value],
    ) -> Result<(), HostingError> {
        let body = json!({ "name": service["name"], "etag": service["etag"], "traffic": traffic });
        let query = [("updateMask", "traffic")];
        let call = (Method::PATCH, url);
        self.api.fetch(GoogleApi::CloudRun, call, &query, Some(&body)).await.map(drop)
    }
}

impl Previews for AppHosting {
    fn open<'a>(&'a self, target: &'a Target, build: &'a BuildId) -> Answer<'a, String> {
        Box::pin(self.open_preview(target, build))
    }

    fn is_open<'a>(&'a self, target: &'a Target, build: &'a BuildId) -> Answer<'a, bool> {
        Box::pin(async move {
            let (_, service) = self.run_service(target).await?;
            Ok(address_of(&service, &preview_tag(build)).is_some())
        })
    }

    fn close<'a>(&'a self, target: &'a Target) -> Answer<'a, usize> {
        Box::pin(self.close_previews(target))
    }
}

/// The traffic that a service should have, as it was set.
fn traffic_of(service: &Value) -> Vec<Value> {
    service["traffic"].as_array().cloned().unwrap_or_default()
}

fn is_ours(target: &Value) -> bool {
    // A tag with traffic is not one of a preview, whatever its name.
    let percent = target["percent"].as_u64().unwrap_or_default();
    percent == 0 && target["tag"].as_str().is_some_and(|tag| tag.starts_with(TAG_PREFIX))
}

fn address_of(service: &Value, tag: &str) -> Option<String> {
    let mut statuses = service["trafficStatuses"].as_array().into_iter().flatten();
    let status = statuses.find(|status| status["tag"] == tag)?;
    status["uri"].as_str().filter(|uri| !uri.is_empty()).map(str::to_owned)
}

fn refused(why: String) -> HostingError {
    lasting(Problem::new("GREEN has no preview address").because(why))
}
