//! Migrations: how a database moves from one schema version to the next, and back.

mod change;
mod lock;
mod operation;
mod range;
mod record;
mod row;
mod select;
mod ways;

use serde::{Deserialize, Serialize};

pub use self::change::{Change, Update, change};
pub use self::lock::{Holder, LEASE_SECONDS, LockState, lock_document, stop_request_document};
pub use self::operation::{Condition, Operation, Scope, Template, ValueType};
pub use self::range::{SchemaRange, outside};
pub use self::record::{Half, Head, Record, RecordState, Schema, head_document, record_path};
pub use self::row::{Row, RowState, obstacles, rows};
pub use self::select::{Pick, baseline, down, up};
pub use self::ways::{SchemaWay, Undone, WaysBack, ways};

use super::hash::Hash;
use super::release::SchemaVersion;

/// The collection that holds the version, the lock and the records. The guide's own migrator keeps its version there.
pub const COLLECTION: &str = "_migrations";

/// The effect of a migration on running code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Adds: old and new code both work.
    Expand,
    /// Moves data: old and new code both work.
    Migrate,
    /// Removes: old code stops working.
    Contract,
}

impl Phase {
    pub fn label(self) -> &'static str {
        match self {
            Self::Expand => "expand",
            Self::Migrate => "migrate",
            Self::Contract => "CONTRACT",
        }
    }
}

/// Whether a migration can be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Undo {
    /// Yes, without data loss.
    Yes,
    /// Yes, but data written since is lost.
    DataLoss,
    No,
}

impl Undo {
    pub fn label(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::DataLoss => "data loss",
            Self::No => "NO",
        }
    }
}

/// Direction of a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To a later version.
    Up,
    /// To an earlier one.
    Down,
}

impl Direction {
    pub fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
        }
    }

    /// The command that continues in this direction.
    pub fn command(self) -> &'static str {
        match self {
            Self::Up => "pointsman migrate up ENV",
            Self::Down => "pointsman migrate down ENV --to VERSION",
        }
    }
}

/// A migration, as defined by its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Migration {
    /// The schema version after it.
    pub version: SchemaVersion,
    /// One line for people.
    pub description: String,
    pub phase: Phase,
    pub undo: Undo,
    pub up: Vec<Operation>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub down: Vec<Operation>,
}

impl Migration {
    /// Its effect, as text whose lines can be compared. Description, comments, key order and white space are left out:
    /// an edit without effect does not count as an edit (F35).
    pub fn content(&self) -> String {
        let meaning = serde_json::json!({
            "phase": self.phase, "undo": self.undo, "up": self.up, "down": self.down,
        });
        serde_json::to_string_pretty(&meaning).unwrap_or_default()
    }

    /// The hash of [`Self::content`].
    pub fn checksum(&self) -> Hash {
        Hash::of(self.content().as_bytes())
    }

    pub fn operations(&self, direction: Direction) -> &[Operation] {
        match direction {
            Direction::Up => &self.up,
            Direction::Down => &self.down,
        }
    }
}

/// The version before any migration.
pub fn nothing_applied() -> SchemaVersion {
    SchemaVersion::ZERO
}
