//! What migrations would do, counted and not done. Every collection is gone through once, and each of its
//! documents is put through all the operations in memory, so that a later operation sees what an earlier
//! one would have made.

use futures_util::future::try_join_all;

use crate::domain::document::Document;
use crate::domain::migration::{Change, Direction, Migration, Operation, change};
use crate::domain::release::SchemaVersion;
use crate::ports::database::{Database, DatabaseError, Pages};

/// So many documents that cannot be changed are named.
const NAMED: usize = 3;

/// What one operation would do.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Counted {
    /// Of which migration.
    pub version: SchemaVersion,
    /// In words.
    pub operation: String,
    /// Documents it would look at; nothing where nobody can say.
    pub documents: Option<u64>,
    /// Documents it would change.
    pub changes: u64,
    /// Documents that it cannot change, and why: the first few.
    pub cannot: Vec<String>,
}

/// Counts what migrations would do in a direction, in their order.
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
    let nothing = |c: &Counted| Counted { documents: Some(0), changes: 0, ..c.clone() };
    let nothing: Vec<Counted> = counted.iter().map(nothing).collect();
    let mut seen: Vec<(&str, bool)> = Vec::new();
    for scope in operations.iter().filter_map(|(_, o)| o.scope()) {
        let of = (scope.collection.as_str(), scope.group);
        if seen.contains(&of) {
            continue;
        }
        seen.push(of);
        let part = async |(after, until): (Option<String>, Option<String>)| {
            let (mut counted, mut after) = (nothing.clone(), after);
            loop {
                let pages = Pages { collection: of.0, group: of.1, until: until.as_deref() };
                let page = database.page(pages, after.as_deref(), batch).await?;
                let Some(last) = page.last() else { return Ok(counted) };
                after = Some(last.path.clone());
                for document in page {
                    through(&operations, &mut counted, of, document);
                }
            }
        };
        for part in try_join_all(ranges(of).into_iter().map(part)).await? {
            counted.iter_mut().zip(part).for_each(|(all, part)| all.add(part));
        }
    }
    Ok(counted)
}

/// Where a collection is cut so that its parts can be read side by side: what is only counted needs no
/// order. Firestore's own ids are random over 0-9A-Za-z, and these are their quarters.
const CUTS: [&str; 3] = ["G", "W", "l"];

/// After which document each part begins, and with which it ends. A group has many parents, and stays whole.
fn ranges((collection, group): (&str, bool)) -> Vec<(Option<String>, Option<String>)> {
    let cuts: &[&str] = if group { &[] } else { &CUTS };
    let cuts: Vec<_> = cuts.iter().map(|cut| Some(format!("{collection}/{cut}"))).collect();
    let begins = std::iter::once(None).chain(cuts.clone());
    begins.zip(cuts.iter().cloned().chain([None])).collect()
}

impl Counted {
    /// Takes in what another part of the collection gave.
    fn add(&mut self, part: Self) {
        self.documents = self.documents.map(|all| all + part.documents.unwrap_or(0));
        self.changes += part.changes;
        let room = NAMED.saturating_sub(self.cannot.len());
        self.cannot.extend(part.cannot.into_iter().take(room));
    }
}

fn blank(migration: &Migration, operation: &Operation) -> Counted {
    let single = matches!(operation, Operation::Create { .. } | Operation::Delete { .. });
    let documents = match operation {
        Operation::Run { .. } => None,
        _ => Some(u64::from(single)),
    };
    Counted {
        version: migration.version.clone(),
        operation: operation.to_string(),
        documents,
        changes: u64::from(single),
        cannot: Vec::new(),
    }
}

fn through(
    operations: &[(&Migration, &Operation)],
    counted: &mut [Counted],
    of: (&str, bool),
    mut document: Document,
) {
    for ((_, operation), count) in operations.iter().zip(counted) {
        let same = |s: &crate::domain::migration::Scope| (s.collection.as_str(), s.group) == of;
        if !operation.scope().is_some_and(same) {
            continue;
        }
        *count.documents.get_or_insert(0) += 1;
        match change(operation, &document) {
            Ok(Change::Update(update)) => {
                count.changes += 1;
                update.apply(&mut document.fields);
            }
            Ok(Change::Delete) => {
                count.changes += 1;
                return;
            }
            Err(why) if count.cannot.len() < NAMED => {
                count.cannot.push(format!("{}: {why}", document.path));
            }
            Ok(Change::Nothing) | Err(_) => {}
        }
    }
}
