//! The keys of what is watched.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::deploy::DurationText;

/// The interval of probes, and their thresholds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WatchConfig {
    /// From one question to the next; 5s on this machine, 15s elsewhere.
    pub interval: Option<DurationText>,
    /// For everything, from the name lookup to the last byte; 5s.
    pub timeout: Option<DurationText>,
    /// Consecutive bad answers until DOWN; 2.
    pub fall: Option<u32>,
    /// Consecutive good answers until OK; 3.
    pub rise: Option<u32>,
    /// DEGRADED while the p95 of the last 20 good answers is above this; 1s.
    pub slow: Option<DurationText>,
    /// Minimum duration above the limit; 30s.
    pub slow_for: Option<DurationText>,
    /// Whether App Hosting's domain status is watched too, once a minute; true.
    pub domains: Option<bool>,
}

/// A probe of something other than our services. One of `url`, `tcp` and `command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Its name.
    pub name: String,
    /// A web address.
    #[serde(default)]
    pub url: Option<String>,
    /// `host:port` that something listens at.
    #[serde(default)]
    pub tcp: Option<String>,
    /// Program and arguments; good if it ends with 0. Never a shell line.
    #[serde(default)]
    pub command: Vec<String>,
    /// The interval.
    #[serde(default)]
    pub interval: Option<DurationText>,
    /// For everything.
    #[serde(default)]
    pub timeout: Option<DurationText>,
    /// DEGRADED above this.
    #[serde(default)]
    pub slow: Option<DurationText>,
    /// The expectations of a healthy answer.
    #[serde(default)]
    pub expect: ExpectConfig,
}

/// The expectations of a healthy answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ExpectConfig {
    /// HTTP statuses; any of 200 to 299 if left out. A redirect is never followed.
    pub status: Vec<u16>,
    /// JSON pointers into the body, and the expected values.
    pub json: BTreeMap<String, Value>,
    /// Minimum size in bytes: an empty page is a failure.
    pub min_bytes: Option<u64>,
    /// Maximum size in bytes.
    pub max_bytes: Option<u64>,
    /// Headers, and what they must contain.
    pub headers: BTreeMap<String, String>,
}
