//! The keys of `store:`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kinds of store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// SQLite in the state folder of this machine.
    #[default]
    Local,
    /// A Firestore database that all machines of a team share.
    Firestore,
}

/// Where runs, commands, ticks and locks are recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// `local`, or `firestore` for a store that a team shares.
    pub kind: StoreKind,
    /// Google Cloud project of the shared database.
    #[serde(default)]
    pub project: Option<String>,
    /// Name of the shared database: a named one, apart from those of the services.
    #[serde(default)]
    pub database: Option<String>,
    /// `emulator`, or left out for Google's.
    #[serde(default)]
    pub endpoint: Option<String>,
}
