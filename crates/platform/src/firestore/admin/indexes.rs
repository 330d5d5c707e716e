//! Composite indexes, and expiry fields (TTL).

use reqwest::Method;
use serde_json::{Value, json};

use super::super::wire;
use super::{AdminCall, Firestore, unreadable};
use pointsman_core::google_api::GoogleApi;
use pointsman_core::index::{
    Expiry, FoundIndex, FoundIndexes, Index, IndexField, IndexKind, IndexState,
};
use pointsman_core::ports::database::DatabaseError;

/// Means every collection in a list.
const EVERY: &str = "-";

impl Firestore {
    pub(super) async fn list_indexes(&self) -> Result<FoundIndexes, DatabaseError> {
        self.read_database().await?;
        let everywhere = format!("{}/collectionGroups/{EVERY}", self.database());
        let indexes = self.every(&format!("{everywhere}/indexes"), "indexes", None).await?;
        let fields = format!("{everywhere}/fields");
        let fields = self.every(&fields, "fields", Some("ttlConfig:*")).await?;
        Ok(FoundIndexes {
            // Other kinds of index, such as those for full text, are not described by this model.
            indexes: indexes.iter().filter_map(found_index).collect(),
            expiries: fields.iter().filter_map(found_expiry).collect(),
        })
    }

    /// Every resource of a list, page by page.
    async fn every(
        &self,
        name: &str,
        key: &str,
        filter: Option<&str>,
    ) -> Result<Vec<Value>, DatabaseError> {
        let (mut all, mut token) = (Vec::new(), String::new());
        for _ in 0..wire::MOST_PAGES {
            let mut query = vec![("pageSize", "300")];
            query.extend(filter.map(|filter| ("filter", filter)));
            if !token.is_empty() {
                query.push(("pageToken", &token));
            }
            let json =
                self.admin_call(&AdminCall { query: &query, ..AdminCall::get(name) }).await?;
            all.extend(json[key].as_array().into_iter().flatten().cloned());
            match json["nextPageToken"].as_str().filter(|next| !next.is_empty()) {
                Some(next) => next.clone_into(&mut token),
                None => return Ok(all),
            }
        }
        Err(wire::endless(key))
    }

    pub(super) async fn begin_index(&self, index: &Index) -> Result<(), DatabaseError> {
        let name = format!("{}/collectionGroups/{}/indexes", self.database(), index.collection);
        let scope = if index.group { "COLLECTION_GROUP" } else { "COLLECTION" };
        let fields: Vec<_> = index.fields().iter().map(field_json).collect();
        let body = json!({ "queryScope": scope, "fields": fields });
        let begun = self.admin_call(&AdminCall::post(&name, &body)).await?;
        operation_of(&begun).map(drop)
    }

    pub(super) async fn begin_expiry(
        &self,
        expiry: &Expiry,
        on: bool,
    ) -> Result<(), DatabaseError> {
        let Expiry { collection, field } = expiry;
        let name = format!("{}/collectionGroups/{collection}/fields/{field}", self.database());
        // Without a value, the mask removes what it names.
        let body = if on { json!({ "ttlConfig": {} }) } else { json!({}) };
        let query = [("updateMask", "ttlConfig")];
        let post = AdminCall::post(&name, &body);
        let call = AdminCall { method: Method::PATCH, query: &query, ..post };
        operation_of(&self.admin_call(&call).await?).map(drop)
    }
}

/// The name of the operation that a change began.
pub(super) fn operation_of(json: &Value) -> Result<String, DatabaseError> {
    let name = json["name"].as_str().filter(|name| !name.is_empty());
    name.map(str::to_owned)
        .ok_or_else(|| unreadable(GoogleApi::FirestoreAdmin, "the name of an operation"))
}

fn field_json(field: &IndexField) -> Value {
    let path = &field.path;
    match field.kind {
        IndexKind::Ascending => json!({ "fieldPath": path, "order": "ASCENDING" }),
        IndexKind::Descending => json!({ "fieldPath": path, "order": "DESCENDING" }),
        IndexKind::Contains => json!({ "fieldPath": path, "arrayConfig": "CONTAINS" }),
        IndexKind::Vector(dimension) => {
            json!({ "fieldPath": path, "vectorConfig": { "dimension": dimension, "flat": {} } })
        }
    }
}

fn found_index(json: &Value) -> Option<FoundIndex> {
    let name = json["name"].as_str()?;
    let collection = part_of(name, "collectionGroups")?;
    let group = match json["queryScope"].as_str()? {
        "COLLECTION" => false,
        "COLLECTION_GROUP" => true,
        _ => return None,
    };
    let fields = json["fields"].as_array()?.iter().map(|field| {
        let kind = match (field["order"].as_str(), field["arrayConfig"].as_str()) {
            (Some("ASCENDING"), _) => IndexKind::Ascending,
            (Some("DESCENDING"), _) => IndexKind::Descending,
            (None, Some("CONTAINS")) => IndexKind::Contains,
            _ => IndexKind::Vector(field["vectorConfig"]["dimension"].as_u64()?.try_into().ok()?),
        };
        Some(IndexField { path: field["fieldPath"].as_str()?.to_owned(), kind })
    });
    let index = Index::new(collection, group, fields.collect::<Option<_>>()?);
    let state = state_of(&json["state"], "READY");
    Some(FoundIndex { name: name.to_owned(), index, state })
}

fn found_expiry(json: &Value) -> Option<(Expiry, IndexState)> {
    let config = json.get("ttlConfig").filter(|config| config.is_object())?;
    let name = json["name"].as_str()?;
    let collection = part_of(name, "collectionGroups")?;
    let field = part_of(name, "fields")?;
    Some((Expiry { collection, field }, state_of(&config["state"], "ACTIVE")))
}

fn state_of(json: &Value, ready: &str) -> IndexState {
    match json.as_str() {
        Some(word) if word == ready => IndexState::Ready,
        Some("CREATING") => IndexState::Creating,
        Some("NEEDS_REPAIR") => IndexState::NeedsRepair,
        Some(word) => IndexState::Other(word.to_owned()),
        None => IndexState::Other("not told".to_owned()),
    }
}

/// The part of a resource name behind a word: `orders` behind `collectionGroups`.
fn part_of(name: &str, word: &str) -> Option<String> {
    let mut parts = name.split('/').skip_while(|part| *part != word);
    parts.nth(1).map(str::to_owned)
}
