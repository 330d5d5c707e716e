//! Cloud Firestore over REST (`docs/internals/firestore.md`): Google's service, Google's emulator or Pointsman's.

mod admin;
mod call;
mod wire;

use std::time::Duration;

use serde_json::json;

use self::wire::{documents_of, read_document};
use super::auth::Auth;
use super::http::client;
use pointsman_core::document::Document;
use pointsman_core::error::Problem;
use pointsman_core::ports::database::{Answered, Changes, Database, Pages, Reading, Write};
use pointsman_core::ports::database_admin::DatabaseAdmin;

/// Timeout of a call: a read in a transaction can hang in Google's emulator.
const CALL_WITHIN: Duration = Duration::from_secs(30);

/// A client of one database.
pub struct Firestore {
    client: reqwest::Client,
    /// `http://127.0.0.1:8080`.
    base: String,
    /// `projects/P/databases/(default)/documents`.
    root: String,
    bearer: Auth,
    attempts: u32,
}

impl std::fmt::Debug for Firestore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Firestore").field("root", &self.root).finish_non_exhaustive()
    }
}

impl Firestore {
    /// A client of one database.
    pub fn new(
        base: impl Into<String>,
        project: &str,
        database: &str,
        bearer: Auth,
    ) -> Result<Self, Problem> {
        Ok(Self {
            client: client()?,
            base: base.into(),
            root: format!("projects/{project}/databases/{database}/documents"),
            bearer,
            attempts: call::ATTEMPTS,
        })
    }

    /// Sets the maximum tries of a read.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }
}

impl Database for Firestore {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(async move {
            let names: Vec<_> = paths.iter().map(|p| format!("{}/{p}", self.root)).collect();
            let method = format!("{}:batchGet", self.root);
            let answer = self.ask(&method, json!({ "documents": names })).await?;
            let mut at = String::new();
            let mut found = Vec::new();
            for part in wire::parts(&answer)? {
                part["readTime"].as_str().unwrap_or_default().clone_into(&mut at);
                if part["found"].is_object() {
                    found.push(read_document(&self.root, &part["found"])?);
                }
            }
            // The documents in the response are not in the order of the request.
            let one = |path: &String| found.iter().find(|d| &d.path == path).cloned();
            Ok(Reading { documents: paths.iter().map(one).collect(), at })
        })
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        Box::pin(async move {
            let (parent, mut query) = self.query(&of);
            query["orderBy"] =
                json!([{ "field": { "fieldPath": "__name__" }, "direction": "ASCENDING" }]);
            query["limit"] = json!(limit);
            if let Some(after) = after {
                let cursor = format!("{}/{after}", self.root);
                query["startAt"] =
                    json!({ "before": false, "values": [{ "referenceValue": cursor }] });
            }
            if let Some(until) = of.until {
                let cursor = format!("{}/{until}", self.root);
                query["endAt"] =
                    json!({ "before": false, "values": [{ "referenceValue": cursor }] });
            }
            let body = json!({ "structuredQuery": query });
            let answer = self.ask(&format!("{parent}:runQuery"), body).await?;
            documents_of(&self.root, &answer)
        })
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        Box::pin(async move {
            let (parent, query) = self.query(&of);
            let body = json!({ "structuredAggregationQuery": {
                "structuredQuery": query, "aggregations": [{ "alias": "n", "count": {} }],
            }});
            let answer = self.ask(&format!("{parent}:runAggregationQuery"), body).await?;
            let parts = wire::parts(&answer)?;
            let count = parts.iter().find_map(|part| {
                part["result"]["aggregateFields"]["n"]["integerValue"].as_str()?.parse().ok()
            });
            count.ok_or_else(|| wire::unreadable("a count"))
        })
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        Box::pin(async move {
            let body = json!({ "structuredQuery": {
                "from": [{ "collectionId": collection }],
                "where": { "fieldFilter": {
                    "field": { "fieldPath": field },
                    "op": "GREATER_THAN_OR_EQUAL",
                    "value": { "timestampValue": since },
                }},
            }});
            let answer = self.ask(&format!("{}:runQuery", self.root), body).await?;
            let times =
                wire::parts(&answer)?.iter().rev().find_map(|part| part["readTime"].as_str());
            let at = times.ok_or_else(|| wire::unreadable("the time of a query"))?.to_owned();
            Ok(Changes { documents: documents_of(&self.root, &answer)?, at })
        })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(async move {
            let body = json!({
                "writes": writes.iter().map(|w| wire::write(&self.root, w)).collect::<Vec<_>>(),
            });
            let answer = self.once(&format!("{}:commit", self.root), &body).await?;
            let results = answer["writeResults"].as_array().filter(|r| r.len() == writes.len());
            let results = results.ok_or_else(|| wire::unreadable("the results of a commit"))?;
            // A delete's result is empty.
            let time = |result: &serde_json::Value| {
                result["updateTime"].as_str().unwrap_or_default().to_owned()
            };
            Ok(results.iter().map(time).collect())
        })
    }

    fn admin(&self) -> Option<&dyn DatabaseAdmin> {
        Some(self)
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        Box::pin(async move {
            let (mut found, mut token) = (Vec::new(), None::<String>);
            for _ in 0..wire::MOST_PAGES {
                let mut body = json!({ "pageSize": 300 });
                if let Some(token) = &token {
                    body["pageToken"] = json!(token);
                }
                let answer = self.ask(&format!("{}:listCollectionIds", self.root), body).await?;
                let names = answer["collectionIds"].as_array().into_iter().flatten();
                found.extend(names.filter_map(|n| n.as_str().map(str::to_owned)));
                token =
                    answer["nextPageToken"].as_str().filter(|t| !t.is_empty()).map(str::to_owned);
                if token.is_none() {
                    return Ok(found);
                }
            }
            Err(wire::endless("collections"))
        })
    }

    fn emulator_host(&self) -> Option<String> {
        self.emulator_base().map(str::to_owned)
    }

    fn name(&self) -> String {
        let parts: Vec<_> = self.root.split('/').collect();
        format!("{}/{}", parts[1], parts[3])
    }
}

impl Firestore {
    /// The parent of a query, and its `from`.
    fn query(&self, of: &Pages<'_>) -> (String, serde_json::Value) {
        let (parent, id) = match of.collection.rsplit_once('/') {
            Some((parent, id)) => (format!("{}/{parent}", self.root), id),
            None => (self.root.clone(), of.collection),
        };
        let from = json!([{ "collectionId": id, "allDescendants": of.group }]);
        (parent, json!({ "from": from }))
    }
}
