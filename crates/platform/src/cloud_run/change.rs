//! Changes of a service: a new revision, the shares of revisions, and the end of one. Each names the etag of the service
//! that it was decided on, and is decided again if the service changed in between.

#![expect(clippy::disallowed_methods, reason = "poll of a real server")]

use reqwest::Method;
use serde_json::{Value, json};

use super::CloudRun;
use super::revision::{COMMIT, RELEASE, REVISION, SCHEMA, container};
use super::service::{BY_LATEST, BY_REVISION, Shares, revision_of, same};
use crate::google_api::Kind;
use crate::google_api::wire::{accepted, last_part, lasting};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Source;
use pointsman_core::ports::hosting::{HostingError, HostingReason, NewBuild, Traffic};
use pointsman_core::preview::{TAG_PREFIX, preview_tag};
use pointsman_core::project::Target;
use pointsman_core::step::Failure;
use pointsman_core::view::TrafficState;

/// Attempts of a change that another change of the service got in the way of.
const ATTEMPTS: u32 = 5;
/// Readings until traffic must be as it was set.
const READINGS: u32 = 100;

/// How all annotations of ours begin.
const OURS: &str = "pointsman.dev/";

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
        let mut annotations = json!({ RELEASE: new.release, REVISION: name });
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
            traffic.extend(kept_tags(&service, &[]));
            let tag = preview_tag(&new.id);
            if self.can_be_asked(target, &service, &tag).await {
                let preview =
                    json!({"type": BY_REVISION, "revision": name, "percent": 0, "tag": tag});
                traffic.push(preview);
            }
            let change = json!({ "template": template, "traffic": traffic });
            match self.patch(target, &service, "template,traffic", change).await {
                Err(error) if error.reason == HostingReason::Busy && attempt < ATTEMPTS => {}
                Err(error) if error.reason == HostingReason::AlreadyExists => return Ok(()),
                other => return other.map(drop),
            }
        }
        Err(busy(target))
    }

    /// Whether a tag would give the build an address that can be asked. Where that cannot be read it gets none: an address
    /// that refuses everyone would make every build look sick.
    async fn can_be_asked(&self, target: &Target, service: &Value, tag: &str) -> bool {
        let url = self.url(&target.service_name());
        let why = match self.api.unreachable_by_tag(&url, service, tag).await {
            Ok(None) => return true,
            Ok(Some(why)) => why,
            Err(error) => error.problem.sentence(),
        };
        tracing::warn!(service = %target.service(), why, "the build gets no preview address");
        false
    }

    async fn exists(&self, target: &Target, id: &BuildId) -> Result<bool, HostingError> {
        let url = self.revision_url(target, id);
        Ok(self.api.maybe(GoogleApi::CloudRun, &url).await?.is_some())
    }

    /// The image of a source, and its commit. Only the emulator takes a folder or a commit instead.
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

    /// Gives builds their shares, and every other build none, and reads back that it is so. `found`: the traffic that the
    /// decision rests on; other traffic is left as it is. Tags of others stay where they are.
    pub(super) async fn set_shares(
        &self,
        target: &Target,
        shares: &[Split],
        found: Option<&[Split]>,
    ) -> Result<Traffic, HostingError> {
        let wanted: Vec<_> =
            shares.iter().map(|share| target.revision_name(&share.build)).collect();
        for attempt in 1..=ATTEMPTS {
            let service = self.service(target).await?;
            let now = Shares::of(target, &service)?;
            if now.are(shares) {
                return Ok(now.traffic());
            }
            // What another person requested counts before it is in effect: our change would replace it.
            let expected = |found: &[Split]| {
                let requested = &now.requested;
                same(&now.in_effect, found) && (same(requested, found) || same(requested, shares))
            };
            if found.is_some_and(|found| !expected(found)) {
                return Err(moved(target, &now.requested));
            }
            let mut all: Vec<Value> = shares.iter().map(|share| target_of(target, share)).collect();
            all.extend(kept_tags(&service, &wanted));
            match self.patch(target, &service, "traffic", json!({ "traffic": all })).await {
                Err(error) if error.reason == HostingReason::Busy && attempt < ATTEMPTS => {}
                other => return self.read_back(target, &other?, shares).await,
            }
        }
        Err(busy(target))
    }

    /// Follows a change until traffic is as it should be, or the change has failed. The traffic counts: an operation may
    /// report what another revision lacks.
    async fn read_back(
        &self,
        target: &Target,
        operation: &Value,
        shares: &[Split],
    ) -> Result<Traffic, HostingError> {
        let name = operation["name"].as_str().unwrap_or_default();
        for reading in 1..=READINGS {
            let service = self.service(target).await?;
            let now = Shares::of(target, &service)?;
            if now.are(shares) {
                return Ok(now.traffic());
            }
            if let Some(operation) = self.api.maybe(GoogleApi::CloudRun, &self.url(name)).await? {
                accepted(GoogleApi::CloudRun, &operation)?;
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
        let name = target.revision_name(id);
        self.untag(target, &name).await?;
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

    /// Takes our tag from a revision.
    async fn untag(&self, target: &Target, revision: &str) -> Result<(), HostingError> {
        for attempt in 1..=ATTEMPTS {
            let service = self.service(target).await?;
            let all = service["traffic"].as_array().cloned().unwrap_or_default();
            let at_it = |one: &Value| is_ours(one) && revision_of(&service, one) == revision;
            if !all.iter().any(at_it) {
                return Ok(());
            }
            let rest: Vec<_> = all.iter().filter(|one| !at_it(one)).collect();
            match self.patch(target, &service, "traffic", json!({ "traffic": rest })).await {
                Err(error) if error.reason == HostingReason::Busy && attempt < ATTEMPTS => {}
                other => return self.settled(&other?).await,
            }
        }
        Err(busy(target))
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
    // What was said of the revision before is not true of this one.
    if let Some(told) = template["annotations"].as_object_mut() {
        told.retain(|key, _| !key.starts_with(OURS));
    }
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

/// The traffic as it is, without tags, with every target naming its revision: one that follows the latest would send
/// customers to a new revision the moment it is ready.
fn pinned(service: &Value) -> Vec<Value> {
    let mut all = service["traffic"].as_array().cloned().unwrap_or_default();
    let latest = last_part(&service["latestReadyRevision"]);
    if all.is_empty() {
        all.push(json!({ "type": BY_LATEST, "percent": 100 }));
    }
    all.retain(|one| {
        let has_customers = one["percent"].as_u64().is_some_and(|percent| percent > 0);
        // Nothing is ready: there is nothing to pin.
        has_customers && !(revision_of(service, one).is_empty() && latest.is_empty())
    });
    for target in &mut all {
        let revision = revision_of(service, target).to_owned();
        target["type"] = json!(BY_REVISION);
        target["revision"] = json!(revision);
        // Tags are kept as separate targets.
        target.as_object_mut().map(|fields| fields.remove("tag"));
    }
    all
}

/// The tags of a service, without their shares. Those of others stay as they are. Of ours, those of a revision
/// with traffic or of a `wanted` one: a tag at a revision that failed could make every later change fail.
fn kept_tags(service: &Value, wanted: &[String]) -> Vec<Value> {
    let all = service["traffic"].as_array().map(Vec::as_slice).unwrap_or_default();
    let has_customers = |revision: &str| {
        all.iter().any(|one| {
            one["percent"].as_u64().is_some_and(|percent| percent > 0)
                && revision_of(service, one) == revision
        })
    };
    let tagged = all.iter().filter(|one| one["tag"].as_str().is_some_and(|tag| !tag.is_empty()));
    let kept = tagged.filter(|one| {
        let revision = revision_of(service, one);
        !is_ours(one) || has_customers(revision) || wanted.iter().any(|name| name == revision)
    });
    kept.map(|one| {
        let mut one = one.clone();
        one["percent"] = json!(0);
        one
    })
    .collect()
}

fn moved(target: &Target, requested: &[Split]) -> HostingError {
    let what = format!("traffic of {} was moved in this moment", target.service());
    let problem = Problem::coded(Code::TRAFFIC_MOVED, what)
        .because(format!("the service is now set to {}", TrafficState::of(requested)))
        .try_this("find out who moved it, then start again");
    HostingError::new(problem, Failure::Drift)
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
