//! Services of Cloud Run with no backend above them: create, change and delete, and the end of a revision.

use serde_json::{Value, json};

use super::backends::masked;
use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};
use crate::registry::{Kind, Registry};
use crate::services::{container, run_revision};

const SCHEMA: &str = "GoogleCloudRunV2Service";
/// Annotations of a service: the repository and the folder of the commits that replace images.
const REPOSITORY: &str = "pointsman.dev/repository";
const ROOT: &str = "pointsman.dev/root";

impl Api {
    /// A service without a template is Pointsman's own: Google wants a first revision.
    pub(super) fn create_service(&self, call: &Call) -> Answer {
        call.takes(&["serviceId", "validateOnly"])?;
        let body = call.resource_of(Document::CloudRun, SCHEMA)?;
        let name = format!("{}/{}", call.name, call.id("serviceId")?);
        let backend = name.replace("/services/", "/backends/");
        let registry = self.platform.registry();
        if registry.get(&name)?.is_some() || registry.get(&backend)?.is_some() {
            return Err(ApiError::exists(&name));
        }
        drop(registry);
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let revision =
            body["template"].is_object().then(|| new_revision(&name, &body, None)).transpose()?;
        let revision =
            revision.map(|revision| self.unknown_revision(&name, revision)).transpose()?;
        let made = revision.as_ref().map(|(name, _)| name.clone());
        let store = |registry: &Registry| {
            registry.create(Kind::Service, &name, body)?;
            let none = json!({"current": {"splits": []}});
            registry.create(Kind::Traffic, &format!("{name}/traffic"), none)?;
            revision.map_or(Ok(()), |(name, body)| {
                registry.create(Kind::Revision, &name, body).map(drop)
            })
        };
        let operation = self.begin(call, &name, "create", store)?;
        self.settle(&name, made, &operation)
    }

    /// The part of a change that takes its time.
    fn settle(&self, name: &str, revision: Option<String>, operation: &Value) -> Answer {
        let id = operation["name"].as_str().unwrap_or_default().to_owned();
        let settling = self.platform.clone().settle_service(name.to_owned(), revision, id.clone());
        tokio::spawn(settling);
        self.read(&id)
    }

    pub(super) fn patch_service(&self, call: &Call) -> Answer {
        call.takes(&["allowMissing", "forceNewRevision", "updateMask", "validateOnly"])?;
        let body = call.resource_of(Document::CloudRun, SCHEMA)?;
        // Of two changes with the same etag, the second one finds another etag.
        let changes = self.platform.changes();
        let current = self.read(&call.name)?;
        Call::fresh(body["etag"].as_str(), &current)?;
        let wanted = masked(call, current.clone(), &body, (Document::CloudRun, SCHEMA))?;
        let revision = (wanted["template"] != current["template"])
            .then(|| new_revision(&call.name, &wanted, Some(&current)))
            .transpose()?;
        let revision =
            revision.map(|revision| self.unknown_revision(&call.name, revision)).transpose()?;
        self.check_traffic(&call.name, &wanted["traffic"], revision.as_ref())?;
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let made = revision.as_ref().map(|(name, _)| name.clone());
        let save = |registry: &Registry| {
            registry.save(Kind::Service, &call.name, wanted)?;
            revision.map_or(Ok(()), |(name, body)| {
                registry.create(Kind::Revision, &name, body).map(drop)
            })
        };
        let operation = self.begin(call, &call.name, "update", save)?;
        drop(changes);
        self.settle(&call.name, made, &operation)
    }

    fn unknown_revision(
        &self,
        service: &str,
        (id, body): (String, Value),
    ) -> Result<(String, Value), ApiError> {
        let name = format!("{service}/revisions/{id}");
        match self.platform.registry().get(&name)? {
            Some(_) => Err(ApiError::exists(&name)),
            None => Ok((name, body)),
        }
    }

    /// Shares that sum up to 100, of revisions that exist. Nothing at all, as long as nothing has been ready.
    fn check_traffic(
        &self,
        service: &str,
        traffic: &Value,
        new: Option<&(String, Value)>,
    ) -> Result<(), ApiError> {
        let targets = traffic.as_array().map(Vec::as_slice).unwrap_or_default();
        let sum: i64 = targets.iter().map(|one| one["percent"].as_i64().unwrap_or(0)).sum();
        if sum != 100 && !(sum == 0 && self.platform.shares(service).is_empty()) {
            let message = format!("traffic percentages must sum to 100, not {sum}");
            return Err(ApiError::invalid("service.traffic", message));
        }
        let mut tags: Vec<&str> = targets.iter().filter_map(|one| one["tag"].as_str()).collect();
        tags.sort_unstable();
        if let Some([twice, _]) = tags.windows(2).find(|pair| pair[0] == pair[1]) {
            let message = format!("tag '{twice}' is used twice");
            return Err(ApiError::invalid("service.traffic", message));
        }
        for target in targets {
            let Some(revision) = target["revision"].as_str().filter(|one| !one.is_empty()) else {
                continue;
            };
            let name = format!("{service}/revisions/{revision}");
            let is_new = new.is_some_and(|(new, _)| *new == name);
            if !is_new && self.platform.registry().get(&name)?.is_none() {
                let message = format!("Revision '{revision}' not found");
                return Err(ApiError::invalid("service.traffic", message));
            }
        }
        Ok(())
    }

