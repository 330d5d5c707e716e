//! Rules that judge samples. Each takes one answer at a time, and returns a decision once it has enough evidence.

mod attestation;
mod green_gate;
mod revision;
mod share;
mod soak;
mod wanted;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use attestation::Attestation;
pub use green_gate::GreenGate;
pub use revision::{Match, Revision};
pub use share::{Share, ShareRule, ShareVerdict};
pub use soak::{Round, SoakWatch};
pub use wanted::Wanted;

/// The verdict of a rule. Inconclusive never counts as pass or fail (invariant 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// Unknown: too little evidence.
    Inconclusive,
}

impl Verdict {
    /// The word that follows the name of a rule: `soak passed`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "passed",
            Self::Fail => "failed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
        })
    }
}

/// The identity of the build that answered, as far as the answer reports it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    pub version: Option<String>,
    pub revision: Option<String>,
}

impl Identity {
    fn describe(&self) -> String {
        match (&self.version, &self.revision) {
            (Some(v), Some(r)) => format!("{v} ({r})"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "a service that reports no version".to_owned(),
        }
    }
}

/// The result of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// The service reported that it is healthy.
    Healthy(Identity),
    /// The service gave a bad answer, or none.
    Unhealthy(String),
    /// We could not probe: our side is at fault.
    Blind(String),
}

/// A verdict with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The evidence, in one line.
    pub evidence: String,
    /// Whether a failure is evidence against the release: it answered badly. Answers from another build
    /// are evidence about traffic instead.
    pub of_release: bool,
    /// Whether a pass proves less than the config requires, so that a person should know.
    pub warns: bool,
}

impl Decision {
    /// A decision that is no evidence about the release.
    pub fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), of_release: false, warns: false }
    }

    /// Sets whether the decision is evidence about the release.
    #[must_use]
    pub fn of_release(self, of_release: bool) -> Self {
        Self { of_release, ..self }
    }
}
