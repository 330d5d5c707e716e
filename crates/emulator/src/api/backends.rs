//! Backends: create, update and delete. Creating a backend also creates its traffic resource and opens its public
//! address.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};
use crate::ADDRESS;
use crate::lifecycle::FAILED_PRECONDITION;
use crate::registry::{Kind, Registry, Stored};

impl Api {
    pub(super) async fn create_backend(&self, call: &Call) -> Answer {
        call.takes(&["backendId", "requestId", "validateOnly"])?;
        let body = call.resource("Backend")?;
        let id = call.id("backendId")?;
        if id.len() < 3 || id.len() > 30 {
            return Err(ApiError::invalid("backendId", "a backend id has 3 to 30 characters"));
        }
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let name = format!("{}/{id}", call.name);
        if self.platform.registry().get(&name)?.is_some() {
            return Err(ApiError::exists(&name));
        }
        if body["servingLocality"].as_str().is_none_or(|l| l == "SERVING_LOCALITY_UNSPECIFIED") {
            return Err(ApiError::invalid(
                "backend.serving_locality",
                "servingLocality is required",
            ));
        }
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let store = |registry: &Registry| store_backend(registry, &name, body);
        let operation = self.begin(call, &name, "create", store)?;
        let backend = self.read(&name)?;
        self.settle_backend(&operation, &backend).await;
        self.read(operation["name"].as_str().unwrap_or_default())
    }

    /// Opens the backend's public listener and finishes the operation. A port that is in use fails only this
    /// backend.
    async fn settle_backend(&self, operation: &Value, backend: &Value) {
        let name = backend["name"].as_str().unwrap_or_default();
        let opened = match backend["annotations"][ADDRESS].as_str() {
            Some(address) => self.platform.open_door(name, address),
            None => Ok(()),
        };
        let result = opened.map(|()| backend.clone()).map_err(|why| (FAILED_PRECONDITION, why));
        self.platform.finish(operation["name"].as_str().unwrap_or_default(), "Backend", result);
        if let Some(build) = self.platform.live(name) {
            let served = self.platform.serve_with(&build).await;
            if let Err(error) = served {
                tracing::error!(error, build, "the live build cannot be served");
            }
        }
    }

    pub(super) async fn patch_backend(&self, call: &Call) -> Answer {
        call.takes(&["allowMissing", "requestId", "updateMask", "validateOnly"])?;
        let body = call.resource("Backend")?;
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let current = self.read(&call.name)?;
        Call::fresh(body["etag"].as_str(), &current)?;
        let changed = masked(call, current, &body, (Document::AppHosting, "Backend"))?;
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let save = |r: &Registry| r.save(Kind::Backend, &call.name, changed).map(drop);
        let operation = self.begin(call, &call.name, "update", save)?;
        let backend = self.read(&call.name)?;
        self.settle_backend(&operation, &backend).await;
        self.read(operation["name"].as_str().unwrap_or_default())
    }

    pub(super) async fn delete_backend(&self, call: &Call) -> Answer {
        call.takes(&["etag", "force", "requestId", "validateOnly"])?;
        let current = self.read(&call.name)?;
        Call::fresh(call.query.get("etag").map(String::as_str), &current)?;
        let builds = self.platform.registry().list(Kind::Build, &call.name)?;
        if !builds.is_empty() && !call.flag("force") {
            return Err(ApiError::precondition("the backend has builds; delete them, or force"));
        }
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        for build in builds.iter().filter_map(|b| b["name"].as_str()) {
            self.platform.slots.stop(build, true).await;
        }
        let operation = self.begin(call, &call.name, "delete", |r| r.delete(&call.name))?;
        self.platform.close_door(&call.name);
        let name = operation["name"].as_str().unwrap_or_default();
        self.platform.finish(name, "Backend", Ok(current));
        self.read(name)
    }
}

fn store_backend(registry: &Registry, name: &str, mut body: Value) -> Stored<()> {
    let service = name.replace("/backends/", "/services/");
    body["managedResources"] = json!([{"runService": {"service": service}}]);
    let address = body["annotations"][ADDRESS].as_str().map(|a| format!("http://{a}"));
    body["uri"] = json!(address.unwrap_or_else(|| default_host(name)));
    registry.create(Kind::Backend, name, body)?;
    let traffic = json!({"current": {"splits": []}, "rolloutPolicy": {"disabled": true}});
    registry.create(Kind::Traffic, &format!("{name}/traffic"), traffic).map(drop)
}

/// Copies the fields that the call's `updateMask` names from `body` into `current`. A mask can name only top-level
/// fields; deeper masks do not work at Google either (firebase-tools, b/322891558).
pub(super) fn masked(
    call: &Call,
    mut current: Value,
    body: &Value,
    (document, schema): (Document, &str),
) -> Answer {
    let mask = call.query.get("updateMask").map_or("*", String::as_str);
    let known = &document.json()["schemas"][schema]["properties"];
    let fields: Vec<&str> = match mask {
        "" | "*" => {
            body.as_object().map(|o| o.keys().map(String::as_str).collect()).unwrap_or_default()
        }
        mask => mask.split(',').map(str::trim).collect(),
    };
    for field in fields {
        let field = camel(field);
        if known.get(&field).is_none() {
            return Err(ApiError::invalid(
                "update_mask",
                format!("updateMask names no field: {field:?}"),
            ));
        }
        if matches!(field.as_str(), "name" | "etag") {
            continue;
        }
        match body.get(&field) {
            Some(value) => current[&field] = value.clone(),
            None => drop(current.as_object_mut().and_then(|o| o.remove(&field))),
        }
    }
    Ok(current)
}

fn camel(field: &str) -> String {
    let mut up = false;
    field.chars().fold(String::new(), |mut out, c| {
        if c == '_' {
            up = true;
        } else {
            out.push(if up { c.to_ascii_uppercase() } else { c });
            up = false;
        }
        out
    })
}

fn default_host(name: &str) -> String {
    let parts: Vec<_> = name.split('/').collect();
    match parts.as_slice() {
        [_, project, _, location, _, backend] => {
            format!("{backend}--{project}.{location}.hosted.app")
        }
        _ => String::new(),
    }
}