    pub(super) async fn delete_service(&self, call: &Call) -> Answer {
        call.takes(&["etag", "validateOnly"])?;
        let current = self.read(&call.name)?;
        Call::fresh(call.query.get("etag").map(String::as_str), &current)?;
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let revisions = self.platform.registry().list(Kind::Revision, &call.name)?;
        for revision in revisions.iter().filter_map(|one| one["name"].as_str()) {
            self.platform.slots.stop(revision, true).await;
        }
        let shown = self.platform.run_service(&current);
        let operation = self.begin(call, &call.name, "delete", |r| r.delete(&call.name))?;
        self.platform.close_door(&call.name);
        let name = operation["name"].as_str().unwrap_or_default();
        self.platform.finish(name, "Service", Ok(shown));
        self.read(name)
    }

    pub(super) async fn delete_revision(&self, call: &Call, service: &Value) -> Answer {
        call.takes(&["etag", "validateOnly"])?;
        let revision = self.read(&call.name)?;
        Call::fresh(call.query.get("etag").map(String::as_str), &revision)?;
        let id = call.segments.last().map(String::as_str).unwrap_or_default();
        let mut targets = service["traffic"].as_array().into_iter().flatten();
        if self.platform.serves(&call.name) || targets.any(|target| target["revision"] == id) {
            let message = format!("Revision '{id}' has traffic or a tag and cannot be deleted.");
            return Err(ApiError::precondition(message));
        }
        self.unmake(call).await
    }

    /// The revisions of a service, newest first.
    pub(super) fn list_revisions(&self, call: &Call) -> Answer {
        call.takes(&["pageSize", "pageToken", "showDeleted"])?;
        let (service, _) = call.name.rsplit_once('/').unwrap_or_default();
        let revisions = self.platform.registry().list(Kind::Revision, service)?;
        let shown: Vec<_> = revisions.iter().rev().map(run_revision).collect();
        Ok(json!({ "revisions": shown }))
    }
}

/// A revision of a template, as it is stored: as a build, which it is to the rest of the emulator.
fn new_revision(
    service: &str,
    body: &Value,
    before: Option<&Value>,
) -> Result<(String, Value), ApiError> {
    let template = &body["template"];
    let id = service.rsplit('/').next().unwrap_or_default();
    let random = || format!("{id}-{}", &uuid::Uuid::new_v4().simple().to_string()[..8]);
    let named = template["revision"].as_str().filter(|name| !name.is_empty());
    let same = before.is_some_and(|before| before["template"]["revision"] == template["revision"]);
    if same && let Some(named) = named {
        return Err(ApiError::exists(&format!("{service}/revisions/{named}")));
    }
    let name = named.map_or_else(random, str::to_owned);
    if !name.starts_with(&format!("{id}-")) || name.len() > 63 {
        let message =
            format!("revision '{name}' must begin with '{id}-' and have at most 63 characters");
        return Err(ApiError::invalid("service.template.revision", message));
    }
    let image = container(template)["image"].as_str().unwrap_or_default();
    if image.is_empty() {
        return Err(ApiError::invalid("service.template.containers[0].image", "image is required"));
    }
    Ok((
        name,
        json!({
            "state": "BUILDING", "reconciling": true, "template": template,
            "annotations": template["annotations"], "source": source(image, &body["annotations"]),
        }),
    ))
}

/// What the emulator builds for an image: the folder or the commit that it names.
fn source(image: &str, annotations: &Value) -> Value {
    let hex = |c: char| c.is_ascii_hexdigit();
    if image.starts_with("file://") {
        return json!({"archive": {"userStorageUri": image}});
    }
    if image.len() == 40 && image.chars().all(hex) {
        return json!({"codebase": {
            "commit": image, "repository": annotations[REPOSITORY],
            "rootDirectory": annotations[ROOT],
        }});
    }
    json!({"container": {"image": image}})
}
