//! How a run ended.

use serde::{Deserialize, Serialize};

/// The outcome of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The release is live and passed its soak.
    Promoted,
    /// Traffic was rolled back, by a person or automatically.
    RolledBack,
    /// The clean-up finished; the previous build is stopped.
    CleanedUp,
    /// The database reached the requested version.
    Migrated,
    /// A person or an expired gate ended it before traffic moved.
    Aborted,
    /// It could not finish.
    Failed,
    /// Another run took over.
    Superseded,
    Unknown,
}

impl Outcome {
    /// Whether the run reached its goal, and verified that it did.
    pub fn reached(self) -> bool {
        matches!(self, Self::Promoted | Self::RolledBack | Self::CleanedUp | Self::Migrated)
    }

    /// The word for people: `rolled back`. [`Self::label`] is the word in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::RolledBack => "rolled back",
            Self::CleanedUp => "cleaned up",
            Self::Promoted
            | Self::Migrated
            | Self::Aborted
            | Self::Failed
            | Self::Superseded
            | Self::Unknown => self.label(),
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::CleanedUp => "cleaned_up",
            Self::Migrated => "migrated",
            Self::Aborted => "aborted",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Unknown => "unknown",
        }
    }
}
