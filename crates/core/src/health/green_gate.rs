//! The health check of the candidate before it gets traffic.

use super::{Decision, Sample, ShareRule, Verdict, Wanted};
use crate::policy::HealthPolicy;

/// The candidate's health check: a number of consecutive healthy answers from the expected build.
#[derive(Debug)]
pub struct GreenGate {
    policy: HealthPolicy,
    wanted: Wanted,
    asked: u32,
    healthy: u32,
    row: u32,
    /// Bad answers after the first healthy one. A build that only starts slowly has none.
    bad_since: u32,
    last_bad: Option<String>,
    only_blind: bool,
}

impl GreenGate {
    /// A check without answers yet.
    pub fn new(policy: HealthPolicy, wanted: Wanted) -> Self {
        let (asked, healthy, row, bad_since) = (0, 0, 0, 0);
        Self { policy, wanted, asked, healthy, row, bad_since, last_bad: None, only_blind: true }
    }

    /// Adds one answer. Returns a decision once there is enough evidence.
    pub fn push(&mut self, sample: &Sample) -> Option<Decision> {
        self.asked += 1;
        match self.wanted.judge(sample) {
            Ok(()) => {
                (self.healthy, self.row, self.only_blind) = (self.healthy + 1, self.row + 1, false);
            }
            Err(why) => {
                let blind = matches!(sample, Sample::Blind(_));
                self.bad_since += u32::from(self.healthy > 0 && !blind);
                self.row = 0;
                self.last_bad = Some(why);
                self.only_blind &= blind;
            }
        }
        let count = format!("{} of {} answers healthy", self.healthy, self.asked);
        if self.bad_since >= ShareRule::default().least_bad {
            let last = self.last_bad.as_deref().unwrap_or_default();
            let evidence = format!(
                "{count}, {} bad after the first healthy one; last: {last}",
                self.bad_since
            );
            return Some(Decision::new(Verdict::Inconclusive, evidence));
        }
        if self.row >= self.policy.consecutive {
            return Some(Decision::new(
                Verdict::Pass,
                format!("{} healthy answers in a row, {} in all", self.row, self.asked),
            ));
        }
        // Decides as soon as the remaining attempts cannot make enough consecutive healthy answers.
        let left = self.policy.attempts.saturating_sub(self.asked);
        if self.row + left >= self.policy.consecutive {
            return None;
        }
        let last = self.last_bad.clone().unwrap_or_else(|| "too few samples".to_owned());
        if self.healthy > 0 || self.only_blind {
            let row = self.policy.consecutive;
            return Some(Decision::new(
                Verdict::Inconclusive,
                format!("{count}, never {row} in a row; last: {last}"),
            ));
        }
        Some(Decision::new(Verdict::Fail, format!("{count}; last: {last}")))
    }

    /// Progress for the screen's live line.
    pub fn progress(&self) -> String {
        format!("{} of {} in a row healthy", self.row, self.policy.consecutive)
    }
}
