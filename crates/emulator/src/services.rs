//! Services of Cloud Run with no backend above them: how the API shows them and their revisions, and the work behind a change.
//! It builds from a folder or a commit instead of an image; the `apphosting.yaml` there says how to run it.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::lifecycle::FAILED_PRECONDITION;
use super::platform::{Platform, backend_of};
use super::registry::Kind;
use super::{ADDRESS, PREVIEW};

const BY_REVISION: &str = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";

/// The first container of a template or a revision.
pub(super) fn container(of: &Value) -> &Value {
    of["containers"].as_array().and_then(|all| all.first()).unwrap_or(&Value::Null)
}

fn id(name: &Value) -> &str {
    name.as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default()
}

impl Platform {
    /// A service as the API shows it.
    pub(super) fn run_service(&self, stored: &Value) -> Value {
        let name = stored["name"].as_str().unwrap_or_default();
        let revisions = self.registry().list(Kind::Revision, name).unwrap_or_default();
        let mut service = stored.clone();
        let address = stored["annotations"][ADDRESS].as_str();
        let uri = address.map_or_else(|| default_uri(stored), |host| format!("http://{host}"));
        service["urls"] = json!([uri]);
        service["uri"] = json!(uri);
        service["ingress"] = json!("INGRESS_TRAFFIC_ALL");
        service["reconciling"] = json!(self.is_reconciling(name));
        service["trafficStatuses"] = self.traffic_statuses(stored, &uri);
        let ready = revisions.iter().rev().find(|revision| revision["state"] == "READY");
        let created = revisions.last();
        for (key, revision) in [("latestReadyRevision", ready), ("latestCreatedRevision", created)]
        {
            if let Some(revision) = revision {
                service[key] = revision["name"].clone();
            }
        }
        service["terminalCondition"] = match created {
            Some(revision) => condition(revision),
            None => json!({"type": "Ready", "state": "CONDITION_SUCCEEDED"}),
        };
        service
    }

    /// Whether an operation of the service has not ended.
    fn is_reconciling(&self, service: &str) -> bool {
        let operations = self.registry().all(Kind::Operation).unwrap_or_default();
        operations.iter().any(|one| one["done"] != true && one["metadata"]["target"] == service)
    }

    /// The revisions with traffic, and the tags.
    fn traffic_statuses(&self, stored: &Value, uri: &str) -> Value {
        let name = stored["name"].as_str().unwrap_or_default();
        let live = self.shares(name).into_iter().map(|(revision, percent)| {
            let revision = id(&json!(revision)).to_owned();
            json!({"type": BY_REVISION, "revision": revision, "percent": percent, "uri": uri})
        });
        let targets = stored["traffic"].as_array().into_iter().flatten();
        let tagged = targets.filter(|target| target["tag"].is_string()).map(|target| {
            let revision = format!("{name}/revisions/{}", id(&target["revision"]));
            let found = self.registry().get(&revision).ok().flatten().unwrap_or_default();
            let mut status = target.clone();
            status["percent"] = json!(0);
            status["uri"] = found["annotations"][PREVIEW].clone();
            if status["uri"].is_null() {
                status.as_object_mut().map(|fields| fields.remove("uri"));
            }
            status
        });
        live.chain(tagged).collect()
    }

    /// Makes the revision of a change, then sets the traffic as the service says, and finishes the
    /// operation.
    pub(super) async fn settle_service(
        self: Arc<Self>,
        name: String,
        revision: Option<String>,
        operation: String,
    ) {
        let service = self.registry().get(&name).ok().flatten().unwrap_or_default();
        let opened = match service["annotations"][ADDRESS].as_str() {
            Some(address) => self.open_door(&name, address),
            None => Ok(()),
        };
        if let Some(revision) = &revision {
            self.built(revision).await;
        }
        // A port that is in use fails the change alone: its revisions are made all the same.
        let served = self.serve_shares(&name).await.and(opened);
        let result = served.map_err(|why| (FAILED_PRECONDITION, why)).map(|()| {
            let stored = self.registry().get(&name).ok().flatten().unwrap_or_default();
            self.run_service(&stored)
        });
        self.finish(&operation, "Service", result);
    }

