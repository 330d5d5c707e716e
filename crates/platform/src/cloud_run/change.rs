//! Changes of a service: a new revision, the shares of revisions, and the end of one. Each names the etag of the service
//! that it was decided on, and is decided again if the service changed in between.

#![expect(clippy::disallowed_methods, reason = "poll of a real server")]

use reqwest::Method;
use serde_json::{Value, json};

use super::CloudRun;
use super::revision::{COMMIT, RELEASE, SCHEMA, container};
use super::service::{BY_LATEST, BY_REVISION, revision_of, traffic};
use crate::google_api::Kind;
use crate::google_api::wire::{accepted, last_part, lasting};
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Source;
use pointsman_core::ports::hosting::{HostingError, HostingReason, NewBuild, Traffic};
use pointsman_core::preview::{TAG_PREFIX, preview_tag};
use pointsman_core::project::Target;
use pointsman_core::step::Failure;

/// Attempts of a change that another change of the service got in the way of.
const ATTEMPTS: u32 = 5;
/// Readings until traffic must be as it was set.
const READINGS: u32 = 100;

/// Whether a traffic target is a preview tag of ours. A tag with traffic is not one, whatever its name.
pub(super) fn is_ours(target: &Value) -> bool {
    let percent = target["percent"].as_u64().unwrap_or_default();
    percent == 0 && target["tag"].as_str().is_some_and(|tag| tag.starts_with(TAG_PREFIX))
}

impl CloudRun {
    pub(super) async fn create_revision(
        &self,
        target: &Target,
        new: &NewBuild,
    ) -> Result<(), HostingError> {
        let (image, commit) = self.image(&new.source)?;
        let name = target.revision_name(&new.id);
        let mut annotations = json!({ RELEASE: new.release });
        if !new.accepts.is_empty() {
            annotations[SCHEMA] = json!(json!(new.accepts).to_string());
        }
        if let Some(commit) = commit {
            annotations[COMMIT] = json!(commit);
        }
        for attempt in 1..=ATTEMPTS {
            let service = self.service(target).await?;
            // An earlier request whose answer was lost has created it: no other client uses this name.
            if service["template"]["revision"] == name || self.exists(target, &new.id).await? {
                return Ok(());
            }
            let template = template(&service["template"], &name, &image, &annotations);
            let mut traffic = pinned(&service);
            let tag = preview_tag(&new.id);
            traffic.push(json!({"type": BY_REVISION, "revision": name, "percent": 0, "tag": tag}));
            let change = json!({ "template": template, "traffic": traffic });
            match self.patch(target, &service, "template,traffic", change).await {
                Err(error) if error.reason == HostingReason::Busy && attempt < ATTEMPTS => {}
                Err(error) if error.reason == HostingReason::AlreadyExists => return Ok(()),
                other => return other.map(drop),
            }
        }
        Err(busy(target))
    }

    async fn exists(&self, target: &Target, id: &BuildId) -> Result<bool, HostingError> {
        let url = self.revision_url(target, id);
        Ok(self.api.maybe(GoogleApi::CloudRun, &url).await?.is_some())
    }

    /// The image of a source, and its commit. A folder or a commit stands for an image in the emulator alone.
    fn image(&self, source: &Source) -> Result<(String, Option<String>), HostingError> {
        match source {
            Source::Image(image) => Ok((image.clone(), None)),
            Source::Archive(folder) if self.api.kind == Kind::Emulator => {
                Ok((folder.clone(), None))
            }
            Source::Commit(commit) if self.api.kind == Kind::Emulator => {
                Ok((commit.clone(), Some(commit.clone())))
            }
            Source::Archive(_) | Source::Commit(_) => {
                let what = "Cloud Run runs images, and the release names none";
                let todo =
                    "give the service an image: services.NAME.image: REGISTRY/NAME:{release}";
                Err(lasting(Problem::new(what).try_this(todo)))
            }
        }
    }

    /// Gives builds their shares, and every other build none, and reads back that it is so. Tags stay where they are.
    pub(super) async fn set_shares(
        &self,
        target: &Target,
        shares: &[Split],
    ) -> Result<Traffic, HostingError> {
        for attempt in 1..=ATTEMPTS {
            let service = self.service(target).await?;
            let as_wanted = |now: &Traffic| {
                now.splits.len() == shares.len()
                    && shares.iter().all(|share| now.splits.contains(share))
            };
            let now = traffic(target, &service)?;
            if as_wanted(&now) && !now.moving {
                return Ok(now);
            }
            let mut all: Vec<Value> = shares.iter().map(|share| target_of(target, share)).collect();
            all.extend(tags(&service));
            match self.patch(target, &service, "traffic", json!({ "traffic": all })).await {
                Err(error) if error.reason == HostingReason::Busy && attempt < ATTEMPTS => {}
                other => return self.read_back(target, &other?, as_wanted).await,
            }
        }
        Err(busy(target))
    }

