//! Rules over samples. Each takes answers one at a time and says when it has decided.

mod attestation;
mod green_gate;
mod share;
mod soak;
mod wanted;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use attestation::Attestation;
pub use green_gate::GreenGate;
pub use share::{Share, ShareRule, ShareVerdict};
pub use soak::{Round, SoakWatch};
pub use wanted::Wanted;

/// The verdict of a rule. Inconclusive is never one of the others (invariant 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// Unknown: too little evidence.
    Inconclusive,
}

impl Verdict {
    /// After the name of what was judged: `soak passed`.
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

/// The build that answered, as far as the answer tells.
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

/// One answer to one question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// It said it is healthy.
    Healthy(Identity),
    /// It answered badly, or not at all.
    Unhealthy(String),
    /// We could not ask: our side is at fault.
    Blind(String),
}

/// A decision with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub verdict: Verdict,
    /// The evidence, in one line.
    pub evidence: String,
    /// Whether a failure is evidence about the release: it answered, and badly. That another build
    /// answers is about its traffic.
    pub of_release: bool,
}

impl Decision {
    /// A decision that says nothing about the release.
    pub fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into(), of_release: false }
    }

    /// The same as evidence about the release, or not.
    #[must_use]
    pub fn of_release(self, of_release: bool) -> Self {
        Self { of_release, ..self }
    }
}
