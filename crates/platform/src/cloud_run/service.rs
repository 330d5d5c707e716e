//! Reads a service: its traffic, its tags and its account. On the emulator, creates it.

use reqwest::Method;
use serde_json::{Value, json};

use super::CloudRun;
use crate::google_api::Kind;
use crate::google_api::wire::{last_part, lasting, unreadable};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::ports::hosting::{Automatic, HostingError, HostingReason, Traffic};
use pointsman_core::project::Target;

/// Annotation of the emulator's services: the public address.
const ADDRESS: &str = "pointsman.dev/address";
/// Annotations of the emulator's services: the repository and the folder of the commits that replace images.
const REPOSITORY: &str = "pointsman.dev/repository";
const ROOT: &str = "pointsman.dev/root";
/// A target that follows the latest revision that is ready, whichever that is.
pub(super) const BY_LATEST: &str = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST";
pub(super) const BY_REVISION: &str = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

impl CloudRun {
    pub(super) fn url(&self, name: &str) -> String {
        format!("{}/v2/{name}", self.api.origin(GoogleApi::CloudRun))
    }

    /// A service that must exist.
    pub(super) async fn service(&self, target: &Target) -> Result<Value, HostingError> {
        let name = target.service_name();
        let found = self.api.maybe(GoogleApi::CloudRun, &self.url(&name)).await?;
        match found {
            Some(service) if service["name"] == name => Ok(service),
            Some(_) => Err(unreadable("another Cloud Run service")),
            None => Err(missing(target)),
        }
    }

    pub(super) async fn prepare_service(&self, member: &Member) -> Result<(), HostingError> {
        if self.api.kind == Kind::Emulator {
            return self.make_service(member).await;
        }
        self.service(&member.target).await.map(drop)
    }

    /// Creates the emulator's service, or updates its address.
    async fn make_service(&self, member: &Member) -> Result<(), HostingError> {
        let target = &member.target;
        let name = target.service_name();
        let address = member.url.split_once("://").map_or("", |(_, host)| host);
        let mut annotations = json!({ ADDRESS: address });
        if let Some(repository) = &member.repository {
            annotations[REPOSITORY] = json!(repository);
            annotations[ROOT] = json!(member.root_directory);
        }
        let call = GoogleApi::CloudRun;
        let known = self.api.maybe(call, &self.url(&name)).await?.is_some();
        let operation = if known {
            let body = json!({ "name": name, "annotations": annotations });
            let query = [("updateMask", "annotations")];
            self.api.fetch(call, (Method::PATCH, &self.url(&name)), &query, Some(&body)).await?
        } else {
            let body = json!({ "annotations": annotations });
            let query = [("serviceId", target.backend().as_str())];
            let parent = self.url(name.rsplit_once('/').map_or("", |(parent, _)| parent));
            match self.api.fetch(call, (Method::POST, &parent), &query, Some(&body)).await {
                // Another Pointsman process created it first.
                Err(error) if error.reason == HostingReason::AlreadyExists => return Ok(()),
                other => other?,
            }
        };
        // The port of its address may be in use.
        self.settled(&operation).await
    }

    /// The live revisions, and whether that is still changing.
    pub(super) async fn traffic_now(&self, target: &Target) -> Result<Traffic, HostingError> {
        Ok(Shares::of(target, &self.service(target).await?)?.traffic())
    }

    /// The account that its revisions run as, which reads their secrets.
    pub(super) async fn service_account(&self, target: &Target) -> Result<String, HostingError> {
        let service = self.service(target).await?;
        let named = service["template"]["serviceAccount"].as_str().filter(|name| !name.is_empty());
        let unnamed = "the service names no service account: it runs as the project's default one";
        named.map(str::to_owned).ok_or_else(|| lasting(Problem::new(unnamed)))
    }
}

/// The shares of a service's builds.
pub(super) struct Shares {
    /// As the last change requested them.
    pub(super) requested: Vec<Split>,
    /// As the service says that they are.
    pub(super) in_effect: Vec<Split>,
    /// Whether the service is still carrying out a change.
    changing: bool,
}

impl Shares {
    /// Reads them from a service. Rejects any other response: no shares in it would not mean that none has traffic.
    pub(super) fn of(target: &Target, service: &Value) -> Result<Self, HostingError> {
        if service["name"].as_str().is_none() {
            return Err(unreadable("a Cloud Run service"));
        }
        Ok(Self {
            requested: shares_of(target, service, "traffic")?,
            in_effect: shares_of(target, service, "trafficStatuses")?,
            changing: service["reconciling"] == true,
        })
    }

    /// Whether these were requested, and are in effect. Another change of the service may still be in progress.
    pub(super) fn are(&self, shares: &[Split]) -> bool {
        same(&self.requested, shares) && same(&self.in_effect, shares)
    }

    /// The traffic, without what App Hosting adds to it.
    pub(super) fn traffic(self) -> Traffic {
        let moving = self.changing || !same(&self.in_effect, &self.requested);
        Traffic {
            splits: self.in_effect,
            moving,
            unfinished: Vec::new(),
            automatic: Automatic::Off,
        }
    }
}

/// Whether two lists give the same builds the same shares. Each names a build once.
pub(super) fn same(shares: &[Split], others: &[Split]) -> bool {
    shares.len() == others.len() && shares.iter().all(|share| others.contains(share))
}

/// The share of each revision that has one. Several targets may name one revision, each with another tag.
fn shares_of(target: &Target, service: &Value, field: &str) -> Result<Vec<Split>, HostingError> {
    let mut all: Vec<Split> = Vec::new();
    for one in service[field].as_array().into_iter().flatten() {
        let percent = one.get("percent").map_or(Some(0), Value::as_u64);
        let percent = percent.and_then(|percent| u8::try_from(percent).ok()).filter(|p| *p <= 100);
        let percent = percent.ok_or_else(|| unreadable("a share of Cloud Run's traffic"))?;
        let revision = revision_of(service, one);
        // Where nothing has ever been ready, the latest is no revision.
        if percent == 0 || revision.is_empty() {
            continue;
        }
        let build = build_of(target, revision)?;
        match all.iter_mut().find(|known| known.build == build) {
            Some(known) => known.percent = known.percent.saturating_add(percent),
            None => all.push(Split { build, percent }),
        }
    }
    Ok(all)
}

/// The revision that a target names. One of the type LATEST names none.
pub(super) fn revision_of<'a>(service: &'a Value, target: &'a Value) -> &'a str {
    match last_part(&target["revision"]) {
        "" => last_part(&service["latestReadyRevision"]),
        named => named,
    }
}

/// The build that a revision is: its name without that of the service.
pub(super) fn build_of(target: &Target, revision: &str) -> Result<BuildId, HostingError> {
    let prefix = format!("{}-", target.backend());
    let id = revision.strip_prefix(&prefix).and_then(|id| BuildId::new(id).ok());
    id.ok_or_else(|| unreadable("a revision of another service"))
}

fn missing(target: &Target) -> HostingError {
    let (service, project, region) = (target.backend(), target.project(), target.location());
    let what = format!("there is no Cloud Run service {}", target.service_name());
    lasting(Problem::coded(Code::NO_BACKEND, what).try_this(format!(
        "create it once, with any image: gcloud run deploy {service} --project {project} --region {region} --image IMAGE; in the emulator a deploy does"
    )))
}
