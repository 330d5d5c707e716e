//! Secret Manager, read only and without values: nothing on this machine needs one. Every secret exists with one enabled
//! version that App Hosting's own account may read, unless `secrets.json` in the emulator's folder says otherwise:
//! `{"projects/P/secrets/S": {"versions": {"1": "DESTROYED", "2": "ENABLED"}, "readers": ["serviceAccount:…"]}}`, or
//! `null` for a secret that does not exist.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::{Answer, Api};

const FILE: &str = "secrets.json";
const ACCESSOR: &str = "roles/secretmanager.secretAccessor";
/// Creation time of every secret.
const MADE: &str = "2026-01-01T00:00:00Z";

/// Whether a path is one of Secret Manager's.
pub(super) fn owns(call: &Call) -> bool {
    matches!(call.segments.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
        ["projects", _, secrets, ..] if *secrets == "secrets")
}

/// A secret: the states of its versions, and who may read it.
struct Secret {
    name: String,
    versions: BTreeMap<u64, Value>,
    readers: Value,
}

impl Api {
    pub(super) fn secret_manager(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        if call.method != "GET" {
            return Err(ApiError::unimplemented("changes of secrets"));
        }
        match path.as_slice() {
            ["projects", project, "secrets"] => {
                call.takes(&["filter", "pageSize", "pageToken"])?;
                let prefix = format!("projects/{project}/secrets/");
                let told = self.told(FILE)?;
                let names = told.as_object().into_iter().flatten();
                let names =
                    names.filter(|(name, secret)| name.starts_with(&prefix) && !secret.is_null());
                let secrets: Vec<Value> = names.map(|(name, _)| resource(name)).collect();
                Ok(json!({ "totalSize": secrets.len(), "secrets": secrets }))
            }
            ["projects", project, "secrets", secret] => match secret.split_once(':') {
                None => {
                    call.takes(&[])?;
                    Ok(resource(&self.secret(project, secret)?.name))
                }
                Some((secret, "getIamPolicy")) => {
                    call.takes(&["options.requestedPolicyVersion"])?;
                    let secret = self.secret(project, secret)?;
                    let binding = json!({"role": ACCESSOR, "members": secret.readers});
                    Ok(json!({"version": 1, "etag": "BwX=", "bindings": [binding]}))
                }
                Some(_) => Err(ApiError::no_such_url()),
            },
            ["projects", project, "secrets", secret, "versions"] => {
                call.takes(&["filter", "pageSize", "pageToken"])?;
                let secret = self.secret(project, secret)?;
                let versions: Vec<Value> = secret
                    .versions
                    .iter()
                    .rev()
                    .map(|(n, state)| version(&secret, *n, state))
                    .collect();
                Ok(json!({ "totalSize": versions.len(), "versions": versions }))
            }
            ["projects", project, "secrets", secret, "versions", wanted] => {
                call.takes(&[])?;
                let secret = self.secret(project, secret)?;
                let found = match *wanted {
                    "latest" => secret.versions.last_key_value(),
                    number => number.parse().ok().and_then(|n| secret.versions.get_key_value(&n)),
                };
                let found = found.map(|(n, state)| version(&secret, *n, state));
                found.ok_or_else(|| ApiError::not_found(&call.name))
            }
            _ => Err(ApiError::no_such_url()),
        }
    }

    fn secret(&self, project: &str, id: &str) -> Result<Secret, ApiError> {
        let name = format!("projects/{project}/secrets/{id}");
        let told = self.told(FILE)?;
        let secret = told.get(&name);
        if secret.is_some_and(Value::is_null) {
            return Err(ApiError::not_found(&name));
        }
        let versions = secret.and_then(|secret| secret["versions"].as_object());
        let versions = match versions {
            Some(all) => {
                let number = |(n, state): (&String, &Value)| Some((n.parse().ok()?, state.clone()));
                all.iter().filter_map(number).collect()
            }
            None => BTreeMap::from([(1, json!("ENABLED"))]),
        };
        let account = format!("firebase-app-hosting-compute@{project}.iam.gserviceaccount.com");
        let own = json!([format!("serviceAccount:{account}")]);
        let readers = secret.and_then(|secret| secret.get("readers")).cloned().unwrap_or(own);
        Ok(Secret { name, versions, readers })
    }
}

fn resource(name: &str) -> Value {
    json!({"name": name, "createTime": MADE, "etag": "\"1\"", "replication": {"automatic": {}}})
}

/// A version. Its state is a word, or an object with a state and times.
fn version(secret: &Secret, number: u64, state: &Value) -> Value {
    let mut version = json!({
        "name": format!("{}/versions/{number}", secret.name), "createTime": MADE, "etag": "\"1\"",
        "replicationStatus": {"automatic": {}},
    });
    match state {
        Value::Object(more) => more.iter().for_each(|(key, value)| version[key] = value.clone()),
        word => version["state"] = word.clone(),
    }
    version
}
