//! Firestore's Admin API, read only. The emulator's databases have neither point-in-time recovery nor backups, and say so,
//! unless `databases.json` in the emulator's folder says otherwise: resources by name, such as `projects/P/databases/D`,
//! and lists of backups by `projects/P/locations/L/backups`.

use axum::http::Uri;
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::{Answer, Api};

const FILE: &str = "databases.json";
/// Where the emulator's databases are, as far as the Admin API asks.
const LOCATION: &str = "us-central1";

/// Whether a path is one that this module serves: a database itself, or the backups of a location.
pub(super) fn owns(uri: &Uri) -> bool {
    let path: Vec<&str> = uri.path().split('/').collect();
    match path.as_slice() {
        ["", "v1", "projects", _, "databases", id] => !id.contains(':'),
        ["", "v1", "projects", _, "locations", _, "backups"] => true,
        _ => false,
    }
}

impl Api {
    pub(super) fn firestore_admin(&self, call: &Call) -> Answer {
        if call.method != "GET" {
            return Err(ApiError::unimplemented("changes of databases"));
        }
        let told = self.told(FILE)?.get(&call.name).cloned();
        if call.name.ends_with("/backups") {
            call.takes(&["filter"])?;
            return Ok(json!({ "backups": told.unwrap_or_else(|| json!([])) }));
        }
        call.takes(&[])?;
        let mut database = json!({
            "name": call.name, "type": "FIRESTORE_NATIVE", "locationId": LOCATION,
            "concurrencyMode": "PESSIMISTIC", "databaseEdition": "STANDARD",
            "versionRetentionPeriod": "3600s",
            "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_DISABLED",
            "deleteProtectionState": "DELETE_PROTECTION_DISABLED", "etag": "\"1\"",
        });
        for (key, value) in told.iter().filter_map(Value::as_object).flatten() {
            database[key] = value.clone();
        }
        Ok(database)
    }
}
