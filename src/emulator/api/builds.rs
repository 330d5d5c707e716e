//! Builds.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::lists::parent;
use super::{Answer, Api};
use crate::emulator::platform::backend_of;
use crate::emulator::registry::Kind;

/// How long open requests may go on at a build that is stopped (architecture.md §5).
const DRAIN: Duration = Duration::from_secs(30);

impl Api {
    pub(super) fn create_build(&self, call: &Call) -> Answer {
        call.takes(&["buildId", "requestId", "validateOnly"])?;
        let body = call.resource("Build")?;
        let backend = self.read(parent(&call.name))?;
        let name = format!("{}/{}", call.name, call.id("buildId")?);
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        check_source(&body["source"], &backend)?;
        if self.platform.registry().get(&name)?.is_some() {
            return Err(ApiError::exists(&name));
        }
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        self.store_build(&name, &backend, body)?;
        let operation = self.begin(call, &name, "create")?;
        let id = operation["name"].as_str().unwrap_or_default().to_owned();
        tokio::spawn(self.platform.clone().make_build(name, id));
        Ok(operation)
    }

    fn store_build(&self, name: &str, backend: &Value, mut body: Value) -> Answer {
        body["state"] = json!("BUILDING");
        body["reconciling"] = json!(true);
        if !backend["environment"].is_null() {
            body["environment"] = backend["environment"].clone();
        }
        let location = name.split('/').nth(3).unwrap_or_default();
        let log = uuid::Uuid::new_v4();
        let url = &self.platform.url;
        body["buildLogsUri"] = json!(format!("{url}/pointsman/log/{name}?region={location}/{log}"));
        if let Some(commit) = body["source"]["codebase"]["commit"].as_str().map(str::to_owned) {
            body["source"]["codebase"]["hash"] = json!(commit);
            body["source"]["codebase"]["displayName"] = json!(commit.get(..8).unwrap_or(&commit));
        }
        Ok(self.platform.registry().create(Kind::Build, name, body)?)
    }

    pub(super) async fn delete_build(&self, call: &Call) -> Answer {
        call.takes(&["etag", "requestId", "validateOnly"])?;
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let build = self.read(&call.name)?;
        Call::fresh(call.query.get("etag").map(String::as_str), &build)?;
        self.not_serving(&call.name)?;
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let operation = self.begin(call, &call.name, "delete")?;
        self.platform.drained(backend_of(&call.name), &call.name, DRAIN).await;
        self.platform.slots.stop(&call.name, true).await;
        {
            let registry = self.platform.registry();
            registry.delete(&call.name)?;
            registry.forget_slot(&call.name)?;
        }
        // A folder that cannot be removed costs disk, nothing else.
        let _ = std::fs::remove_dir_all(self.platform.build_folder(&call.name));
        let id = operation["name"].as_str().unwrap_or_default();
        self.platform.finish(id, "Build", Ok(build));
        self.read(id)
    }

    /// Not in Google's API, where idle revisions end by themselves: ends the processes of a build
    /// that serves nothing, after its last requests. A rollout starts it again.
    pub(super) async fn stop_build(&self, call: &Call) -> Answer {
        let name = call.name.trim_end_matches(":stop");
        self.read(name)?;
        self.not_serving(name)?;
        self.platform.drained(backend_of(name), name, DRAIN).await;
        self.platform.slots.stop(name, true).await;
        self.read(name)
    }

    fn not_serving(&self, build: &str) -> Result<(), ApiError> {
        match self.platform.live(backend_of(build)) {
            Some(live) if live == build => Err(ApiError::precondition("build is serving traffic")),
            _ => Ok(()),
        }
    }
}

fn check_source(source: &Value, backend: &Value) -> Result<(), ApiError> {
    let kinds = ["codebase", "archive", "container"];
    let given: Vec<_> = kinds.into_iter().filter(|k| source.get(*k).is_some()).collect();
    match given.as_slice() {
        ["archive"] if source["archive"]["userStorageUri"].is_string() => Ok(()),
        ["archive"] => Err(ApiError::invalid("build.source.archive", "userStorageUri is required")),
        ["container"] => Err(ApiError::unimplemented("container builds")),
        ["codebase"] => {
            let commit = source["codebase"]["commit"].as_str().unwrap_or_default();
            if backend["codebase"]["repository"].as_str().is_none_or(str::is_empty) {
                return Err(ApiError::precondition("the backend is not linked to a repository"));
            }
            if commit.len() != 40 || !commit.chars().all(|c| c.is_ascii_hexdigit()) {
                return Err(ApiError::invalid(
                    "build.source.codebase.commit",
                    "a commit of 40 hex digits is required",
                ));
            }
            Ok(())
        }
        _ => Err(ApiError::invalid(
            "build.source",
            "exactly one of codebase, archive, container is required",
        )),
    }
}
