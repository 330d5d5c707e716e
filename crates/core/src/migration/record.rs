//! The migration state that a database stores: its version, and one record for each migration that was ever started on
//! it. The version document has the format of the deployment guide; everything else is in separate documents, since
//! the guide's code overwrites the whole version document.

use std::collections::BTreeMap;

use super::{COLLECTION, Direction, Migration};
use crate::document::{Document, Fields, Value};
use crate::error::Problem;
use crate::hash::Hash;
use crate::release::SchemaVersion;

/// The path of the version document.
pub fn head_document() -> String {
    format!("{COLLECTION}/version")
}

/// The path of a migration's record.
pub fn record_path(version: &SchemaVersion) -> String {
    format!("{COLLECTION}/run-{version}")
}

/// The version document. Unreadable is not the same as absent (dM8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Head {
    /// There is no such document.
    Absent,
    /// It names a version.
    At(SchemaVersion),
    /// It has no version, or one that cannot be parsed.
    Unreadable(String),
}

/// The state of a migration on a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RecordState {
    /// Started, but not finished. A killed runner leaves this state too.
    Running,
    /// Started, and ended by an error.
    Failed,
    Applied,
    /// Undone, or found to be not applied.
    RolledBack,
}

impl RecordState {
    /// The word stored in the database.
    pub fn label(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Failed => "failed",
            Self::Applied => "applied",
            Self::RolledBack => "rolled_back",
        }
    }

    fn read(word: &str) -> Option<Self> {
        [Self::Running, Self::Failed, Self::Applied, Self::RolledBack]
            .into_iter()
            .find(|state| state.label() == word)
    }
}

/// The progress of an unfinished migration: everything up to this point was applied exactly once.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Half {
    pub direction: Direction,
    /// Number of completed operations.
    pub operation: u64,
    /// The last document processed by the current operation.
    pub cursor: Option<String>,
    /// Number of documents processed.
    pub processed: u64,
    /// Number of documents to process, as counted at the start.
    pub total: u64,
    /// Whether a custom program was started whose end was not observed.
    pub program: bool,
}

/// The record of one migration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Record {
    pub version: SchemaVersion,
    pub state: RecordState,
    /// Its progress, if it is not complete.
    pub half: Half,
    /// Its position in the order of application, from 1.
    pub rank: u64,
    /// Checksum of the migration as it was applied.
    pub checksum: Hash,
    /// Its operations, as text.
    pub content: String,
    /// One line for people.
    pub description: String,
    pub by: String,
    /// End time, by the server's clock.
    pub at: Option<String>,
    pub took_ms: u64,
    pub error: Option<String>,
    /// The time to restore the database to in order to undo this migration: the minute before its first write. `None`: no
    /// restore point existed, or the server does not report any.
    #[serde(default)]
    pub restore_point: Option<String>,
}

impl Record {
    /// The record of a migration that is about to start.
    pub fn begin(migration: &Migration, direction: Direction, by: &str, total: u64) -> Self {
        let half =
            Half { direction, operation: 0, cursor: None, processed: 0, total, program: false };
        Self {
            version: migration.version.clone(),
            state: RecordState::Running,
            half,
            rank: 0,
            checksum: migration.checksum(),
            content: migration.content(),
            description: migration.description.clone(),
            by: by.to_owned(),
            at: None,
            took_ms: 0,
            error: None,
            restore_point: None,
        }
    }

    /// Whether it is half done: neither applied nor undone.
    pub fn is_dirty(&self) -> bool {
        matches!(self.state, RecordState::Running | RecordState::Failed)
    }