    /// Follows a change until traffic is as it should be, or the change has failed.
    async fn read_back(
        &self,
        target: &Target,
        operation: &Value,
        as_wanted: impl Fn(&Traffic) -> bool,
    ) -> Result<Traffic, HostingError> {
        let name = operation["name"].as_str().unwrap_or_default();
        for reading in 1..=READINGS {
            if let Some(operation) = self.api.maybe(GoogleApi::CloudRun, &self.url(name)).await? {
                accepted(GoogleApi::CloudRun, &operation)?;
            }
            let now = self.traffic_now(target).await?;
            if as_wanted(&now) && !now.moving {
                return Ok(now);
            }
            tokio::time::sleep(self.api.poll_after(reading)).await;
        }
        let what =
            format!("Cloud Run accepted new traffic for {} and does not show it", target.service());
        Err(HostingError::new(Problem::new(what), Failure::Inconclusive))
    }

    /// Deletes a revision without traffic, and our tag at it. Does nothing if it does not exist.
    pub(super) async fn delete_revision(
        &self,
        target: &Target,
        id: &BuildId,
    ) -> Result<(), HostingError> {
        if !self.exists(target, id).await? {
            return Ok(());
        }
        let service = self.service(target).await?;
        let name = target.revision_name(id);
        let all = service["traffic"].as_array().cloned().unwrap_or_default();
        let at_it = |one: &Value| is_ours(one) && revision_of(&service, one) == name;
        if all.iter().any(at_it) {
            let rest: Vec<_> = all.iter().filter(|one| !at_it(one)).collect();
            self.patch(target, &service, "traffic", json!({ "traffic": rest })).await?;
        }
        let url = self.revision_url(target, id);
        let call = (Method::DELETE, url.as_str());
        let operation = self.api.fetch(GoogleApi::CloudRun, call, &[], None).await?;
        self.settled(&operation).await?;
        if !self.exists(target, id).await? {
            return Ok(());
        }
        let what = format!("revision {name} is still there after it was deleted");
        Err(HostingError::new(Problem::new(what), Failure::Inconclusive))
    }

    /// Changes some fields of a service that is still the one that was read.
    async fn patch(
        &self,
        target: &Target,
        service: &Value,
        mask: &str,
        mut change: Value,
    ) -> Result<Value, HostingError> {
        change["name"] = service["name"].clone();
        change["etag"] = service["etag"].clone();
        let url = self.url(&target.service_name());
        let call = (Method::PATCH, url.as_str());
        let query = [("updateMask", mask)];
        self.api.fetch(GoogleApi::CloudRun, call, &query, Some(&change)).await
    }

    /// Waits until an operation has ended.
    pub(super) async fn settled(&self, operation: &Value) -> Result<(), HostingError> {
        let at = format!("{}/v2", self.api.origin(GoogleApi::CloudRun));
        self.api.wait_for(GoogleApi::CloudRun, &at, operation).await.map(drop)
    }
}

/// The template of a new revision: that of the revision before, with another image.
fn template(before: &Value, name: &str, image: &str, annotations: &Value) -> Value {
    let mut template = if before.is_object() { before.clone() } else { json!({}) };
    template["revision"] = json!(name);
    for (key, value) in annotations.as_object().into_iter().flatten() {
        template["annotations"][key] = value.clone();
    }
    let gets_requests = container(&template).clone();
    match template["containers"].as_array_mut() {
        Some(containers) => {
            for one in containers.iter_mut().filter(|one| **one == gets_requests) {
                one["image"] = json!(image);
            }
        }
        None => template["containers"] = json!([{ "image": image }]),
    }
    template
}

/// The traffic as it is, with every target naming its revision: one that follows the latest would send customers to a new
/// revision the moment it is ready.
fn pinned(service: &Value) -> Vec<Value> {
    let mut all = service["traffic"].as_array().cloned().unwrap_or_default();
    let latest = last_part(&service["latestReadyRevision"]);
    if all.is_empty() && !latest.is_empty() {
        all.push(json!({ "type": BY_LATEST, "percent": 100 }));
    }
    for target in &mut all {
        let revision = revision_of(service, target).to_owned();
        target["type"] = json!(BY_REVISION);
        target["revision"] = json!(revision);
    }
    all
}

/// The tags of a service, without their shares.
fn tags(service: &Value) -> Vec<Value> {
    let all = pinned(service)
        .into_iter()
        .filter(|one| one["tag"].as_str().is_some_and(|t| !t.is_empty()));
    all.map(|mut one| {
        one["percent"] = json!(0);
        one
    })
    .collect()
}

fn target_of(target: &Target, share: &Split) -> Value {
    let revision = target.revision_name(&share.build);
    json!({ "type": BY_REVISION, "revision": revision, "percent": share.percent })
}

fn busy(target: &Target) -> HostingError {
    let what = format!("the Cloud Run service {} changes all the time", target.backend());
    let problem = Problem::new(what).try_this("find out who else changes it, then retry the step");
    HostingError { reason: HostingReason::Busy, ..HostingError::new(problem, Failure::Passing) }
}
