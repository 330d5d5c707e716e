//! Counts what migrations would do, without doing it. Every document is read once and passed through all operations in
//! memory, so that a later operation sees the results of earlier ones: also across a group of collections, and in a
//! document that an earlier operation creates.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use pointsman_core::document::Document;
use pointsman_core::migration::{Change, Direction, Migration, Operation, Scope, change};
use pointsman_core::ports::database::{Database, DatabaseError, Pages};
use pointsman_core::release::SchemaVersion;

/// Maximum unchangeable documents named in the result.
const EXAMPLES_NAMED: usize = 3;

/// The effect of one operation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    pub version: SchemaVersion,
    pub operation: String,
    /// Documents it would read; `None` if unknown.
    pub documents: Option<u64>,
    /// Documents it would change.
    pub changes: u64,
    /// The first few documents that it cannot change, with the reasons.
    pub cannot: Vec<String>,
}

/// Counts what migrations would do in a direction, in the given order.
pub async fn dry_run(
    database: &dyn Database,
    migrations: &[Migration],
    direction: Direction,
    batch: u32,
) -> Result<Vec<Counted>, DatabaseError> {
    let operations: Vec<(&Migration, &Operation)> = migrations
        .iter()
        .flat_map(|m| m.operations(direction).iter().map(move |operation| (m, operation)))
        .collect();
    let mut counted: Vec<Counted> = operations.iter().map(|(m, o)| blank(m, o)).collect();
    let nothing: Vec<Counted> = counted.clone();
    // An earlier operation may create or delete a document by its path before a later one reads the document's
    // collection: process these documents separately.
    let named: BTreeSet<String> = operations.iter().filter_map(|(_, o)| path(o)).collect();
    let paths: Vec<String> = named.iter().cloned().collect();
    let there = match paths.as_slice() {
        [] => Vec::new(),
        paths => database.read(paths).await?.documents,
    };
    for (path, document) in paths.iter().zip(there) {
        through(&operations, &mut counted, path, document);
    }
    for of in sources(&operations) {
        let (named, operations) = (&named, &operations);
        let part = async |(after, until): (Option<String>, Option<String>)| {
            let (mut counted, mut after) = (nothing.clone(), after);
            loop {
                let pages = Pages { collection: of.0, group: of.1, until: until.as_deref() };
                let page = database.page(pages, after.as_deref(), batch).await?;
                let Some(last) = page.last() else { return Ok(counted) };
                after = Some(last.path.clone());
                for document in page.into_iter().filter(|d| !named.contains(&d.path)) {
                    let path = document.path.clone();
                    through(operations, &mut counted, &path, Some(document));
                }
            }
        };
        for part in try_join_all(ranges(of).into_iter().map(part)).await? {
            counted.iter_mut().zip(part).for_each(|(all, part)| all.add(part));
        }
    }
    Ok(counted)
}

/// The collections to process: each once, without those that a collection group includes.
fn sources<'a>(operations: &[(&Migration, &'a Operation)]) -> BTreeSet<(&'a str, bool)> {
    let scopes = || operations.iter().filter_map(|(_, operation)| operation.scope());
    let groups: BTreeSet<&str> =
        scopes().filter(|s| s.group).map(|s| s.collection.as_str()).collect();
    let in_group = |scope: &Scope| {
        !scope.group
            && scope.collection.rsplit('/').next().is_some_and(|name| groups.contains(name))
    };
    scopes().filter(|s| !in_group(s)).map(|s| (s.collection.as_str(), s.group)).collect()
}

/// The path of the one document that an operation names.
fn path(operation: &Operation) -> Option<String> {
    match operation {
        Operation::Create { document, .. } | Operation::Delete { document } => {
            Some(document.clone())
        }
        _ => None,
    }
}

/// Whether a scope contains the document at a path.
fn within(scope: &Scope, path: &str) -> bool {
    let Some((collection, _)) = path.rsplit_once('/') else { return false };
    let name = if scope.group { collection.rsplit('/').next() } else { Some(collection) };
    name == Some(scope.collection.as_str())
}

/// The cuts of a collection into parts that can be read in parallel: counting needs no order. Firestore's own ids are
/// random over 0-9A-Za-z, and these are their quarters.
const CUTS: [&str; 3] = ["G", "W", "l"];

/// The document after which each part starts, and the one at which it ends. A group has many parents, so it is not cut.
fn ranges((collection, group): (&str, bool)) -> Vec<(Option<String>, Option<String>)> {
    let cuts: &[&str] = if group { &[] } else { &CUTS };
    let cuts: Vec<_> = cuts.iter().map(|cut| Some(format!("{collection}/{cut}"))).collect();
    let begins = std::iter::once(None).chain(cuts.clone());
    begins.zip(cuts.iter().cloned().chain([None])).collect()
}

impl Counted {
    /// Adds the counts of another part of the collection.
    fn add(&mut self, part: Self) {
        self.documents = self.documents.map(|all| all + part.documents.unwrap_or(0));
        self.changes += part.changes;
        let room = EXAMPLES_NAMED.saturating_sub(self.cannot.len());
        self.cannot.extend(part.cannot.into_iter().take(room));
    }
}

fn blank(migration: &Migration, operation: &Operation) -> Counted {
    Counted {
        version: migration.version.clone(),
        operation: operation.to_string(),
        documents: (!matches!(operation, Operation::Run { .. })).then_some(0),
        changes: 0,
        cannot: Vec::new(),
    }
}

/// Passes one document through every operation that applies to it.
fn through(
    operations: &[(&Migration, &Operation)],
    counted: &mut [Counted],
    path: &str,
    mut document: Option<Document>,
) {
    for ((_, operation), count) in operations.iter().zip(counted) {
        let about = match operation {
            Operation::Create { document, .. } | Operation::Delete { document } => document == path,
            _ => document.is_some() && operation.scope().is_some_and(|s| within(s, path)),
        };
        if !about {
            continue;
        }
        *count.documents.get_or_insert(0) += 1;
        document = match after(operation, path, document.as_ref()) {
            Ok(After::Changed(document)) => {
                count.changes += 1;
                Some(document)
            }
            Ok(After::Gone) => {
                count.changes += 1;
                None
            }
            Ok(After::Same) => document,
            Err(why) => {
                if count.cannot.len() < EXAMPLES_NAMED {
                    count.cannot.push(format!("{path}: {why}"));
                }
                document
            }
        };
    }
}

/// The result of an operation on a document.
enum After {
    Same,
    Changed(Document),
    Gone,
}

fn after(operation: &Operation, path: &str, document: Option<&Document>) -> Result<After, String> {
    match (operation, document) {
        (Operation::Create { .. }, Some(_)) => Err("it already exists".to_owned()),
        (Operation::Create { fields, .. }, None) => {
            let (path, fields) = (path.to_owned(), fields.clone());
            Ok(After::Changed(Document { path, fields, updated: String::new() }))
        }
        (Operation::Delete { .. }, Some(_)) => Ok(After::Gone),
        (_, None) => Ok(After::Same),
        (operation, Some(document)) => Ok(match change(operation, document)? {
            Change::Nothing => After::Same,
            Change::Delete => After::Gone,
            Change::Update(update) => {
                let mut changed = document.clone();
                update.apply(&mut changed.fields);
                After::Changed(changed)
            }
        }),
    }
}
