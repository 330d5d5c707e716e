//! Cloud Run: separate services, and the service below each backend. The traffic of one below a backend follows the backend's, and its revisions are named as the variable
//! `K_REVISION` of the builds. Only tags without traffic can be changed; traffic itself is App Hosting's.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};
use crate::PREVIEW;
use crate::registry::Kind;
use crate::services::run_revision;
use pointsman_core::hash::Hash;

/// The tag that routes a backend's address to its live revision.
const TAG: &str = "fah-live";

impl Api {
    /// Calls of Cloud Run's API v2: `projects/P/locations/L/services/S`, its revisions, and the list of services.
    pub(super) async fn cloud_run(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["projects", _, "locations", _, "operations", _]) => self.read(&call.name),
            ("GET", ["projects", _, "locations", _, "services"]) => self.list_services(call),
            ("POST", ["projects", _, "locations", _, "services"]) => self.create_service(call),
            ("GET", ["projects", _, "locations", _, "services", id])
                if id.ends_with(":getIamPolicy") =>
            {
                call.takes(&["options.requestedPolicyVersion"])?;
                let binding = json!({"role": "roles/run.invoker", "members": ["allUsers"]});
                Ok(json!({"version": 1, "etag": "BwX=", "bindings": [binding]}))
            }
            (_, ["projects", _, "locations", _, "services", id, ..]) => {
                let name = format!("{}/services/{id}", call.location());
                let own = self.platform.registry().get(&name)?;
                match own {
                    Some(service) => self.own_service(call, &service).await,
                    None => self.service_below(call),
                }
            }
            _ => Err(ApiError::no_such_url()),
        }
    }

    fn list_services(&self, call: &Call) -> Answer {
        call.takes(&["pageSize", "pageToken", "showDeleted"])?;
        let backends = self.platform.registry().list(Kind::Backend, &call.location())?;
        let own = self.platform.registry().list(Kind::Service, &call.location())?;
        let own = own.iter().map(|service| self.platform.run_service(service));
        let services = backends.iter().map(|backend| self.service(backend)).chain(own);
        Ok(json!({ "services": services.collect::<Vec<_>>() }))
    }

    /// A call of a service with no backend above it.
    async fn own_service(&self, call: &Call, service: &Value) -> Answer {
        let revision = call.segments.get(6).map(String::as_str);
        match (call.method.as_str(), revision, call.segments.len()) {
            ("GET", None, _) => {
                call.takes(&[])?;
                Ok(self.platform.run_service(service))
            }
            ("PATCH", None, _) => self.patch_service(call),
            ("DELETE", None, _) => self.delete_service(call).await,
            ("GET", Some("revisions"), 7) => self.list_revisions(call),
            ("GET", Some("revisions"), 8) => {
                call.takes(&[])?;
                self.read(&call.name).map(|stored| run_revision(&stored))
            }
            ("DELETE", Some("revisions"), 8) => self.delete_revision(call, service).await,
            _ => Err(ApiError::no_such_url()),
        }
    }

    /// A call of a service below a backend.
    fn service_below(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().skip(6).map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", []) => {
                call.takes(&[])?;
                Ok(self.service(&self.backend_below(call)?))
            }
            ("GET", ["revisions"]) => {
                call.takes(&["pageSize", "pageToken", "showDeleted"])?;
                let backend = self.backend_below(call)?;
                let name = backend["name"].as_str().unwrap_or_default();
                let builds = self.platform.registry().list(Kind::Build, name)?;
                let ready = builds.iter().filter(|build| build["state"] == "READY");
                let revisions: Vec<_> = ready.map(|build| revision(&backend, build)).collect();
                Ok(json!({ "revisions": revisions }))
            }
            ("PATCH", []) => self.tag_revisions(call),
            ("POST" | "DELETE", _) => {
                self.backend_below(call)?;
                Err(ApiError::unimplemented("changes of services below a backend"))
            }
            _ => Err(ApiError::no_such_url()),
        }
    }

    /// The backend whose service a call names.
    fn backend_below(&self, call: &Call) -> Answer {
        let id = call.segments.get(5).map(String::as_str).unwrap_or_default();
        let name = format!("{}/backends/{id}", call.location());
        let found = self.platform.registry().get(&name)?;
        found.ok_or_else(|| ApiError::not_found(&call.name))
    }

    /// Sets the tags of a service. Its other targets must stay as they are.
    fn tag_revisions(&self, call: &Call) -> Answer {
        call.takes(&["allowMissing", "forceNewRevision", "updateMask", "validateOnly"])?;
        if call.query.get("updateMask").map(String::as_str) != Some("traffic") {
            return Err(ApiError::unimplemented("changes of Cloud Run services but their traffic"));
        }
        let body = call.resource_of(Document::CloudRun, "GoogleCloudRunV2Service")?;
        let backend = self.backend_below(call)?;
        let service = self.service(&backend);
        Call::fresh(body["etag"].as_str(), &service)?;
        let targets = body["traffic"].as_array().cloned().unwrap_or_default();
        let of_app_hosting = |target: &&Value| target["tag"] == TAG;
        let before = service["traffic"].as_array().cloned().unwrap_or_default();
        if !targets.iter().filter(of_app_hosting).eq(before.iter().filter(of_app_hosting)) {
            return Err(ApiError::unimplemented("moving the traffic of a backend at Cloud Run"));
        }
        let tags: Vec<_> = targets.iter().filter(|target| target["tag"] != TAG).cloned().collect();
        let name = backend["name"].as_str().unwrap_or_default();
        for tag in &tags {
            let revision = tag["revision"].as_str().unwrap_or_default();
            if self.platform.registry().get(&format!("{name}/builds/{revision}"))?.is_none() {
                return Err(ApiError::invalid(
                    "traffic",
                    format!("Revision '{revision}' not found"),
                ));
            }
        }
        let stored = json!({ "tags": tags });
        self.platform.registry().create(Kind::RunTags, &format!("{name}/run-tags"), stored)?;
        let operation = format!("{}/operations/{}", call.location(), uuid::Uuid::new_v4().simple());
        Ok(json!({ "name": operation, "done": true, "response": self.service(&backend) }))
    }

    /// The tags of a backend's service besides App Hosting's own.
    fn tags_of(&self, backend: &str) -> Vec<Value> {
        let stored = self.platform.registry().get(&format!("{backend}/run-tags")).ok().flatten();
        let tags = stored.and_then(|stored| stored["tags"].as_array().cloned());
        tags.unwrap_or_default()
    }

    /// The address of a tagged revision: that of the build's own process.
    fn address_of(&self, backend: &str, target: &Value) -> Value {
        let revision = target["revision"].as_str().unwrap_or_default();
        let build = self.platform.registry().get(&format!("{backend}/builds/{revision}"));
        let build = build.ok().flatten().unwrap_or_default();
        build["annotations"][PREVIEW].clone()
    }

    fn service(&self, backend: &Value) -> Value {
        let name = backend["name"].as_str().unwrap_or_default();
        let live = self.platform.live(name);
        let live = live.as_deref().and_then(|build| build.rsplit('/').next());
        let kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
        let traffic: Vec<Value> = live
            .into_iter()
            .map(|revision| json!({"type": kind, "revision": revision, "percent": 100, "tag": TAG}))
            .chain(self.tags_of(name))
            .collect();
        let statuses = traffic.iter().map(|target| {
            let mut status = target.clone();
            status["uri"] = if target["tag"] == TAG {
                backend["uri"].clone()
            } else {
                self.address_of(name, target)
            };
            status
        });
        let statuses: Vec<Value> = statuses.collect();
        let mut service = json!({
            "name": service_of(backend),
            "ingress": "INGRESS_TRAFFIC_ALL",
            "traffic": traffic, "trafficStatuses": statuses,
            "uri": backend["uri"], "urls": [backend["uri"]],
            "reconciling": false,
            "terminalCondition": {"type": "Ready", "state": "CONDITION_SUCCEEDED"},
            "createTime": backend["createTime"], "updateTime": backend["updateTime"],
            "etag": etag(backend, &traffic),
        });
        if let Some(revision) = live {
            let revision = format!("{}/revisions/{revision}", service_of(backend));
            service["latestReadyRevision"] = json!(revision);
        }
        service
    }
}

/// Changes with the backend and with the tags.
fn etag(backend: &Value, traffic: &[Value]) -> String {
    let all = format!("{} {}", backend["etag"], json!(traffic));
    format!("\"{}\"", Hash::of(all.as_bytes()).short())
}

fn service_of(backend: &Value) -> String {
    backend["name"].as_str().unwrap_or_default().replace("/backends/", "/services/")
}

fn revision(backend: &Value, build: &Value) -> Value {
    let service = service_of(backend);
    let id = build["name"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
    json!({
        "name": format!("{service}/revisions/{id}"), "service": service,
        "createTime": build["createTime"], "reconciling": false,
        "conditions": [{"type": "Ready", "state": "CONDITION_SUCCEEDED"}],
    })
}
