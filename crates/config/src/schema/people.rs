//! The keys about people: how many approve, and who may do what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use pointsman_core::approvals::Requester;

/// The approvals that a switch of traffic needs. A rollback needs none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalsConfig {
    /// Number of different people.
    #[schemars(range(min = 1))]
    pub people: u32,
    /// Who may approve: Google accounts, or `user@machine` with a local store. Anyone, if it is left out.
    #[serde(default)]
    pub from: Vec<String>,
    /// Whether the person who started a run may approve it: `excluded` or `allowed`.
    #[serde(default)]
    pub requester: Requester,
}

/// Who may do what. Each is a list of Google accounts, or of `user@machine` with a local store; or `anyone`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MayConfig {
    /// Who may deploy, migrate and clean up.
    pub deploy: PeopleConfig,
    /// Who may approve the switch of traffic.
    pub approve: PeopleConfig,
    /// Who may roll back.
    pub rollback: PeopleConfig,
}

/// `anyone`, or a list of names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PeopleConfig {
    /// Everybody.
    Everybody(Everybody),
    /// These.
    Named(Vec<String>),
}

/// The word for everybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Everybody {
    /// No rule.
    Anyone,
}

impl Default for PeopleConfig {
    fn default() -> Self {
        Self::Everybody(Everybody::Anyone)
    }
}
