//! Thresholds, timeouts and rules of a deploy, resolved for one environment. They are part of the plan, so that a run
//! keeps the policy it was approved with even if the config changes meanwhile (F59).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approvals::{Approvals, May};
use super::health::ShareRule;
use super::runtime_figures::FigureRules;
use super::time::text_form;

/// The confirmation that a change of the environment needs (`docs/internals/screen.md`, Keys).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protection {
    /// An ordinary question.
    Open,
    /// A question that names the consequences.
    Confirm,
    /// The environment's name must be given.
    Typed,
}

impl Protection {
    /// The less strict of two.
    #[must_use]
    pub fn min_of(self, other: Self) -> Self {
        let rank = |p: Self| match p {
            Self::Open => 0,
            Self::Confirm => 1,
            Self::Typed => 2,
        };
        if rank(self) <= rank(other) { self } else { other }
    }

    /// The stricter of two.
    #[must_use]
    pub fn harder_of(self, other: Self) -> Self {
        if self.min_of(other) == self { other } else { self }
    }
}

/// The health check of the candidate before the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthPolicy {
    /// Maximum number of probes.
    pub attempts: u32,
    /// Interval between two samples.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// Timeout of one sample.
    #[serde(with = "text_form")]
    pub timeout: Duration,
    /// Consecutive healthy answers that pass.
    pub consecutive: u32,
    /// Control addresses: if none of them answers either, our own network is at fault (N12). Empty: the default ones,
    /// for targets that are not on this machine.
    #[serde(default)]
    pub controls: Vec<String>,
}

/// The verification of the public address after a switch (N1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestPolicy {
    /// Consecutive answers of the expected build that pass.
    pub consecutive: u32,
    /// Interval between two requests.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// Time limit, after which mixed answers are PARTIAL.
    #[serde(with = "text_form")]
    pub within: Duration,
}

/// The reaction to a failed soak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// Roll back automatically.
    Rollback,
    /// A person decides.
    Ask,
}

/// The soak after the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakPolicy {
    #[serde(rename = "for", with = "text_form")]
    pub length: Duration,
    /// Interval between two samples.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// Consecutive failures of one service that fail the soak.
    pub failures: u32,
    /// The share of bad answers of one service that fails the soak.
    #[serde(flatten, default)]
    pub share: ShareRule,
    /// The rules for the platform's own figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<FigureRules>,
    pub on_failure: OnFailure,
    /// Delay before an automatic rollback, during which a person may hold it without
    /// limit. Unattended runs do not wait.
    #[serde(default, with = "text_form")]
    pub countdown: Duration,
}

/// What an expired gate does before traffic moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AfterGate {
    /// The run ends. Traffic was not touched.
    Abort,
    /// The gate waits without limit.
    Wait,
}

/// How long a gate waits. A run of an earlier version waits without limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatePolicy {
    #[serde(with = "text_form")]
    pub expires: Duration,
    pub then: AfterGate,
}

impl GatePolicy {
    fn unlimited() -> Self {
        Self { expires: Duration::from_hours(1), then: AfterGate::Wait }
    }
}

/// The complete policy of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployPolicy {
    /// The confirmation that the environment requires.
    pub protection: Protection,
    /// The health check of the candidate.
    pub health: HealthPolicy,
    /// The verification of the public address.
    pub attest: AttestPolicy,
    /// The soak after the switch.
    pub soak: SoakPolicy,
    /// How long its gates wait.
    #[serde(default = "GatePolicy::unlimited")]
    pub gate: GatePolicy,
    /// The approvals that a switch needs. None: one, by anyone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Approvals>,
    /// Who may do what.
    #[serde(default, skip_serializing_if = "May::is_open")]
    pub may: May,
    /// The shares of the traffic that GREEN gets before it gets all, in per cent, each with a soak. Empty: all at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traffic: Vec<u8>,
    /// Time that open requests to the previous build get to finish after the switch.
    #[serde(with = "text_form")]
    pub drain: Duration,
    /// Time that the previous build stays warm.
    #[serde(with = "text_form")]
    pub keep_blue: Duration,
}

/// The defaults of the config.
impl Default for DeployPolicy {
    fn default() -> Self {
        let (ms, s) = (Duration::from_millis, Duration::from_secs);
        Self {
            protection: Protection::Open,
            health: HealthPolicy {
                attempts: 10,
                interval: s(5),
                timeout: s(5),
                consecutive: 3,
                controls: Vec::new(),
            },
            attest: AttestPolicy { consecutive: 30, interval: ms(200), within: s(120) },
            soak: SoakPolicy {
                length: s(120),
                interval: s(1),
                failures: 2,
                share: ShareRule::default(),
                metrics: None,
                on_failure: OnFailure::Rollback,
                countdown: s(10),
            },
            gate: GatePolicy { expires: s(3600), then: AfterGate::Abort },
            approvals: None,
            may: May::default(),
            traffic: Vec::new(),
            drain: s(30),
            keep_blue: s(1800),
        }
    }
}
