//! Traffic set directly, without a rollout. `target` and `rolloutPolicy` are mutually exclusive
//! (`docs/internals/app-hosting.md`, Resources).

use serde_json::{Value, json};

use super::backends::masked;
use super::call::Call;
use super::error::ApiError;
use super::lists::parent;
use super::schema::Document;
use super::{Answer, Api};
use crate::registry::{Kind, Registry};

/// The field that an error about an invalid split names.
const FIELD: &str = "traffic.target.splits.percent";

impl Api {
    pub(super) fn patch_traffic(&self, call: &Call) -> Answer {
        call.takes(&["requestId", "updateMask", "validateOnly"])?;
        let body = call.resource("Traffic")?;
        if let Some(before) = self.repeated(call)? {
            return Ok(before);
        }
        let current = self.read(&call.name)?;
        Call::fresh(body["etag"].as_str(), &current)?;
        if body.get("target").is_some() && body.get("rolloutPolicy").is_some() {
            let message = "target and rolloutPolicy exclude one another";
            return Err(ApiError::invalid("traffic.traffic_management", message));
        }
        let mut changed = masked(call, current.clone(), &body, (Document::AppHosting, "Traffic"))?;
        let wanted = self.wanted_build(parent(&call.name), &body["target"])?;
        if call.flag("validateOnly") {
            return Ok(Self::validated(call));
        }
        if changed["target"] != current["target"] && changed.get("target").is_some() {
            changed.as_object_mut().map(|o| o.remove("rolloutPolicy"));
            changed["target"] = without_empty(&changed["target"]);
        } else if changed["rolloutPolicy"] != current["rolloutPolicy"] {
            changed.as_object_mut().map(|o| o.remove("target"));
            if changed["rolloutPolicy"]["disabled"] == true {
                changed["rolloutPolicy"]["disabledTime"] = json!(self.platform.clock.now());
            }
        }
        changed["reconciling"] = json!(wanted.is_some());
        let save = |r: &Registry| r.save(Kind::Traffic, &call.name, changed).map(drop);
        let operation = self.begin(call, &call.name, "update", save)?;
        let id = operation["name"].as_str().unwrap_or_default().to_owned();
        let platform = self.platform.clone();
        tokio::spawn(platform.apply_target(call.name.clone(), wanted, id));
        Ok(operation)
    }

    /// The build that receives 100 % of a target's traffic. Each percentage must be 0 or 100, and the sum must be
    /// 100.
    fn wanted_build(&self, backend: &str, target: &Value) -> Result<Option<String>, ApiError> {
        if target.is_null() {
            return Ok(None);
        }
        let splits = target["splits"].as_array().map(Vec::as_slice).unwrap_or_default();
        let percent = |s: &Value| s["percent"].as_i64().unwrap_or(0);
        if splits.iter().any(|s| !matches!(percent(s), 0 | 100)) {
            return Err(ApiError::invalid(FIELD, "percent must be 0 or 100"));
        }
        if splits.iter().map(percent).sum::<i64>() != 100 {
            return Err(ApiError::invalid(FIELD, "the percentages must add up to 100"));
        }
        for split in splits {
            let build = split["build"].as_str().unwrap_or_default();
            self.usable_build(backend, build, "traffic.target.splits.build")?;
        }
        let whole = splits.iter().find(|s| percent(s) == 100);
        Ok(whole.and_then(|s| s["build"].as_str()).map(str::to_owned))
    }
}

fn without_empty(target: &Value) -> Value {
    let splits = target["splits"].as_array().into_iter().flatten();
    let splits: Vec<_> =
        splits.filter(|s| s["percent"] != 0 && s.get("percent").is_some()).collect();
    json!({ "splits": splits })
}