    /// Starts the revisions that the service sends traffic to, and moves it there.
    pub(super) async fn serve_shares(self: &Arc<Self>, name: &str) -> Result<(), String> {
        let turn = self.turn(name);
        let _turn = turn.lock().await;
        let service = self.registry().get(name).ok().flatten();
        let service = service.ok_or_else(|| format!("service '{name}' was deleted"))?;
        let mut shares: Vec<(String, u16, u32)> = Vec::new();
        for target in service["traffic"].as_array().into_iter().flatten() {
            let percent = target["percent"].as_u64().and_then(|n| u32::try_from(n).ok());
            let Some(percent) = percent.filter(|percent| *percent > 0) else { continue };
            let revision = match id(&target["revision"]) {
                "" => self.latest_ready(name).ok_or("no revision is ready")?,
                named => format!("{name}/revisions/{named}"),
            };
            let port = self.ready_port(&revision).await?;
            match shares.iter_mut().find(|(known, ..)| *known == revision) {
                Some((_, _, sum)) => *sum += percent,
                None => shares.push((revision, port, percent)),
            }
        }
        let splits: Vec<_> = shares
            .iter()
            .map(|(revision, _, percent)| json!({"build": revision, "percent": percent}))
            .collect();
        self.change(Kind::Traffic, &format!("{name}/traffic"), |traffic| {
            traffic["current"] = json!({ "splits": splits });
        });
        self.share(name, &shares);
        // As at Google: a tag at a revision that failed makes every change fail, though the traffic was set.
        let mut tagged = service["traffic"].as_array().into_iter().flatten();
        let failed = tagged.find_map(|target| {
            let revision = format!("{name}/revisions/{}", id(&target["revision"]));
            let found = self.registry().get(&revision).ok().flatten()?;
            (target["tag"].is_string() && found["state"] == "FAILED").then_some(revision)
        });
        match failed {
            Some(revision) => Err(format!("Revision '{revision}' is not ready.")),
            None => Ok(()),
        }
    }

    /// The revisions of a service that are neither ready nor failed, because an earlier emulator died.
    pub(super) fn unfinished_revisions(&self, service: &str) -> Vec<String> {
        let revisions = self.registry().list(Kind::Revision, service).unwrap_or_default();
        let open = revisions.iter().filter(|one| one["reconciling"] == true);
        open.filter_map(|one| one["name"].as_str().map(str::to_owned)).collect()
    }

    fn latest_ready(&self, service: &str) -> Option<String> {
        let revisions = self.registry().list(Kind::Revision, service).unwrap_or_default();
        let ready = revisions.iter().rev().find(|revision| revision["state"] == "READY")?;
        ready["name"].as_str().map(str::to_owned)
    }

    async fn ready_port(self: &Arc<Self>, revision: &str) -> Result<u16, String> {
        let found = self.registry().get(revision).ok().flatten();
        match found.as_ref().and_then(|one| one["state"].as_str()) {
            Some("READY") => self.running(revision).await,
            Some(_) => Err(format!("Revision '{revision}' is not ready and cannot serve traffic.")),
            None => Err(format!("Revision '{revision}' was deleted")),
        }
    }
}

/// A revision as the API shows it.
pub(super) fn run_revision(stored: &Value) -> Value {
    let name = stored["name"].as_str().unwrap_or_default();
    let limits = &stored["config"]["runConfig"];
    let container = container(&stored["template"]);
    let mut shown = json!({ "image": container["image"] });
    for key in ["command", "args", "ports"] {
        if !container[key].is_null() {
            shown[key] = container[key].clone();
        }
    }
    let own = container["env"].as_array().into_iter().flatten().cloned();
    let of_file = stored["config"]["effectiveEnv"].as_array().into_iter().flatten();
    let of_file = of_file.map(|one| json!({"name": one["variable"], "value": one["value"]}));
    shown["env"] = own.chain(of_file).collect();
    let mut amounts = Map::new();
    if let Some(cpu) = limits["cpu"].as_f64() {
        amounts.insert("cpu".to_owned(), json!(cpu.to_string()));
    }
    if let Some(memory) = limits["memoryMib"].as_f64() {
        amounts.insert("memory".to_owned(), json!(format!("{memory}Mi")));
    }
    shown["resources"] = json!({ "limits": amounts });
    let mut revision = json!({
        "name": name, "service": backend_of(name), "annotations": stored["annotations"],
        "containers": [shown], "createTime": stored["createTime"], "updateTime": stored["updateTime"],
        "etag": stored["etag"], "uid": stored["uid"],
        "reconciling": stored["reconciling"] == true, "conditions": [condition(stored)],
    });
    if let Some(most) = limits["concurrency"].as_i64() {
        revision["maxInstanceRequestConcurrency"] = json!(most);
    }
    let scaling = [("minInstanceCount", "minInstances"), ("maxInstanceCount", "maxInstances")];
    for (key, from) in scaling {
        if let Some(count) = limits[from].as_i64() {
            revision["scaling"][key] = json!(count);
        }
    }
    revision
}

/// Whether a revision is ready, and why not.
fn condition(revision: &Value) -> Value {
    let state = match revision["state"].as_str() {
        Some("READY") => "CONDITION_SUCCEEDED",
        Some("FAILED") => "CONDITION_FAILED",
        _ => "CONDITION_RECONCILING",
    };
    let mut condition = json!({"type": "Ready", "state": state});
    if let Some(why) = revision["errors"][0]["error"]["message"].as_str() {
        condition["message"] = json!(why);
    }
    condition
}

fn default_uri(service: &Value) -> String {
    let name = service["name"].as_str().unwrap_or_default();
    let region = name.split('/').nth(3).unwrap_or_default();
    format!("https://{}-0.{region}.run.app", id(&service["name"]))
}
