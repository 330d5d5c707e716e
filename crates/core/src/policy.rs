//! The numbers and rules of a deploy, resolved for one environment. Part of the plan, so that a
//! run keeps the policy it was approved with even if the config changes meanwhile (F59).

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::health::ShareRule;
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
    /// The easier one of two.
    #[must_use]
    pub fn min_of(self, other: Self) -> Self {
        let rank = |p: Self| match p {
            Self::Open => 0,
            Self::Confirm => 1,
            Self::Typed => 2,
        };
        if rank(self) <= rank(other) { self } else { other }
    }

    /// The harder one of two.
    #[must_use]
    pub fn harder_of(self, other: Self) -> Self {
        if self.min_of(other) == self { other } else { self }
    }
}

/// The health check of green before the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthPolicy {
    /// Maximum number of probes.
    pub attempts: u32,
    /// Interval between two samples.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// One sample may take this long in all.
    #[serde(with = "text_form")]
    pub timeout: Duration,
    /// Consecutive healthy answers that pass.
    pub consecutive: u32,
    /// What must be reached from here, or it is we who are blind (N12). Empty: the usual ones for what
    /// is not on this machine.
    #[serde(default)]
    pub controls: Vec<String>,
}

/// The verification of the public address after a switch (N1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttestPolicy {
    /// Consecutive answers of the wanted build that pass.
    pub consecutive: u32,
    /// Interval between two requests.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// Past this, a mixed answer is PARTIAL.
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

/// The watch after the switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoakPolicy {
    /// Its length.
    #[serde(rename = "for", with = "text_form")]
    pub length: Duration,
    /// Interval between two samples.
    #[serde(with = "text_form")]
    pub interval: Duration,
    /// Consecutive failures of one service that fail the soak.
    pub failures: u32,
    /// And which share of bad answers, of one service, ends it.
    #[serde(flatten, default)]
    pub share: ShareRule,
    /// The reaction to a failure.
    pub on_failure: OnFailure,
    /// Delay before an automatic rollback, in which a person may hold it without limit. Unattended runs do not wait.
    #[serde(default, with = "text_form")]
    pub countdown: Duration,
}

/// Everything a run is driven by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeployPolicy {
    /// Of the environment.
    pub protection: Protection,
    /// Green's gate.
    pub health: HealthPolicy,
    /// The switch's proof.
    pub attest: AttestPolicy,
    /// The watch after it.
    pub soak: SoakPolicy,
    /// Time that open requests to the previous build may take after the switch.
    #[serde(with = "text_form")]
    pub drain: Duration,
    /// Time that blue stays warm.
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
                on_failure: OnFailure::Rollback,
                countdown: s(10),
            },
            drain: s(30),
            keep_blue: s(1800),
        }
    }
}
