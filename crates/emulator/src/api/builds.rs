//! Builds: create, stop and delete.

use std::time::Duration;

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::lists::parent;
use super::{Answer, Api};
use crate::lifecycle::DRAIN;
use crate::registry::{Kind, Registry};

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
        let body = self.new_build(&name, &backend, body);
        let store = |registry: &Registry| registry.create(Kind::Build, &name, body).map(drop);
        let operation = self.begin(call, &name, "create", store)?;
        let id = operation["name"].as_str().unwrap_or_default().to_owned();
        tokio::spawn(self.platform.clone().make_build(name, id));
        Ok(operation)
    }

    fn new_build(&self, name: &str, backend: &Value, mut body: Value) -> Value {
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
        body
    }

    pub(super) async fn delete_build(&self, call: &Call) -> Answer {
        call.takes(&["etag", "requestId", "validateOnly"])?;
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let build = self.read(&call.name)?;
        Call::fresh(call.query.get("etag").map(String::as_str), &build)?;
        self.not_serving(&call.name)?;
        self.unmake(call).await
    }

    /// Deletes a build, or the revision that it is for Cloud Run; the caller has checked that nothing needs it.
    pub(super) async fn unmake(&self, call: &Call) -> Answer {
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        let operation = self.begin(call, &call.name, "delete", |_| Ok(()))?;
        let id = operation["name"].as_str().unwrap_or_default();
        self.platform.clone().unmake_build(call.name.clone(), id.to_owned()).await;
        self.read(id)
    }

    /// Stops the processes of a build that has no traffic, when its last requests finish or after `drain` seconds.
    /// A rollout starts it again. Google's API has no such method: there, idle revisions stop by themselves.
    pub(super) async fn stop_build(&self, call: &Call) -> Answer {
        call.takes(&["drain", "requestId"])?;
        let drain = match call.query.get("drain").map(|text| text.parse::<f64>()) {
            None => DRAIN,
            Some(Ok(seconds)) if (0.0..=3600.0).contains(&seconds) => {
                Duration::from_secs_f64(seconds)
            }
            Some(_) => return Err(ApiError::invalid("drain", "drain is 0 to 3600 seconds")),
        };
        let name = call.name.trim_end_matches(":stop");
        self.read(name)?;
        self.not_serving(name)?;
        self.platform.stop_idle(name, drain).await.map_err(ApiError::precondition)?;
        self.read(name)
    }

    pub(super) fn not_serving(&self, build: &str) -> Result<(), ApiError> {
        if self.platform.serves(build) {
            return Err(ApiError::precondition("build is serving traffic"));
        }
        Ok(())
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
