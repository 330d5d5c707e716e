//! Composite indexes, and the expiry (TTL) of fields. They are listed and change no query: this emulator answers every
//! query without them. A new one is CREATING for a second, unless `indexes.json` in the emulator's folder says otherwise:
//! `{"seconds": 3600, "state": "NEEDS_REPAIR"}`, the state after that time.

use serde_json::{Value, json};

use super::call::Call;
use super::error::ApiError;
use super::schema::Document;
use super::{Answer, Api};
use crate::registry::Kind;
use pointsman_core::time::Timestamp;

const FILE: &str = "indexes.json";
/// Time of the request, in stored resources only.
const BEGUN: &str = "begun";
const TTL: &str = "ttlConfig";

impl Api {
    /// A method on the indexes or the fields of a collection group.
    pub(super) fn collection_group(&self, call: &Call, group: &str, rest: &[&str]) -> Answer {
        match (call.method.as_str(), rest) {
            ("GET", ["indexes"]) => self.list_of_group(call, Kind::Index, "indexes"),
            ("GET", ["fields"]) => self.list_of_group(call, Kind::Field, "fields"),
            ("POST", ["indexes"]) => self.create_index(call, group),
            ("GET", ["indexes", _]) => {
                call.takes(&[])?;
                Ok(self.grown(Kind::Index, self.read(&call.name)?)?)
            }
            ("DELETE", ["indexes", _]) => {
                call.takes(&[])?;
                self.read(&call.name)?;
                self.platform.registry().delete(&call.name)?;
                Ok(json!({}))
            }
            ("GET", ["fields", _]) => {
                call.takes(&[])?;
                match self.platform.registry().get(&call.name)? {
                    Some(field) => self.grown(Kind::Field, field),
                    None => Ok(json!({ "name": call.name })),
                }
            }
            ("PATCH", ["fields", _]) => self.patch_field(call),
            _ => Err(ApiError::no_such_url()),
        }
    }

    fn list_of_group(&self, call: &Call, kind: Kind, key: &str) -> Answer {
        call.takes(&["filter", "pageSize", "pageToken"])?;
        let parent = call.name.rsplit_once('/').map_or("", |(parent, _)| parent);
        let all = self.platform.registry().list(kind, parent)?;
        let all: Result<Vec<_>, _> = all.into_iter().map(|one| self.grown(kind, one)).collect();
        Ok(json!({ key: all? }))
    }

    fn create_index(&self, call: &Call, group: &str) -> Answer {
        call.takes(&[])?;
        let mut index =
            call.resource_of(Document::FirestoreAdmin, "GoogleFirestoreAdminV1Index")?;
        let fields = index["fields"].as_array().map_or(0, Vec::len);
        let vector = index["fields"][0]["vectorConfig"].is_object();
        if fields == 0 || (fields == 1 && !vector) {
            return Err(ApiError::invalid("fields", "An index has at least two fields."));
        }
        let mut whole = index.clone();
        with_name(&mut whole);
        let same =
            |other: &Value| ["queryScope", "fields"].iter().all(|key| other[key] == whole[key]);
        let registry = self.platform.registry();
        let parent = call.name.trim_end_matches("/indexes");
        if registry.list(Kind::Index, parent)?.iter().any(same) {
            return Err(ApiError::exists(&format!("index of {group}")));
        }
        index[BEGUN] = json!(registry.now());
        with_name(&mut index);
        drop(registry);
        let name = format!("{}/{}", call.name, uuid::Uuid::new_v4().simple());
        self.begun(call, &name, |registry| registry.create(Kind::Index, &name, index).map(drop))
    }

    /// Sets or removes the expiry of a field; nothing else of a field can be changed.
    fn patch_field(&self, call: &Call) -> Answer {
        call.takes(&["updateMask"])?;
        let field = call.resource_of(Document::FirestoreAdmin, "GoogleFirestoreAdminV1Field")?;
        if call.query.get("updateMask").map(String::as_str) != Some(TTL) {
            return Err(ApiError::unimplemented("other settings of fields than ttlConfig"));
        }
        let now = self.platform.registry().now();
        let set = field.get(TTL).is_some();
        self.begun(call, &call.name, |registry| {
            if !set {
                return registry.delete(&call.name);
            }
            let field = json!({ TTL: {}, BEGUN: now });
            registry.create(Kind::Field, &call.name, field).map(drop)
        })
    }

    fn begun(
        &self,
        call: &Call,
        what: &str,
        write: impl FnOnce(&crate::registry::Registry) -> crate::registry::Stored<()>,
    ) -> Answer {
        let database = call.segments.iter().take(4).cloned().collect::<Vec<_>>().join("/");
        let metadata = json!({ "index": what, "state": "PROCESSING" });
        let begun = self.database_operation(&database, &metadata, &json!({}), write)?;
        Ok(json!({ "name": begun["name"], "metadata": begun["metadata"] }))
    }

    /// A stored resource with the state that it has by now.
    fn grown(&self, kind: Kind, mut stored: Value) -> Answer {
        let told = self.told(FILE)?;
        let seconds = told["seconds"].as_i64().unwrap_or(1);
        let begun = stored[BEGUN].as_str().and_then(|at| at.parse::<Timestamp>().ok());
        let age = begun.map(|at| self.platform.registry().now().as_second() - at.as_second());
        let done = told["state"].as_str().unwrap_or(match kind {
            Kind::Field => "ACTIVE",
            _ => "READY",
        });
        let state = if age.is_some_and(|age| age < seconds) { "CREATING" } else { done };
        if let Some(stored) = stored.as_object_mut() {
            stored.remove(BEGUN);
        }
        match kind {
            Kind::Field => stored[TTL]["state"] = json!(state),
            _ => stored["state"] = json!(state),
        }
        Ok(stored)
    }
}

/// Adds the name field to the end of an index, as Google does: in the order of its last ordered field, and before a vector.
fn with_name(index: &mut Value) {
    let Some(fields) = index["fields"].as_array_mut() else { return };
    if fields.iter().any(|field| field["fieldPath"] == "__name__") {
        return;
    }
    let order = fields.iter().rev().find_map(|field| field["order"].as_str().map(str::to_owned));
    let order = order.unwrap_or_else(|| "ASCENDING".to_owned());
    let vector = fields.last().is_some_and(|field| field["vectorConfig"].is_object());
    let at = fields.len() - usize::from(vector);
    fields.insert(at, json!({ "fieldPath": "__name__", "order": order }));
}
