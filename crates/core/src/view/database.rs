//! The databases of a run: what it read and changed.

use super::RunView;
use crate::event::Event;
use crate::release::SchemaVersion;

/// The run's view of one database.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DatabaseView {
    /// The version at the last read; None if unknown.
    pub version: Option<SchemaVersion>,
    /// The migration that was half applied at the last read.
    pub dirty: Option<SchemaVersion>,
    /// The fencing number of our lock.
    pub fence: Option<u64>,
}

impl RunView {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts about databases; `Event::topic` names every kind"
    )]
    pub(super) fn note_database(&mut self, event: &Event) {
        match event {
            Event::DatabaseLocked { database, fence } => {
                self.databases.entry(database.clone()).or_default().fence = Some(*fence);
            }
            Event::SchemaSeen { database, version, dirty } => {
                let seen = self.databases.entry(database.clone()).or_default();
                seen.version.clone_from(version);
                seen.dirty.clone_from(dirty);
            }
            Event::MigrationRequested { database, version, .. } => {
                let seen = self.databases.entry(database.clone()).or_default();
                seen.dirty = Some(version.clone());
            }
            Event::MigrationEnded { database, head, .. } => {
                let seen = self.databases.entry(database.clone()).or_default();
                (seen.version, seen.dirty) = (Some(head.clone()), None);
            }
            _ => {}
        }
    }
}
