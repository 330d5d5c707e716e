//! The keys of a deploy's numbers and rules.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use pointsman_core::policy::{AfterGate, OnFailure};
use pointsman_core::time::text_form;

/// A duration as text: `300ms`, `5s`, `2m`, `1h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DurationText(#[serde(with = "text_form")] pub Duration);

impl JsonSchema for DurationText {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "format": "duration-text",
            "description": "A duration: 300ms, 5s, 2m or 1h",
        })
    }
}

/// Numbers and rules of a deploy. What is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct DeployConfig {
    /// Order in which services are switched. Unlisted services follow by name.
    pub order: Option<Vec<String>>,
    /// Health checks of the candidate before the switch.
    pub health: HealthConfig,
    /// Verification of the public address after the switch.
    pub attest: AttestConfig,
    /// Monitoring of the new build after the switch.
    pub soak: SoakConfig,
    /// How long a gate waits for people.
    pub gate: GateConfig,
    /// Shares of the traffic for the candidate, in per cent, each followed by a soak: `[10, 50, 100]`. Needs a platform of
    /// kind `cloud-run`. Without it, all traffic moves at once.
    pub traffic: Option<Vec<u32>>,
    /// How long open requests to the previous build may take after a switch.
    pub drain: Option<DurationText>,
    /// How long the previous build stays warm, so that a rollback takes seconds.
    pub keep_blue: Option<DurationText>,
}

/// The time limit of gates.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct GateConfig {
    /// How long a gate waits. People are reminded before, and can extend it with `+` or `pointsman extend RUN`.
    pub expires: Option<DurationText>,
    /// What an expired gate does before traffic moved: `abort` ends the run, `wait` waits without limit. After the switch
    /// it reminds.
    pub then: Option<AfterGate>,
}

/// The health check of the candidate before the switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// Maximum number of samples.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
    /// Interval between two samples.
    pub interval: Option<DurationText>,
    /// Timeout of one sample.
    pub timeout: Option<DurationText>,
    /// Healthy answers in a row that pass.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
}

/// The verification of the public address after a switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttestConfig {
    /// Answers in a row that must come from the new build.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
    /// Interval between two requests.
    pub interval: Option<DurationText>,
    /// Time limit. Mixed answers after it are reported as PARTIAL.
    pub within: Option<DurationText>,
}

/// Limits for the requests of GREEN since the switch, as Cloud Monitoring reports them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MetricsConfig {
    /// The share of requests answered with 5xx: `<1%`.
    pub errors: Option<String>,
    /// The 95th percentile of the latency: `<1.3x` of BLUE's before the switch, or a time such as `<800ms`.
    pub p95: Option<String>,
    /// Minimum number of requests before a verdict.
    #[schemars(range(min = 1))]
    pub at_least: Option<u64>,
}

/// Monitoring after the switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoakConfig {
    /// Length.
    #[serde(rename = "for")]
    pub length: Option<DurationText>,
    /// Interval between two samples.
    pub interval: Option<DurationText>,
    /// Failures in a row of one service that fail the soak.
    #[schemars(range(min = 1))]
    pub failures: Option<u32>,
    /// A larger share of bad answers of one service also fails the soak, in per cent of its last 300 answers.
    #[schemars(range(max = 100))]
    pub max_bad_percent: Option<u32>,
    /// Minimum number of bad answers before `max_bad_percent` counts.
    #[schemars(range(min = 1))]
    pub min_bad: Option<u32>,
    /// Minimum number of answers of a service before a verdict.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
    /// Limits for what Google measures of GREEN's requests. Google reports each minute up to 4 minutes late.
    pub metrics: Option<MetricsConfig>,
    /// What a failed soak does: roll back, or ask a person.
    pub on_failure: Option<OnFailure>,
    /// Delay before an automatic rollback, during which a person can hold it; 0s rolls back immediately.
    pub countdown: Option<DurationText>,
}
