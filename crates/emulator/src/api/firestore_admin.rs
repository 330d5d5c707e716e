//! Firestore's Admin API. Databases have neither point-in-time recovery nor backups, and say so, unless
//! `databases.json` in the emulator's folder says otherwise: resources by name, such as `projects/P/databases/D`, and
//! lists of backups by `projects/P/locations/L/backups`. Exports end at once, and write nothing. Indexes: `indexes.rs`.

use axum::http::Uri;
use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};
use crate::registry::{Kind, Registry, Stored};

const FILE: &str = "databases.json";
/// Where the emulator's databases are, as far as the Admin API asks.
const LOCATION: &str = "us-central1";
const EXPORT: &str = ":exportDocuments";

/// Whether a path is one that this module serves: a database itself, its indexes, fields and operations, or the backups
/// of a location.
pub(super) fn owns(uri: &Uri) -> bool {
    let path: Vec<&str> = uri.path().split('/').collect();
    match path.as_slice() {
        ["", "v1", "projects", _, "databases", id] => !id.contains(':') || id.ends_with(EXPORT),
        ["", "v1", "projects", _, "databases", _, "collectionGroups" | "operations", ..]
        | ["", "v1", "projects", _, "locations", _, "backups"] => true,
        _ => false,
    }
}

impl Api {
    pub(super) fn firestore_admin(&self, call: &Call) -> Answer {
        let path: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        match (call.method.as_str(), path.as_slice()) {
            ("GET", ["projects", _, "locations", _, "backups"]) => {
                call.takes(&["filter"])?;
                let told = self.told(FILE)?.get(&call.name).cloned();
                Ok(json!({ "backups": told.unwrap_or_else(|| json!([])) }))
            }
            ("GET", ["projects", _, "databases", _]) => {
                call.takes(&[])?;
                self.described(call)
            }
            ("POST", ["projects", _, "databases", _]) => self.begin_export(call),
            ("GET", ["projects", _, "databases", _, "operations", _]) => {
                call.takes(&[])?;
                self.read(&call.name)
            }
            (_, ["projects", _, "databases", _, "collectionGroups", group, rest @ ..]) => {
                self.collection_group(call, group, rest)
            }
            _ => Err(ApiError::unimplemented("such change of databases")),
        }
    }

    fn described(&self, call: &Call) -> Answer {
        let told = self.told(FILE)?.get(&call.name).cloned();
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

    fn begin_export(&self, call: &Call) -> Answer {
        call.takes(&[])?;
        let database = call.name.strip_suffix(EXPORT).ok_or_else(ApiError::no_such_url)?;
        let schema = "GoogleFirestoreAdminV1ExportDocumentsRequest";
        let request = call.resource_of(Document::FirestoreAdmin, schema)?;
        let to = request["outputUriPrefix"].as_str().filter(|to| to.starts_with("gs://"));
        let to = to.ok_or_else(|| {
            ApiError::invalid("output_uri_prefix", "outputUriPrefix must begin with gs://")
        })?;
        let response = json!({
            "@type": "type.googleapis.com/google.firestore.admin.v1.ExportDocumentsResponse",
            "outputUriPrefix": to,
        });
        let metadata = json!({
            "@type": "type.googleapis.com/google.firestore.admin.v1.ExportDocumentsMetadata",
            "operationState": "SUCCESSFUL", "outputUriPrefix": to,
        });
        let begun = self.database_operation(database, &metadata, &response, |_| Ok(()))?;
        // The answer to a request tells the operation as it was begun.
        Ok(json!({ "name": begun["name"], "metadata": begun["metadata"] }))
    }

    /// Does a change at once, and stores its operation in the same transaction.
    pub(super) fn database_operation(
        &self,
        database: &str,
        metadata: &Value,
        response: &Value,
        write: impl FnOnce(&Registry) -> Stored<()>,
    ) -> Answer {
        let name = format!("{database}/operations/{}", uuid::Uuid::new_v4().simple());
        let operation = json!({ "metadata": metadata, "done": true, "response": response });
        Ok(self.platform.registry().at_once(|registry| {
            write(registry)?;
            registry.create(Kind::DatabaseOperation, &name, operation)
        })?)
    }
}
