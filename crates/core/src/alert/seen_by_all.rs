//! Alerts that every machine of a team raises when it watches.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How machines recognize that they raise the same alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeenByAll {
    /// An event with the same key everywhere.
    Event,
    /// A state that each machine finds by itself, at a different moment.
    State {
        subject: String,
        stands: String,
        /// How far apart machines notice the same change.
        #[serde(with = "crate::time::text_form")]
        within: Duration,
    },
}
