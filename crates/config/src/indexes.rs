//! Indexes as the team writes them: in migrations, and in `firestore.indexes.json`, the file of the firebase CLI.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value as Json;

use super::file::Loaded;
use super::finding::{Finding, Findings};
use super::node::{MOST_BYTES, Place};
use super::releases::InRelease;
use super::schema::migration::{IndexConfig, IndexFieldConfig, OrderConfig, TtlConfig};
use pointsman_core::index::{Expiry, Index, IndexField, IndexKind, WantedIndexes};
use pointsman_core::release::ReleaseLabel;

/// An index of a migration. The error says what is wrong with it.
pub(super) fn index_of(config: &IndexConfig) -> Result<Index, String> {
    let (name, group) = match (&config.collection, &config.group) {
        (Some(name), None) => (name, false),
        (None, Some(name)) => (name, true),
        _ => return Err("it needs `in` or `in_every`, one of the two".to_owned()),
    };
    let fields = config.fields.iter().map(field_of).collect::<Result<Vec<_>, _>>()?;
    checked(Index::new(collection(name)?, group, fields))
}

/// An expiry field of a migration.
pub(super) fn expiry_of(config: &TtlConfig) -> Result<Expiry, String> {
    Ok(Expiry { collection: collection(&config.group)?, field: field(&config.field)? })
}

fn field_of(config: &IndexFieldConfig) -> Result<IndexField, String> {
    let kind = match (config.order, config.vector) {
        (None | Some(OrderConfig::Ascending), None) => IndexKind::Ascending,
        (Some(OrderConfig::Descending), None) => IndexKind::Descending,
        (Some(OrderConfig::Contains), None) => IndexKind::Contains,
        (None, Some(dimension)) => IndexKind::Vector(dimension),
        (Some(_), Some(_)) => return Err(format!("{} has `order` and `vector`", config.field)),
    };
    Ok(IndexField { path: field(&config.field)?, kind })
}

fn field(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a field has no name".to_owned()) } else { Ok(text.to_owned()) }
}

fn collection(name: &str) -> Result<String, String> {
    if name.is_empty() || name.contains('/') {
        return Err(format!(
            "{name:?} is no name of collections: an index is about every collection of a name, so write orders \
             and not users/u1/orders"
        ));
    }
    Ok(name.to_owned())
}

/// Firestore makes the indexes of single fields itself and refuses them here.
fn checked(index: Index) -> Result<Index, String> {
    let vector = index.fields().iter().any(|f| matches!(f.kind, IndexKind::Vector(_)));
    match index.fields() {
        [] => Err("an index has at least two fields".to_owned()),
        [one] if !vector => {
            Err(format!("an index has at least two fields: Firestore indexes {} itself", one.path))
        }
        _ => Ok(index),
    }
}

