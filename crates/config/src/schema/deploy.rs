//! The keys of a deploy's numbers and rules.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use pointsman_core::policy::OnFailure;
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
    /// The order in which the services' traffic moves.
    pub order: Option<Vec<String>>,
    /// Green's gate.
    pub health: HealthConfig,
    /// The proof of the switch.
    pub attest: AttestConfig,
    /// The watch after it.
    pub soak: SoakConfig,
    /// Time that open requests to the previous build may take after a switch.
    pub drain: Option<DurationText>,
    /// Time that the previous build stays warm.
    pub keep_blue: Option<DurationText>,
}

/// The health check of the candidate before the switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// Samples at most.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
    /// From one sample to the next.
    pub interval: Option<DurationText>,
    /// For one sample.
    pub timeout: Option<DurationText>,
    /// Healthy answers in a row that pass.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
}

/// The verification of the public address after a switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AttestConfig {
    /// Answers of the wanted build in a row that pass.
    #[schemars(range(min = 1))]
    pub consecutive: Option<u32>,
    /// From one question to the next.
    pub interval: Option<DurationText>,
    /// After this the answer is PARTIAL, or no.
    pub within: Option<DurationText>,
}

/// The watch after the switch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SoakConfig {
    /// Its length.
    #[serde(rename = "for")]
    pub length: Option<DurationText>,
    /// From one sample to the next.
    pub interval: Option<DurationText>,
    /// Failures in a row, of one service, that end it.
    #[schemars(range(min = 1))]
    pub failures: Option<u32>,
    /// More bad answers of one service than this end it too, in per cent of its last 300 answers.
    #[schemars(range(max = 100))]
    pub max_bad_percent: Option<u32>,
    /// But no fewer bad answers than this.
    #[schemars(range(min = 1))]
    pub min_bad: Option<u32>,
    /// Minimum number of answers of a service before a verdict.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
    /// The reaction to a failure.
    pub on_failure: Option<OnFailure>,
    /// Delay before an automatic rollback, in which a person may hold it without limit; 0s: rolls back immediately.
    pub countdown: Option<DurationText>,
}
