//! Rollouts: the recorded way to move traffic.

use serde_json::json;

use super::call::Call;
use super::error::ApiError;
use super::lists::parent;
use super::{Answer, Api};
use crate::registry::{Kind, Registry};

impl Api {
    pub(super) fn create_rollout(&self, call: &Call) -> Answer {
        call.takes(&["requestId", "rolloutId", "validateOnly"])?;
        let mut body = call.resource("Rollout")?;
        let backend = parent(&call.name);
        self.read(backend)?;
        let generated = format!("rollout-{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
        let id = match call.query.get("rolloutId") {
            Some(_) => call.id("rolloutId")?,
            None => &generated,
        };
        let name = format!("{}/{id}", call.name);
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let build = body["build"].as_str().unwrap_or_default().to_owned();
        self.usable_build(backend, &build, "rollout.build")?;
        if self.platform.registry().get(&name)?.is_some() {
            return Err(ApiError::exists(&name));
        }
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        body["state"] = json!("QUEUED");
        body["reconciling"] = json!(true);
        let store = |registry: &Registry| registry.create(Kind::Rollout, &name, body).map(drop);
        let operation = self.begin(call, &name, "create", store)?;
        let id = operation["name"].as_str().unwrap_or_default().to_owned();
        tokio::spawn(self.platform.clone().roll_out(name, build, id));
        Ok(operation)
    }

    /// Rejects a build of another backend, and a build that will never serve: failed, skipped or expired.
    pub(super) fn usable_build(
        &self,
        backend: &str,
        build: &str,
        field: &str,
    ) -> Result<(), ApiError> {
        if !build.starts_with(&format!("{backend}/builds/")) {
            let message = format!("{build:?} is not the full name of a build of this backend");
            return Err(ApiError::invalid(field, message));
        }
        let resource = self.read(build)?;
        match resource["state"].as_str() {
            Some(state @ ("FAILED" | "SKIPPED" | "EXPIRED")) => {
                Err(ApiError::precondition(format!("build '{build}' is {state}")))
            }
            _ => Ok(()),
        }
    }
}