    /// The fields of its document. The server writes `at`.
    pub fn fields(&self) -> Fields {
        let half = &self.half;
        let text = |value: &str| Value::text(value);
        let maybe = |value: &Option<String>| {
            value.as_ref().map_or(Value::Null(()), |value| Value::text(value.clone()))
        };
        [
            ("version", text(&self.version.to_string())),
            ("state", text(self.state.label())),
            ("direction", text(half.direction.label())),
            ("operation", Value::count(half.operation)),
            ("cursor", maybe(&half.cursor)),
            ("processed", Value::count(half.processed)),
            ("total", Value::count(half.total)),
            ("program", Value::Boolean(half.program)),
            ("rank", Value::count(self.rank)),
            ("checksum", text(&self.checksum.0)),
            ("content", text(&self.content)),
            ("description", text(&self.description)),
            ("by", text(&self.by)),
            ("tookMs", Value::count(self.took_ms)),
            ("error", maybe(&self.error)),
            ("restorePoint", maybe(&self.restore_point)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }

    /// Parses the document of a record.
    pub fn read(document: &Document) -> Result<Self, Problem> {
        let refused = |field: &str| {
            Problem::new(format!("{} cannot be read", document.path))
                .because(format!("its field {field} is missing or has another type"))
                .try_this("check the document; this database is not changed until it is fixed")
        };
        let text = |field: &str| document.text(field).ok_or_else(|| refused(field));
        let count = |field: &str| document.count(field).ok_or_else(|| refused(field));
        let direction = match text("direction")? {
            "up" => Direction::Up,
            "down" => Direction::Down,
            _ => return Err(refused("direction")),
        };
        let optional = |field: &str| document.text(field).map(str::to_owned);
        Ok(Self {
            version: text("version")?.parse().map_err(|_| refused("version"))?,
            state: RecordState::read(text("state")?).ok_or_else(|| refused("state"))?,
            half: Half {
                direction,
                operation: count("operation")?,
                cursor: optional("cursor"),
                processed: count("processed")?,
                total: count("total")?,
                program: document.fields.get("program") == Some(&Value::Boolean(true)),
            },
            rank: count("rank")?,
            checksum: Hash(text("checksum")?.to_owned()),
            content: text("content")?.to_owned(),
            description: optional("description").unwrap_or_default(),
            by: optional("by").unwrap_or_default(),
            at: optional("at"),
            took_ms: document.count("tookMs").unwrap_or_default(),
            error: optional("error"),
            restore_point: optional("restorePoint"),
        })
    }
}

/// The whole migration state of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub head: Head,
    pub records: BTreeMap<SchemaVersion, Record>,
    /// Collections other than ours. Without a record, their origin is unknown.
    pub collections: Vec<String>,
}

impl Schema {
    /// Parses the documents of the collection.
    pub fn read(documents: &[Document], collections: Vec<String>) -> Result<Self, Problem> {
        let head = head_document();
        let head = match documents.iter().find(|d| d.path == head) {
            None => Head::Absent,
            Some(document) => match document.text("version").map(str::parse) {
                Some(Ok(version)) => Head::At(version),
                Some(Err(problem)) => Head::Unreadable(problem.what),
                None => Head::Unreadable("it has no text field \"version\"".to_owned()),
            },
        };
        let mut records = BTreeMap::new();
        let prefix = format!("{COLLECTION}/run-");
        for document in documents.iter().filter(|d| d.path.starts_with(&prefix)) {
            let record = Record::read(document)?;
            records.insert(record.version.clone(), record);
        }
        let collections = collections.into_iter().filter(|name| name != COLLECTION).collect();
        Ok(Self { head, records, collections })
    }

    /// The current version. None if it cannot be read.
    pub fn version(&self) -> Option<SchemaVersion> {
        match &self.head {
            Head::Absent => Some(SchemaVersion::ZERO),
            Head::At(version) => Some(version.clone()),
            Head::Unreadable(_) => None,
        }
    }

    /// The migrations that are applied.
    pub fn applied(&self) -> impl DoubleEndedIterator<Item = &Record> {
        self.records.values().filter(|r| r.state == RecordState::Applied)
    }

    /// The half-done migration, if there is one.
    pub fn dirty(&self) -> Option<&Record> {
        self.records.values().find(|r| r.is_dirty())
    }

    /// The version after a migration is undone: the next lower applied one.
    pub fn below(&self, version: &SchemaVersion) -> SchemaVersion {
        let below = self.applied().map(|r| &r.version).filter(|v| *v < version);
        below.max().cloned().unwrap_or(SchemaVersion::ZERO)
    }
}
