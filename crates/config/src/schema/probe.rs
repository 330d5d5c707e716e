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
    /// Interval between two probes. Without one: 5s for addresses on this machine, 15s for others.
    pub interval: Option<DurationText>,
    /// Timeout, from the name lookup to the last byte. Without one: 5s.
    pub timeout: Option<DurationText>,
    /// Bad answers in a row until DOWN.
    pub fall: Option<u32>,
    /// Good answers in a row until OK.
    pub rise: Option<u32>,
    /// DEGRADED while the p95 of the last 20 good answers is above this.
    pub slow: Option<DurationText>,
    /// How long the p95 must be above the limit.
    pub slow_for: Option<DurationText>,
    /// Whether App Hosting's domain status is read too, once a minute.
    pub domains: Option<bool>,
}

/// A probe of something other than our services. One of `url`, `tcp` and `command`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Name.
    pub name: String,
    /// Web address.
    #[serde(default)]
    pub url: Option<String>,
    /// `host:port` that something listens at.
    #[serde(default)]
    pub tcp: Option<String>,
    /// Program and arguments; good if it exits with 0. No shell line.
    #[serde(default)]
    pub command: Vec<String>,
    /// Interval between two probes, if not that of `watch`.
    #[serde(default)]
    pub interval: Option<DurationText>,
    /// Timeout, if not that of `watch`.
    #[serde(default)]
    pub timeout: Option<DurationText>,
    /// DEGRADED above this p95, if not that of `watch`.
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
