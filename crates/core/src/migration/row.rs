//! Compares migration files with records: the state of each migration, and the obstacles to all of them.

use super::{Head, Migration, Record, Schema};
use crate::error::Problem;
use crate::release::SchemaVersion;

/// The state of a migration.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RowState {
    Applied,
    Pending,
    /// Pending, although a later one is applied (dM14).
    OutOfOrder,
    /// Applied, but its file is missing (F36).
    Missing,
    /// Applied, but its file was edited since (F35). Holds the lines that differ.
    Edited(String),
    /// Half done: neither applied nor undone (F34).
    Dirty,
    /// The database could not be read.
    Unknown,
}

impl RowState {
    /// The label on the screen and in JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Applied => "done",
            Self::Pending => "pending",
            Self::OutOfOrder => "out of order",
            Self::Missing => "file missing",
            Self::Edited(_) => "edited",
            Self::Dirty => "half done",
            Self::Unknown => "unknown",
        }
    }
}

/// One migration: its file, its record, or both.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Row {
    pub version: SchemaVersion,
    pub state: RowState,
    pub file: Option<Migration>,
    pub record: Option<Record>,
}

impl Row {
    /// One line for people.
    pub fn description(&self) -> &str {
        let file = self.file.as_ref().map(|m| m.description.as_str());
        let record = || self.record.as_ref().map(|r| r.description.as_str());
        file.or_else(record).unwrap_or_default()
    }
}

/// Every migration, by version.
pub fn rows(files: &[Migration], schema: &Schema) -> Vec<Row> {
    let known = files.iter().map(|m| &m.version).chain(schema.records.keys());
    let versions: std::collections::BTreeSet<_> = known.collect();
    let highest = schema.applied().next_back().map(|r| &r.version);
    let row = |version: &SchemaVersion| {
        let file = files.iter().find(|m| &m.version == version);
        let record = schema.records.get(version);
        let done = record.filter(|r| r.state == super::RecordState::Applied);
        let state = match (file, done) {
            _ if record.is_some_and(Record::is_dirty) => RowState::Dirty,
            (None, None) => return None,
            (None, Some(_)) => RowState::Missing,
            // A migration recorded by a baseline has no content to compare.
            (Some(file), Some(done))
                if done.content.is_empty() || done.checksum == file.checksum() =>
            {
                RowState::Applied
            }
            (Some(file), Some(done)) => {
                RowState::Edited(difference(&done.content, &file.content()))
            }
            (Some(_), None) if highest.is_some_and(|h| h > version) => RowState::OutOfOrder,
            (Some(_), None) => RowState::Pending,
        };
        Some(Row { version: version.clone(), state, file: file.cloned(), record: record.cloned() })
    };
    versions.into_iter().filter_map(row).collect()
}

/// The lines that differ: `-` as applied, `+` as in the file now.
fn difference(done: &str, now: &str) -> String {
    let diff = similar::TextDiff::from_lines(done, now);
    let changed = diff.iter_all_changes().filter(|c| c.tag() != similar::ChangeTag::Equal);
    let lines: Vec<_> = changed
        .map(|c| format!("{} {}", c.tag(), c.value().trim().trim_end_matches(',')))
        .collect();
    lines.join("\n")
}

/// The obstacles to every migration of a database, each with its fix.
pub fn obstacles(rows: &[Row], schema: &Schema) -> Vec<Problem> {
    let mut found = Vec::new();
    let applied = schema.applied().next_back().map(|r| r.version.clone());
    match (&schema.head, applied) {
        (Head::Unreadable(why), _) => found.push(
            Problem::new("the version document of the database cannot be read")
                .because(why)
                .try_this("repair _migrations/version, or set its version: pointsman migrate baseline ENV --to V --reason TEXT"),
        ),
        (Head::At(version), None) if *version != SchemaVersion::ZERO => found.push(
            Problem::new(format!("the database is at {version}, without records of its migrations"))
                .because("another tool wrote the version")
                .try_this(format!("if that version is right: pointsman migrate baseline ENV --to {version} --reason TEXT")),
        ),
        (Head::Absent, None) if !schema.collections.is_empty() => found.push(
            Problem::new("the database is not empty and has no version")
                .because(format!("it holds {}", schema.collections.join(", ")))
                .try_this("set its version: pointsman migrate baseline ENV --to V --reason TEXT (0.0.0 if nothing was applied)"),
        ),
        (Head::At(version), Some(applied)) if *version != applied && schema.dirty().is_none() => {
            found.push(
                Problem::new(format!("the version of the database is {version}, but its records end at {applied}"))
                    .because("the version was written by another tool")
                    .try_this(format!("find out who; then pointsman migrate baseline ENV --to {applied} --reason TEXT")),
            );
        }
        _ => {}
    }
    for row in rows {
        match &row.state {
            RowState::Missing => found.push(
                Problem::new(format!("{} was applied, but its file is missing", row.version))
                    .because("the files are older than the database, or the file was deleted")
                    .try_this("get the newer files; its record: pointsman migrate status ENV --json"),
            ),
            RowState::Edited(difference) => found.push(
                Problem::new(format!("{} was applied, but its file was edited since", row.version))
                    .because(difference.clone())
                    .try_this("undo the edit and write a new migration; or, if the database is as the file \
                         says: pointsman migrate repair ENV --as fully --reason TEXT"),
            ),
            RowState::Applied
            | RowState::Pending
            | RowState::OutOfOrder
            | RowState::Dirty
            | RowState::Unknown => {}
        }
    }
    found
}
