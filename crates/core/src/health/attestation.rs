//! Verifies after a switch which build answers at the public address (N1).

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Decision, Sample, Verdict, Wanted};
use crate::policy::AttestPolicy;
use crate::time::spoken;

/// Verifies the public address after a switch, answer by answer.
#[derive(Debug)]
pub struct Attestation {
    policy: AttestPolicy,
    wanted: Wanted,
    row: u32,
    /// The part of `row` that distinguishes the expected build from the other one.
    proven: u32,
    ours: u32,
    blind: u32,
    asked: u32,
    last_healthy: Duration,
    /// Each distinct answer, with its count.
    seen: BTreeMap<String, u32>,
    /// Why the last mismatch did not match.
    mismatch: Option<String>,
    /// A revision in another form than expected, which proves no build.
    other_form: Option<String>,
}

/// Without a healthy answer for this long after a switch, the service is down (F25).
const DOWN_AFTER: Duration = Duration::from_secs(10);

impl Attestation {
    /// A verification without answers yet.
    pub fn new(policy: AttestPolicy, wanted: Wanted) -> Self {
        let (row, proven, ours, blind, asked) = (0, 0, 0, 0, 0);
        Self {
            policy,
            wanted,
            row,
            proven,
            ours,
            blind,
            asked,
            last_healthy: Duration::ZERO,
            seen: BTreeMap::new(),
            mismatch: None,
            other_form: None,
        }
    }

    /// Adds one answer, `elapsed` after the first request. Returns a decision once there is enough evidence.
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
        if let Some(told) = self.wanted.other_form(sample) {
            self.other_form = Some(told.to_owned());
        }
        *self.seen.entry(label).or_default() += 1;
        match self.wanted.judge(sample) {
            Ok(()) => {
                self.proven += u32::from(self.wanted.proven_by(sample));
                (self.row, self.ours) = (self.row + 1, self.ours + 1);
            }
            Err(why) => (self.row, self.proven, self.mismatch) = (0, 0, Some(why)),
        }
        if self.row >= self.policy.consecutive {
            return Some(self.all_ours());
        }
        if elapsed.saturating_sub(self.last_healthy) >= DOWN_AFTER {
            let span = spoken(DOWN_AFTER);
            return Some(
                Decision::new(
                    Verdict::Fail,
                    format!("no healthy answer for {span}: {}", self.who()),
                )
                .of_release(true),
            );
        }
        if elapsed < self.policy.within {
            return None;
        }
        // Blind samples are no evidence that another build answers (invariant 8).
        if self.blind == self.asked {
            return Some(Decision::new(Verdict::Inconclusive, self.who()));
        }
        if self.ours > 0 {
            return Some(Decision::new(
                Verdict::Inconclusive,
                format!("PARTIAL, mixed answers: {}", self.who()),
            ));
        }
        let why = self.mismatch.as_deref().unwrap_or_default();
        Some(Decision::new(
            Verdict::Fail,
            format!("never answered by {}: {}; {why}", self.wanted.build, self.who()),
        ))
    }

    /// The decision after enough consecutive answers from the expected build. Inconclusive if
    /// the other build may answer alike.
    fn all_ours(&self) -> Decision {
        let (row, who) = (self.row, self.who());
        if self.proven < self.row {
            let evidence = format!(
                "{row} answers in a row: {who}; the other build may report the same version, and no \
                 revision tells them apart"
            );
            return Decision::new(Verdict::Inconclusive, evidence);
        }
        let by = match (&self.wanted.revision, &self.other_form) {
            (None, _) => ", by version only".to_owned(),
            (Some(_), None) => String::new(),
            (Some(wanted), Some(told)) => format!(
                ", by version only: this platform calls the revision {told}, not {}",
                wanted.name
            ),
        };
        let pass = Decision::new(Verdict::Pass, format!("{row} answers in a row{by}: {who}"));
        Decision { warns: self.other_form.is_some(), ..pass }
    }

    /// Lists each distinct answer with its count.
    pub fn who(&self) -> String {
        let parts: Vec<_> = self.seen.iter().map(|(who, n)| format!("{n} × {who}")).collect();
        parts.join(", ")
    }
}
