//! Rules over samples. Each takes answers one at a time and says when it has decided.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{BuildId, ServiceName};
use super::policy::{AttestPolicy, HealthPolicy, SoakPolicy};
use super::release::ReleaseLabel;
use super::time::spoken;

/// What a rule decides. Inconclusive is neither of the others, ever (invariant 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Good enough.
    Pass,
    /// Bad.
    Fail,
    /// Nobody can say.
    Inconclusive,
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

/// Who answered, as far as the answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// The release's label.
    pub version: Option<String>,
    /// The build id.
    pub revision: Option<String>,
}

impl Identity {
    fn describe(&self) -> String {
        match (&self.version, &self.revision) {
            (Some(v), Some(r)) => format!("{v} ({r})"),
            (Some(one), None) | (None, Some(one)) => one.clone(),
            (None, None) => "somebody who does not say".to_owned(),
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
    /// What was decided.
    pub verdict: Verdict,
    /// On what, in one line.
    pub evidence: String,
}

impl Decision {
    fn new(verdict: Verdict, evidence: impl Into<String>) -> Self {
        Self { verdict, evidence: evidence.into() }
    }
}

/// Green's gate: so many healthy answers in a row, from the wanted build.
#[derive(Debug)]
pub struct GreenGate {
    policy: HealthPolicy,
    wanted: Wanted,
    asked: u32,
    healthy: u32,
    row: u32,
    last_bad: Option<String>,
    only_blind: bool,
}

impl GreenGate {
    /// A gate that has seen nothing yet.
    pub fn new(policy: HealthPolicy, wanted: Wanted) -> Self {
        Self { policy, wanted, asked: 0, healthy: 0, row: 0, last_bad: None, only_blind: true }
    }

    /// Takes one answer; says when the gate is decided.
    pub fn push(&mut self, sample: &Sample) -> Option<Decision> {
        self.asked += 1;
        match self.wanted.judge(sample) {
            Ok(()) => {
                (self.healthy, self.row, self.only_blind) = (self.healthy + 1, self.row + 1, false);
            }
            Err(why) => {
                self.row = 0;
                self.last_bad = Some(why);
                self.only_blind &= matches!(sample, Sample::Blind(_));
            }
        }
        if self.row >= self.policy.consecutive {
            return Some(Decision::new(
                Verdict::Pass,
                format!("{} healthy answers in a row, {} in all", self.row, self.asked),
            ));
        }
        // Decided as soon as what is left cannot make up a row any more.
        let left = self.policy.attempts.saturating_sub(self.asked);
        if self.row + left >= self.policy.consecutive {
            return None;
        }
        let last = self.last_bad.clone().unwrap_or_else(|| "too few samples".to_owned());
        let count = format!("{} of {} answers healthy", self.healthy, self.asked);
        if self.healthy > 0 || self.only_blind {
            let row = self.policy.consecutive;
            return Some(Decision::new(
                Verdict::Inconclusive,
                format!("{count}, never {row} in a row; last: {last}"),
            ));
        }
        Some(Decision::new(Verdict::Fail, format!("{count}; last: {last}")))
    }
}

impl GreenGate {
    /// A word for the live line.
    pub fn progress(&self) -> String {
        format!("{} of {} in a row healthy", self.row, self.policy.consecutive)
    }
}

/// Whom we expect to answer. Version is the release's label (or commit), revision the build id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// One of these labels; empty when the service does not tell its version.
    pub versions: Vec<ReleaseLabel>,
    /// The build.
    pub build: BuildId,
    /// Whether the platform puts the build id into the service's environment, so that a different
    /// answer proves a different build.
    pub revision_told: bool,
}

impl Wanted {
    /// Nothing if the answer is healthy and is theirs; else what is wrong with it.
    pub fn judge(&self, sample: &Sample) -> Result<(), String> {
        match sample {
            Sample::Healthy(identity) if self.is(identity) => Ok(()),
            Sample::Healthy(identity) => {
                Err(format!("answered by {}, wanted {}", identity.describe(), self.build))
            }
            Sample::Unhealthy(why) => Err(why.clone()),
            Sample::Blind(why) => Err(format!("could not ask: {why}")),
        }
    }

    /// Whether no answer could tell this build from another one: its release is not known, and the
    /// platform tells no revision.
    pub fn proves_nothing(&self) -> bool {
        self.versions.is_empty() && !self.revision_told
    }

    fn is(&self, identity: &Identity) -> bool {
        let version = match &identity.version {
            Some(v) => self.versions.is_empty() || self.versions.iter().any(|w| w.as_str() == v),
            None => true,
        };
        let revision = match &identity.revision {
            Some(r) if self.revision_told => r == self.build.as_str(),
            _ => true,
        };
        let told_anything =
            identity.version.is_some() || (self.revision_told && identity.revision.is_some());
        version && revision && told_anything
    }
}

/// After a switch: who answers at the public address? (N1)
#[derive(Debug)]
pub struct Attestation {
    policy: AttestPolicy,
    wanted: Wanted,
    row: u32,
    ours: u32,
    blind: u32,
    asked: u32,
    last_healthy: Duration,
    seen: BTreeMap<String, u32>,
}

/// With no healthy answer for so long after a switch, nobody serves (F25).
const NOBODY_SERVES: Duration = Duration::from_secs(10);

impl Attestation {
    /// An attestation that has seen nothing yet.
    pub fn new(policy: AttestPolicy, wanted: Wanted) -> Self {
        let last_healthy = Duration::ZERO;
        let (row, ours, blind, asked) = (0, 0, 0, 0);
        Self { policy, wanted, row, ours, blind, asked, last_healthy, seen: BTreeMap::new() }
    }

