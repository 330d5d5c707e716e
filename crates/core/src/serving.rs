//! What each layer says about the live build of a service. App Hosting routes through Cloud Run, and both can be wrong
//! about the live build: a rollout can succeed while the public address still serves the old build.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::health::{Match, Revision};

/// The traffic of a Cloud Run service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTraffic {
    pub shares: Vec<RevisionShare>,
    /// Whether a change of it is still in progress.
    pub reconciling: bool,
}

/// A revision with its share of the traffic, its tag, or both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevisionShare {
    pub revision: String,
    pub percent: u8,
    /// The tag that addresses it, if it has one.
    pub tag: Option<String>,
    /// The address of the tag.
    pub uri: Option<String>,
}

impl RunTraffic {
    /// The share that sends customers to another build than the wanted one. `None` if none certainly does.
    pub fn stale(&self, wanted: &Revision) -> Option<&RevisionShare> {
        let other = |share: &&RevisionShare| wanted.compare(&share.revision) == Match::Other;
        let stale = || self.shares.iter().filter(other);
        // App Hosting was seen to route by a tag: one that is left behind serves the old build at 0 %.
        stale()
            .find(|share| share.percent > 0)
            .or_else(|| stale().find(|share| share.tag.is_some()))
    }
}

impl fmt::Display for RunTraffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shares = self.shares.iter().filter(|share| share.percent > 0 || share.tag.is_some());
        let mut shares: Vec<_> = shares.map(ToString::to_string).collect();
        if shares.is_empty() {
            shares.push("no revision has traffic".to_owned());
        }
        f.write_str(&shares.join(", "))?;
        if self.reconciling { f.write_str(", and a change is under way") } else { Ok(()) }
    }
}

impl fmt::Display for RevisionShare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} %", self.revision, self.percent)?;
        match &self.tag {
            Some(tag) => write!(f, " (tag {tag})"),
            None => Ok(()),
        }
    }
}

/// One layer's answer to "which build is live?", in its own words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServingReport {
    /// The layer: `App Hosting`, `Cloud Run`, `the public address`.
    pub who: String,
    pub says: String,
}

impl ServingReport {
    pub fn new(who: impl Into<String>, says: impl Into<String>) -> Self {
        Self { who: who.into(), says: says.into() }
    }
}

/// The reports in one sentence.
pub fn sentence(reports: &[ServingReport]) -> String {
    let all = reports.iter().map(|report| format!("{} says {}", report.who, report.says));
    all.collect::<Vec<_>>().join("; ")
}
