//! A persistent subset of Cloud Firestore's REST API. It answers like Google's emulator
//! (`docs/internals/firestore.md`): one test suite runs against both. It rejects unsupported features with 501, by
//! name.

mod commit;
mod error;
mod path;
mod query;
mod store;
mod transaction;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use self::commit::Written;
use self::error::Refusal;
use self::path::{Call, Root};
use self::store::Store;
use self::transaction::Transactions;
use pointsman_core::document::Fields;
use pointsman_core::ports::clock::Clock;

/// Maximum size of one request, in bytes, as in Google's emulator.
pub(super) const MOST_BYTES: usize = 4 * 1024 * 1024;

/// The Firestore databases of an emulator.
pub(super) struct Databases {
    inside: Mutex<Inside>,
}

struct Inside {
    store: Store,
    transactions: Transactions,
}

type Answer = Result<Value, Refusal>;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct BatchGet {
    documents: Vec<String>,
    #[serde(default)]
    mask: Option<query::Mask>,
    #[serde(default)]
    transaction: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    #[serde(default, rename = "options")]
    _options: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    transaction: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct DocumentBody {
    #[serde(default)]
    fields: Fields,
    #[serde(default, rename = "name")]
    _name: Option<String>,
}

impl Databases {
    pub(super) fn open(folder: &Path, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let store = Store::open(&folder.join("firestore.db"), clock)?;
        Ok(Self { inside: Mutex::new(Inside { store, transactions: Transactions::default() }) })
    }

    /// Opens a folder's databases for reading. If nothing was ever written, there is no file, and the store is
    /// empty.
    pub(super) fn resting(folder: &Path, clock: Arc<dyn Clock>) -> rusqlite::Result<Self> {
        let file = folder.join("firestore.db");
        let store =
            if file.is_file() { Store::open(&file, clock)? } else { Store::in_memory(clock)? };
        Ok(Self { inside: Mutex::new(Inside { store, transactions: Transactions::default() }) })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a path belongs to the Firestore API.
    pub(super) fn owns(uri: &Uri) -> bool {
        let mut parts = uri.path().split('/').skip(1);
        parts.next() == Some("v1")
            && parts.next() == Some("projects")
            && parts.nth(1) == Some("databases")
    }

    /// Answers one request. Its writes are on disk before the response.
    pub(super) fn handle(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response {
        match self.inside().answer(method, uri, body) {
            Ok(answer) => Json(answer).into_response(),
            Err(refusal) => refusal.into_response(),
        }
    }
}

fn body<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refusal> {
    let bytes = if bytes.is_empty() { b"{}" } else { bytes };
    serde_json::from_slice(bytes).map_err(|_| Refusal::payload())
}

impl Inside {
    fn answer(&mut self, method: &Method, uri: &Uri, bytes: &[u8]) -> Answer {
        if bytes.len() > MOST_BYTES {
            return Err(Refusal::too_large(bytes.len()));
        }
        let call = Call::read(uri)?;
        match (method.as_str(), call.verb.as_deref()) {
            ("POST", Some("commit")) => self.commit(&call.root, body(bytes)?),
            ("POST", Some("batchWrite")) => self.batch_write(&call.root, body(bytes)?),
            ("POST", Some("batchGet")) => self.batch_get(&call.root, &body(bytes)?),
            ("POST", Some("runQuery")) => query::run(&self.store, &call, body(bytes)?),
            ("POST", Some("runAggregationQuery")) => query::count(&self.store, &call, body(bytes)?),
            ("POST", Some("listCollectionIds")) => {
                query::collections(&self.store, &call, &body(bytes)?)
            }
            ("POST", Some("beginTransaction")) => {
                let _: Begin = body(bytes)?;
                Ok(json!({ "transaction": self.transactions.begin() }))
            }
            ("POST", Some("rollback")) => {
                let named: Named = body(bytes)?;
                self.transactions.end(&named.transaction)?;
                Ok(json!({}))
            }
            ("GET", None) => self.get(&call),
            ("PATCH", None) => self.patch(&call, body(bytes)?),
            ("POST", None) => self.create(&call, body(bytes)?),
            ("DELETE", None) => self.delete(&call),
            _ => Err(Refusal::no_such_url()),
        }
    }

    fn get(&mut self, call: &Call) -> Answer {
        if call.is_collection() {
            return Err(Refusal::unimplemented("listing documents by GET; use runQuery"));
        }
        let mask = call.all("mask.fieldPaths");
        let mask = if mask.is_empty() { None } else { Some(query::Mask { field_paths: mask }) };
        let found = self.store.get(&call.key())?;
        let found = found.ok_or_else(|| Refusal::missing(&call.name()))?;
        found.json(&call.root, mask.as_ref())
    }

    fn patch(&mut self, call: &Call, document: DocumentBody) -> Answer {
        let mask = call.all("updateMask.fieldPaths");
        let mask = call.has("updateMask.fieldPaths").then_some(mask);
        let write = commit::Write::update(call.name(), document.fields, mask, call.expected()?);
        self.write_one(call, write)
    }

    fn create(&mut self, call: &Call, document: DocumentBody) -> Answer {
        let id = match call.one("documentId") {
            Some(id) => id.to_owned(),
            None => uuid::Uuid::new_v4().simple().to_string()[..20].to_owned(),
        };
        let name = format!("{}/{id}", call.name());
        let write =
            commit::Write::update(name.clone(), document.fields, None, commit::exists(false));
        let call = Call { path: format!("{}/{id}", call.path), ..call.clone() };
        self.write_one(&call, write)
    }

    fn write_one(&mut self, call: &Call, write: commit::Write) -> Answer {
        self.store.whole(|store| commit::apply(store, &call.root, vec![write]))?;
        let found = self.store.get(&call.key())?;
        found.ok_or_else(|| Refusal::missing(&call.name()))?.json(&call.root, None)
    }

    fn delete(&mut self, call: &Call) -> Answer {
        let write = commit::Write::delete(call.name(), call.expected()?);
        self.store.whole(|store| commit::apply(store, &call.root, vec![write]))?;
        Ok(json!({}))
    }

    fn commit(&mut self, root: &Root, asked: commit::Commit) -> Answer {
        if let Some(transaction) = &asked.transaction {
            let seen = self.transactions.end(transaction)?;
            for (key, updated) in seen {
                let now = self.store.get(&key)?.map(|d| d.updated);
                if now != updated {
                    return Err(Refusal::aborted());
                }
            }
        }
        let Written { results, at } =
            self.store.whole(|store| commit::apply(store, root, asked.writes))?;
        Ok(json!({ "writeResults": results, "commitTime": at }))
    }

    fn batch_write(&mut self, root: &Root, asked: commit::BatchWrite) -> Answer {
        let mut names = BTreeSet::new();
        if !asked.writes.iter().all(|write| names.insert(write.name())) {
            return Err(Refusal::invalid(
                "the same document cannot be written more than once in a single request",
            ));
        }
        let (mut results, mut statuses) = (Vec::new(), Vec::new());
        for write in asked.writes {
            match self.store.whole(|store| commit::apply(store, root, vec![write])) {
                Ok(mut written) => {
                    results.push(written.results.pop().unwrap_or_default());
                    statuses.push(json!({}));
                }
                Err(refusal) => {
                    results.push(json!({}));
                    statuses.push(refusal.status());
                }
            }
        }
        Ok(json!({ "writeResults": results, "status": statuses }))
    }

    fn batch_get(&mut self, root: &Root, asked: &BatchGet) -> Answer {
        let at = self.store.now();
        let mut parts = Vec::new();
        for name in &asked.documents {
            let key = root.key_of(name)?;
            let found = self.store.get(&key)?;
            if let Some(transaction) = &asked.transaction {
                let updated = found.as_ref().map(|d| d.updated.clone());
                self.transactions.saw(transaction, key, updated)?;
            }
            parts.push(match found {
                Some(found) => {
                    json!({ "found": found.json(root, asked.mask.as_ref())?, "readTime": at })
                }
                None => json!({ "missing": name, "readTime": at }),
            });
        }
        Ok(Value::Array(parts))
    }
}