    /// Takes one answer, `elapsed` after the first question.
    pub fn push(&mut self, sample: &Sample, elapsed: Duration) -> Option<Decision> {
        let label = match sample {
            Sample::Healthy(identity) => {
                self.last_healthy = elapsed;
                identity.describe()
            }
            Sample::Unhealthy(why) => why.clone(),
            Sample::Blind(why) => {
                self.last_healthy = elapsed;
                self.blind += 1;
                format!("could not ask: {why}")
            }
        };
        self.asked += 1;
        *self.seen.entry(label).or_default() += 1;
        if self.wanted.judge(sample).is_ok() {
            (self.row, self.ours) = (self.row + 1, self.ours + 1);
        } else {
            self.row = 0;
        }
        if self.row >= self.policy.consecutive {
            let by = if self.wanted.revision_told { "" } else { ", by version only" };
            return Some(Decision::new(
                Verdict::Pass,
                format!("{} answers in a row{by}: {}", self.row, self.who()),
            ));
        }
        if elapsed.saturating_sub(self.last_healthy) >= NOBODY_SERVES {
            let span = spoken(NOBODY_SERVES);
            return Some(Decision::new(
                Verdict::Fail,
                format!("no healthy answer for {span}: {}", self.who()),
            ));
        }
        if elapsed < self.policy.within {
            return None;
        }
        // Who was blind has not seen that somebody else answers (invariant 8).
        if self.blind == self.asked {
            return Some(Decision::new(Verdict::Inconclusive, self.who()));
        }
        if self.ours > 0 {
            return Some(Decision::new(
                Verdict::Inconclusive,
                format!("PARTIAL, mixed answers: {}", self.who()),
            ));
        }
        Some(Decision::new(
            Verdict::Fail,
            format!("never answered by {}: {}", self.wanted.build, self.who()),
        ))
    }

    /// Who answered, how often.
    pub fn who(&self) -> String {
        let parts: Vec<_> = self.seen.iter().map(|(who, n)| format!("{n} × {who}")).collect();
        parts.join(", ")
    }
}

/// The watch after a switch: failures in a row, per service.
#[derive(Debug)]
pub struct SoakWatch {
    policy: SoakPolicy,
    wanted: BTreeMap<ServiceName, Wanted>,
    row: BTreeMap<ServiceName, u32>,
    samples: u32,
    bad: u32,
    blind: u32,
}

impl SoakWatch {
    /// A watch over some services.
    pub fn new(policy: SoakPolicy, wanted: BTreeMap<ServiceName, Wanted>) -> Self {
        Self { policy, wanted, row: BTreeMap::new(), samples: 0, bad: 0, blind: 0 }
    }

    /// Takes one answer; a decision here is always a failure. Blind samples neither count nor heal.
    pub fn push(&mut self, service: &ServiceName, sample: &Sample) -> Option<Decision> {
        let wanted = self.wanted.get(service)?;
        self.samples += 1;
        if matches!(sample, Sample::Blind(_)) {
            self.blind += 1;
            return None;
        }
        let row = self.row.entry(service.clone()).or_default();
        let Err(why) = wanted.judge(sample) else {
            *row = 0;
            return None;
        };
        *row += 1;
        self.bad += 1;
        (*row >= self.policy.failures).then(|| Decision {
            verdict: Verdict::Fail,
            evidence: format!("{row} failures in a row: {why}"),
        })
    }

    /// Whether it was watched long enough and no service is in the middle of failing. `watched` is
    /// the time with open eyes: what passed while we were blind does not count (N12).
    pub fn may_end(&self, watched: Duration) -> bool {
        let all_seen = self.wanted.keys().all(|service| self.row.contains_key(service));
        watched >= self.policy.length && all_seen && self.row.values().all(|r| *r == 0)
    }

    /// Whether we are blind for so long that nobody can say how the services are: as long again as
    /// the soak should take, and not less than a minute.
    pub fn too_blind(&self, blind: Duration) -> bool {
        blind > self.policy.length.max(Duration::from_mins(1))
    }

    /// The numbers so far.
    pub fn summary(&self) -> String {
        let blind = if self.blind == 0 { String::new() } else { format!(", {} blind", self.blind) };
        format!("{} samples, {} bad{blind}", self.samples, self.bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_soak_that_saw_nothing_does_not_end_well() {
        let service = ServiceName::new("toto-app").unwrap();
        let build = BuildId::new("b-1").unwrap();
        let wanted = Wanted { versions: Vec::new(), build, revision_told: true };
        let policy = super::super::policy::DeployPolicy::default().soak;
        let length = policy.length;
        let mut watch = SoakWatch::new(policy, [(service.clone(), wanted)].into());
        assert!(watch.push(&service, &Sample::Blind("no route".into())).is_none());
        assert!(!watch.may_end(length * 2), "blind only");
        assert!(watch.too_blind(length * 2));
        let identity = Identity { version: None, revision: Some("b-1".into()) };
        assert!(watch.push(&service, &Sample::Healthy(identity)).is_none());
        assert!(watch.may_end(length) && !watch.may_end(length / 2));
        assert_eq!(watch.summary(), "2 samples, 0 bad, 1 blind");
    }
}
