//! The Cloud Run service below each backend: read only. Its traffic follows the backend's, and its revisions are named
//! as the variable `K_REVISION` of the builds.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::{Answer, Api};
use crate::registry::Kind;

/// The tag that routes a backend's address to its live revision.
const TAG: &str = "fah-live";

impl Api {
    /// Calls of Cloud Run's API v2: `projects/P/locations/L/services/S`, its revisions, and the list of services.
    pub(super) fn cloud_run(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["projects", _, "locations", _, "services"]) => {
                call.takes(&["pageSize", "pageToken", "showDeleted"])?;
                let backends = self.platform.registry().list(Kind::Backend, &call.location())?;
                let services: Vec<_> = backends.iter().map(|b| self.service(b)).collect();
                Ok(json!({ "services": services }))
            }
            ("GET", ["projects", _, "locations", _, "services", _]) => {
                call.takes(&[])?;
                Ok(self.service(&self.backend_below(call)?))
            }
            ("GET", ["projects", _, "locations", _, "services", _, "revisions"]) => {
                call.takes(&["pageSize", "pageToken", "showDeleted"])?;
                let backend = self.backend_below(call)?;
                let name = backend["name"].as_str().unwrap_or_default();
                let builds = self.platform.registry().list(Kind::Build, name)?;
                let ready = builds.iter().filter(|build| build["state"] == "READY");
                Ok(
                    json!({ "revisions": ready.map(|build| revision(&backend, build)).collect::<Vec<_>>() }),
                )
            }
            ("PATCH" | "POST" | "DELETE", ["projects", _, "locations", _, "services", ..]) => {
                Err(ApiError::unimplemented("changes of Cloud Run services"))
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

    fn service(&self, backend: &Value) -> Value {
        let name = backend["name"].as_str().unwrap_or_default();
        let live = self.platform.live(name);
        let live = live.as_deref().and_then(|build| build.rsplit('/').next());
        let kind = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION";
        let traffic: Vec<Value> = live
            .into_iter()
            .map(|revision| json!({"type": kind, "revision": revision, "percent": 100, "tag": TAG}))
            .collect();
        let statuses = traffic.iter().map(|target| {
            let mut status = target.clone();
            status["uri"] = backend["uri"].clone();
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
            "etag": backend["etag"],
        });
        if let Some(revision) = live {
            let revision = format!("{}/revisions/{revision}", service_of(backend));
            service["latestReadyRevision"] = json!(revision);
        }
        service
    }
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
