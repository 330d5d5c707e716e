//! Composite indexes and expiry fields (TTL) of a Firestore database: what a team wants, what exists, and what is
//! missing between them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::health::Verdict;
use crate::migration::{Migration, Operation};

/// The field that Firestore adds to the end of every index.
const NAME_FIELD: &str = "__name__";

/// How an index orders a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    Ascending,
    Descending,
    /// For `array-contains`.
    Contains,
    /// For nearest neighbours among vectors of this dimension.
    Vector(u32),
}

/// A field of an index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct IndexField {
    pub path: String,
    pub kind: IndexKind,
}

/// A composite index. Two with the same content are the same index.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Index {
    /// The name of the collections it is about, without their parents: `orders`.
    pub collection: String,
    /// Whether a query may ask every collection of that name at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub group: bool,
    fields: Vec<IndexField>,
}

impl Index {
    /// An index of these fields. Drops the name field where its order is the one that Firestore adds, because servers
    /// list it and files usually do not.
    pub fn new(collection: impl Into<String>, group: bool, mut fields: Vec<IndexField>) -> Self {
        let ordered = |f: &&IndexField| {
            f.path != NAME_FIELD && matches!(f.kind, IndexKind::Ascending | IndexKind::Descending)
        };
        let added = fields.iter().rev().find(ordered).map_or(IndexKind::Ascending, |f| f.kind);
        let vector = |f: &IndexField| matches!(f.kind, IndexKind::Vector(_));
        // In an index of a vector it stands before that.
        let at = fields.len().checked_sub(if fields.last().is_some_and(vector) { 2 } else { 1 });
        if let Some(at) =
            at.filter(|at| fields[*at] == IndexField { path: NAME_FIELD.to_owned(), kind: added })
        {
            fields.remove(at);
        }
        Self { collection: collection.into(), group, fields }
    }

    /// Its fields, in order, without an implied name field.
    pub fn fields(&self) -> &[IndexField] {
        &self.fields
    }
}

impl fmt::Display for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.collection)?;
        if self.group {
            f.write_str(" (every collection of that name)")?;
        }
        let field = |field: &IndexField| match field.kind {
            IndexKind::Ascending => field.path.clone(),
            IndexKind::Descending => format!("{} descending", field.path),
            IndexKind::Contains => format!("{} contains", field.path),
            IndexKind::Vector(dimension) => format!("{} vector {dimension}", field.path),
        };
        write!(f, " [{}]", self.fields.iter().map(field).collect::<Vec<_>>().join(", "))
    }
}

/// What a server says of an index or of an expiry field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IndexState {
    Creating,
    Ready,
    /// Its creation failed; it must be deleted and created again.
    NeedsRepair,
    /// A word that this version does not know.
    Other(String),
}

impl fmt::Display for IndexState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Creating => "CREATING",
            Self::Ready => "READY",
            Self::NeedsRepair => "NEEDS_REPAIR",
            Self::Other(word) => word,
        })
    }
}

/// A field whose time deletes its document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Expiry {
    /// The name of the collections, without their parents.
    pub collection: String,
    pub field: String,
}

impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "documents of {} when {} has passed", self.collection, self.field)
    }
}

/// An index of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundIndex {
    /// Its resource name, by which it is deleted.
    pub name: String,
    pub index: Index,
    pub state: IndexState,
}

/// The indexes that a database has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoundIndexes {
    pub indexes: Vec<FoundIndex>,
    pub expiries: Vec<(Expiry, IndexState)>,
}

/// The indexes that a team wants: those of `firestore.indexes.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedIndexes {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub indexes: Vec<Index>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expiries: Vec<Expiry>,
}

/// Wanted indexes beside those of the database. Each list holds them as text for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexComparison {
    /// The number of wanted ones that can be used.
    pub ready: usize,
    pub creating: Vec<String>,
    /// Wanted ones that the database lacks and that a pending migration creates.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Other wanted ones that the database lacks.
    pub missing: Vec<String>,
    /// Wanted ones in any other state, with that state.
    pub broken: Vec<String>,
    /// Those that the database has and the file lacks.
    pub extra: Vec<String>,
}

impl WantedIndexes {
    pub fn is_empty(&self) -> bool {
        self.indexes.is_empty() && self.expiries.is_empty()
    }

    /// Compares them with those of the database.
    pub fn beside(&self, found: &FoundIndexes) -> IndexComparison {
        let mut compared = IndexComparison::default();
        for index in &self.indexes {
            let state = found.indexes.iter().find(|f| f.index == *index).map(|f| &f.state);
            compared.add(IndexComparison::index(index), state);
        }
        for expiry in &self.expiries {
            let state = found.expiries.iter().find(|(e, _)| e == expiry).map(|(_, state)| state);
            compared.add(IndexComparison::expiry(expiry), state);
        }
        let unwanted = found.indexes.iter().filter(|f| !self.indexes.contains(&f.index));
        compared.extra.extend(unwanted.map(|f| IndexComparison::index(&f.index)));
        let unwanted = found.expiries.iter().filter(|(expiry, _)| !self.expiries.contains(expiry));
        compared.extra.extend(unwanted.map(|(e, _)| IndexComparison::expiry(e)));
        compared
    }
}

impl IndexComparison {
    /// How the lists of a comparison write an index.
    pub fn index(index: &Index) -> String {
        format!("index {index}")
    }

