//! An in-memory database for rehearsals.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::clock::RehearsalClock;
use pointsman_core::document::{Document, Value};
use pointsman_core::error::Problem;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock as _;
use pointsman_core::ports::database::{
    Act, Answered, Changes, Database, DatabaseError, Expected, Pages, Reading, Refused, Write,
};
use pointsman_core::time::Timestamp;

/// Documents in memory, by path.
pub struct RehearsalDatabase {
    documents: Mutex<BTreeMap<String, Document>>,
    clock: std::sync::Arc<RehearsalClock>,
    changes: Mutex<i64>,
}

impl std::fmt::Debug for RehearsalDatabase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RehearsalDatabase").finish_non_exhaustive()
    }
}

impl RehearsalDatabase {
    pub fn new(clock: std::sync::Arc<RehearsalClock>) -> Self {
        Self { documents: Mutex::default(), clock, changes: Mutex::new(0) }
    }

    /// Adds users whose roles are in the legacy field.
    pub fn fill(&self) {
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        for n in 0..412 {
            let fields = [("legacyRole".to_owned(), Value::text("user"))].into_iter().collect();
            let (path, updated) = (format!("users/u{n:04}"), self.clock.now().to_string());
            documents.entry(path.clone()).or_insert(Document { path, fields, updated });
        }
        // Without a recorded version a run would require a baseline first.
        let fields = [("version".to_owned(), Value::text("0.0.0"))].into_iter().collect();
        let (path, updated) = (pointsman_core::migration::head_document(), "0".to_owned());
        documents.entry(path.clone()).or_insert(Document { path, fields, updated });
    }

    /// The time for a new change. No two changes have the same time.
    fn next_time(&self) -> Timestamp {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        *changes += 1;
        let now = self.clock.now();
        now.checked_add(jiff::SignedDuration::from_nanos(*changes)).unwrap_or(now)
    }

    fn apply(&self, writes: &[Write]) -> Result<Vec<String>, DatabaseError> {
        let at = self.next_time().to_string();
        let mut documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        for write in writes {
            let now = documents.get(&write.path);
            let refused = match (&write.expected, now) {
                (Expected::There, None) => Some(Refused::NotFound),
                (Expected::NotThere, Some(_)) => Some(Refused::AlreadyExists),
                (Expected::Unchanged(time), now) if now.is_none_or(|d| &d.updated != time) => {
                    Some(Refused::Changed)
                }
                _ => None,
            };
            if let Some(refused) = refused {
                let problem = Problem::new(format!("{} is not as expected", write.path));
                return Err(DatabaseError { refused, problem });
            }
        }
        for write in writes {
            let Act::Update { fields, mask, increments, server_time } = &write.act else {
                documents.remove(&write.path);
                continue;
            };
            let before = documents.get(&write.path).map(|d| d.fields.clone()).unwrap_or_default();
            let mut after = if mask.is_some() { before } else { fields.clone() };
            for path in mask.iter().flatten() {
                match path.get(fields) {
                    Some(value) => path.put(&mut after, value.clone()),
                    None => drop(path.take(&mut after)),
                }
            }
            for (path, by) in increments {
                let now = match path.get(&after) {
                    Some(Value::Integer(now)) => *now,
                    _ => 0,
                };
                path.put(&mut after, Value::Integer(now.saturating_add(*by)));
            }
            for path in server_time {
                path.put(&mut after, Value::Timestamp(at.clone()));
            }
            let path = write.path.clone();
            documents.insert(path.clone(), Document { path, fields: after, updated: at.clone() });
        }
        Ok(writes.iter().map(|_| at.clone()).collect())
    }

    /// The documents of a collection that `wanted` accepts, in the order of their paths.
    fn of(&self, pages: &Pages<'_>, wanted: impl Fn(&Document) -> bool) -> Vec<Document> {
        let inside = |document: &&Document| {
            document.path.rsplit_once('/').is_some_and(|(collection, _)| {
                collection == pages.collection
                    || (pages.group && collection.ends_with(&format!("/{}", pages.collection)))
            }) && wanted(document)
        };
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        if pages.group {
            return documents.values().filter(inside).cloned().collect();
        }
        // The next character after the slash: everything below the collection, and nothing else.
        let below = format!("{}/", pages.collection)..format!("{}0", pages.collection);
        documents.range(below).map(|(_, document)| document).filter(inside).cloned().collect()
    }
}

fn soon<'a, T: Send + 'a>(answer: T) -> BoxFuture<'a, T> {
    Box::pin(std::future::ready(answer))
}

impl Database for RehearsalDatabase {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let documents = paths.iter().map(|path| documents.get(path).cloned()).collect();
        soon(Ok(Reading { documents, at: self.clock.now().to_string() }))
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        let within = |d: &Document| of.until.is_none_or(|until| d.path.as_str() <= until);
        let found = self.of(&of, within).into_iter();
        let behind = found.filter(|d| after.is_none_or(|after| d.path.as_str() > after));
        soon(Ok(behind.take(limit as usize).collect()))
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        soon(Ok(self.of(&of, |_| true).len() as u64))
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        let moment = |text: &str| text.parse::<Timestamp>().ok();
        let since = moment(since);
        let changed = |document: &Document| match document.fields.get(field) {
            Some(Value::Timestamp(at)) => moment(at) >= since,
            _ => false,
        };
        let pages = Pages { collection, group: false, until: None };
        let documents = self.of(&pages, changed);
        soon(Ok(Changes { documents, at: self.clock.now().to_string() }))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        soon(self.apply(writes))
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        let documents = self.documents.lock().unwrap_or_else(PoisonError::into_inner);
        let names = documents.keys().filter_map(|path| path.split('/').next());
        let mut names: Vec<_> = names.map(str::to_owned).collect();
        names.dedup();
        soon(Ok(names))
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        "rehearsal/(default)".to_owned()
    }
}