/// The keys of `firestore.indexes.json` that are compared. The firebase CLI checks the others.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexesFile {
    #[serde(default)]
    indexes: Vec<IndexEntry>,
    #[serde(default)]
    field_overrides: Vec<OverrideEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexEntry {
    collection_group: String,
    query_scope: Option<String>,
    fields: Vec<FieldEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FieldEntry {
    field_path: String,
    order: Option<String>,
    array_config: Option<String>,
    vector_config: Option<Json>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OverrideEntry {
    collection_group: String,
    field_path: String,
    #[serde(default)]
    ttl: bool,
}

impl Loaded {
    /// The file of a database's indexes, if the config names one.
    fn indexes_file(&self, environment: &str, database: &str) -> Option<PathBuf> {
        let of = self.config.environments.get(environment)?.databases.get(database)?;
        Some(self.folder.join(of.indexes.as_ref()?))
    }

    /// The indexes of a database, from its file as it is now. `None`: the config names no file.
    pub fn indexes(
        &self,
        environment: &str,
        database: &str,
    ) -> Result<Option<WantedIndexes>, Findings> {
        let file = self.indexes_file(environment, database);
        file.map(|file| read_indexes(&file)).transpose()
    }

    /// The indexes of a database in a release's commit. `None`: the config names no file, or the commit lacks it. The
    /// file as it is now if releases are not commits, or if it is outside the repository.
    pub fn indexes_of(
        &self,
        environment: &str,
        database: &str,
        release: &ReleaseLabel,
    ) -> Result<Option<WantedIndexes>, Findings> {
        let Some(file) = self.indexes_file(environment, database) else { return Ok(None) };
        match self.text_in(release, &file)? {
            InRelease::Text(text) => indexes_in(&file, &text).map(Some),
            InRelease::Missing => Ok(None),
            InRelease::NoCommit => read_indexes(&file).map(Some),
        }
    }
}

/// Reads a `firestore.indexes.json`.
pub(super) fn read_indexes(path: &Path) -> Result<WantedIndexes, Findings> {
    let unread = |why: String| Findings::unread(path, &why);
    let size = std::fs::metadata(path).map_err(|e| unread(e.to_string()))?.len();
    if size > MOST_BYTES as u64 {
        return Err(unread(format!("it has {size} bytes; at most {MOST_BYTES} are read")));
    }
    let text = pointsman_source::text(path).map_err(|e| unread(e.to_string()))?;
    indexes_in(path, &text)
}

/// Parses the text of a `firestore.indexes.json`.
pub(super) fn indexes_in(path: &Path, text: &str) -> Result<WantedIndexes, Findings> {
    let refused = |place: Place, why: String| Findings {
        file: path.to_owned(),
        text: text.to_owned(),
        findings: vec![Finding::new(place, why)],
    };
    let mut bare = text.to_owned();
    // The firebase CLI accepts comments, and writes some itself. What stays keeps its place.
    let stripped = json_strip_comments::strip(&mut bare);
    stripped.map_err(|e| refused(Place::default(), format!("a comment has no end: {e}")))?;
    let file: IndexesFile = serde_json::from_str(&bare).map_err(|e| {
        let place = Place { line: e.line(), column: e.column().max(1) };
        refused(place, format!("is not what the firebase CLI writes: {e}"))
    })?;
    let mut wanted = WantedIndexes::default();
    for (at, entry) in file.indexes.iter().enumerate() {
        let index = index_in(entry)
            .map_err(|why| refused(Place::default(), format!("indexes[{at}]: {why}")))?;
        wanted.indexes.push(index);
    }
    let expiring = file.field_overrides.into_iter().filter(|entry| entry.ttl);
    wanted.expiries = expiring
        .map(|entry| Expiry { collection: entry.collection_group, field: entry.field_path })
        .collect();
    Ok(wanted)
}

fn index_in(entry: &IndexEntry) -> Result<Index, String> {
    let group = match entry.query_scope.as_deref() {
        None | Some("COLLECTION") => false,
        Some("COLLECTION_GROUP") => true,
        Some(scope) => return Err(format!("queryScope {scope:?} is not known here")),
    };
    let fields = entry.fields.iter().map(|f| {
        let words = (f.order.as_deref(), f.array_config.as_deref(), &f.vector_config);
        let kind = match words {
            (Some("ASCENDING"), None, None) => IndexKind::Ascending,
            (Some("DESCENDING"), None, None) => IndexKind::Descending,
            (None, Some("CONTAINS"), None) => IndexKind::Contains,
            (None, None, Some(vector)) => {
                let dimension = vector["dimension"].as_u64().and_then(|n| n.try_into().ok());
                IndexKind::Vector(dimension.ok_or("a vector has no dimension")?)
            }
            _ => {
                return Err(format!(
                    "{} needs `order`, `arrayConfig` or `vectorConfig`, one of them",
                    f.field_path
                ));
            }
        };
        Ok(IndexField { path: f.field_path.clone(), kind })
    });
    checked(Index::new(
        collection(&entry.collection_group)?,
        group,
        fields.collect::<Result<_, _>>()?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_of_the_firebase_cli_is_read() {
        let text = r#"{
            "indexes": [
                {"collectionGroup": "orders", "queryScope": "COLLECTION", "density": "SPARSE_ALL", "fields": [
                    {"fieldPath": "user", "order": "ASCENDING"}, {"fieldPath": "at", "order": "DESCENDING"},
                    {"fieldPath": "__name__", "order": "DESCENDING"}]},
                {"collectionGroup": "items", "queryScope": "COLLECTION_GROUP", "fields": [
                    {"fieldPath": "tags", "arrayConfig": "CONTAINS"}, {"fieldPath": "at", "order": "ASCENDING"}]}
            ],
            "fieldOverrides": [
                {"collectionGroup": "sessions", "fieldPath": "until", "ttl": true, "indexes": []},
                {"collectionGroup": "notes", "fieldPath": "text", "indexes": []}
            ]
        }"#;
        let wanted = indexes_in(Path::new("firestore.indexes.json"), text).unwrap();
        let shown: Vec<_> = wanted.indexes.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "orders [user, at descending]",
                "items (every collection of that name) [tags contains, at]"
            ]
        );
        assert_eq!(wanted.expiries.len(), 1, "an exemption is no expiry");
        assert_eq!(indexes_in(Path::new("f"), "{}").unwrap(), WantedIndexes::default());
        let commented =
            "{\n  // Example:\n  /* more */ \"indexes\": [],\n  \"fieldOverrides\": []\n}";
        assert_eq!(indexes_in(Path::new("f"), commented).unwrap(), WantedIndexes::default());
    }

    #[test]
    fn wrong_file_is_named_with_its_place() {
        let wrong = |text: &str| indexes_in(Path::new("f.json"), text).unwrap_err().to_string();
        let told = wrong("{\n  \"indexes\": [ {\"collectionGroup\": 3} ]\n}");
        assert!(told.contains("f.json:2"), "{told}");
        let told = wrong(
            r#"{"indexes":[{"collectionGroup":"orders","fields":[{"fieldPath":"at","order":"ASCENDING"}]}]}"#,
        );
        assert!(told.contains("indexes[0]: an index has at least two fields"), "{told}");
        let told = wrong(r#"{"indexes":[{"collectionGroup":"o","fields":[{"fieldPath":"at"}]}]}"#);
        assert!(told.contains("at needs `order`"), "{told}");
    }
}