    /// How the lists of a comparison write an expiry field.
    pub fn expiry(expiry: &Expiry) -> String {
        format!("ttl {}.{}", expiry.collection, expiry.field)
    }

    fn add(&mut self, what: String, state: Option<&IndexState>) {
        match state {
            None => self.missing.push(what),
            Some(IndexState::Ready) => self.ready += 1,
            Some(IndexState::Creating) => self.creating.push(what),
            Some(state @ (IndexState::NeedsRepair | IndexState::Other(_))) => {
                self.broken.push(format!("{what} is {state}"));
            }
        }
    }

    /// The same, knowing which migrations are still to be applied.
    #[must_use]
    pub fn before<'a>(mut self, pending: impl IntoIterator<Item = &'a Migration>) -> Self {
        let operations = pending.into_iter().flat_map(|migration| &migration.up);
        let created = |operation: &Operation| {
            if let Operation::CreateIndex { index } = operation {
                return Some(Self::index(index));
            }
            let Operation::Expire { expiry } = operation else { return None };
            Some(Self::expiry(expiry))
        };
        let created: Vec<_> = operations.filter_map(created).collect();
        let missing = std::mem::take(&mut self.missing);
        (self.pending, self.missing) = missing.into_iter().partition(|what| created.contains(what));
        self
    }

    fn wanted(&self) -> usize {
        let absent = self.pending.len() + self.missing.len();
        self.ready + self.creating.len() + absent + self.broken.len()
    }

    /// Whether queries that need them work. Indexes besides the wanted ones harm no query.
    pub fn verdict(&self) -> Verdict {
        match () {
            () if !self.missing.is_empty() || !self.broken.is_empty() => Verdict::Fail,
            () if !self.creating.is_empty() || !self.pending.is_empty() => Verdict::Inconclusive,
            () => Verdict::Pass,
        }
    }

    /// The result in a sentence: `3 of 4 indexes READY; missing: index orders [user, created]`.
    pub fn sentence(&self) -> String {
        let mut said = format!("{} of {} indexes READY", self.ready, self.wanted());
        let lists = [
            ("missing", &self.missing),
            ("CREATING", &self.creating),
            ("created by a pending migration", &self.pending),
            ("broken", &self.broken),
            ("not in the file", &self.extra),
        ];
        for (word, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            said = format!("{said}; {word}: {}", list.join(", "));
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(path: &str, kind: IndexKind) -> IndexField {
        IndexField { path: path.into(), kind }
    }

    #[test]
    fn added_name_field_makes_no_other_index() {
        use IndexKind::{Ascending, Contains, Descending};
        let of = |fields: &[IndexField]| Index::new("orders", false, fields.to_vec());
        let written = of(&[field("user", Ascending), field("at", Descending)]);
        let listed =
            of(&[field("user", Ascending), field("at", Descending), field(NAME_FIELD, Descending)]);
        assert_eq!(written, listed);
        let other =
            of(&[field("user", Ascending), field("at", Descending), field(NAME_FIELD, Ascending)]);
        assert_ne!(written, other, "this order is another index");
        let array = of(&[field("tags", Contains), field(NAME_FIELD, Ascending)]);
        assert_eq!(array, of(&[field("tags", Contains)]));
        let vector = field("embedding", IndexKind::Vector(768));
        let listed = of(&[field("user", Ascending), field(NAME_FIELD, Ascending), vector.clone()]);
        assert_eq!(listed, of(&[field("user", Ascending), vector.clone()]));
        assert_eq!(of(&[field(NAME_FIELD, Ascending), vector.clone()]), of(&[vector]));
        assert_ne!(of(&[field("user", Ascending)]), Index::new("orders", true, written.fields));
    }

    #[test]
    fn only_ready_indexes_count() {
        let index = |name: &str| Index::new(name, false, vec![field("a", IndexKind::Ascending)]);
        let wanted = WantedIndexes {
            indexes: ["ready", "creating", "broken", "missing"].map(index).to_vec(),
            expiries: vec![Expiry { collection: "sessions".into(), field: "until".into() }],
        };
        let found = |name: &str, state| FoundIndex { name: name.into(), index: index(name), state };
        let mut there = FoundIndexes {
            indexes: vec![
                found("ready", IndexState::Ready),
                found("creating", IndexState::Creating),
                found("broken", IndexState::NeedsRepair),
                found("extra", IndexState::Ready),
            ],
            expiries: Vec::new(),
        };
        let compared = wanted.beside(&there);
        assert_eq!(compared.verdict(), Verdict::Fail);
        assert_eq!(
            compared.sentence(),
            "1 of 5 indexes READY; missing: index missing [a], ttl sessions.until; CREATING: index creating \
             [a]; broken: index broken [a] is NEEDS_REPAIR; not in the file: index extra [a]"
        );
        there.indexes = vec![found("ready", IndexState::Creating)];
        let one = WantedIndexes { indexes: vec![index("ready")], expiries: Vec::new() };
        assert_eq!(one.beside(&there).verdict(), Verdict::Inconclusive);
        there.indexes[0].state = IndexState::Other("STATE_UNSPECIFIED".into());
        assert_eq!(one.beside(&there).verdict(), Verdict::Fail, "an unknown word is not READY");
    }
}
