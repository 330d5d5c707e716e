//! When traffic may move, and which confirmations that needs.

use std::collections::VecDeque;

use super::checklist::{List, may_pass};
use super::code::Code;
use super::error::Problem;
use super::health::{Decision, Sample, Share, ShareRule, ShareVerdict, Verdict, Wanted};
use super::ids::EnvironmentName;
use super::policy::{HealthPolicy, Protection};
use super::run::RunState;
use super::view::RunView;

/// A person's answers before the run started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// `--yes`, or the answer to the prompt.
    pub yes: bool,
    /// `--confirm NAME`, or the typed name.
    pub confirm: Option<String>,
}

/// Whether the answers suffice for an environment. The error maps to exit code 3. `word` is the text to type.
pub fn permitted(
    environment: &EnvironmentName,
    word: &str,
    protection: Protection,
    answers: &Answers,
) -> Result<(), Problem> {
    let named = answers.confirm.as_deref();
    if let Some(wrong) = named.filter(|n| *n != word) {
        return Err(Problem::coded(
            Code::NOT_CONFIRMED,
            format!("--confirm says {wrong:?}, but this is {word}"),
        )
        .try_this(format!("write --confirm {word}, if that is what you mean")));
    }
    match protection {
        Protection::Typed if named.is_none() => Err(Problem::coded(
            Code::NOT_CONFIRMED,
            format!("{environment} is a typed environment: {word} must be confirmed"),
        )
        .try_this(format!("add --yes --confirm {word}"))),
        Protection::Open | Protection::Confirm | Protection::Typed if !answers.yes => {
            Err(Problem::coded(
                Code::NOT_CONFIRMED,
                format!("this action on {environment} was not confirmed"),
            )
            .because("there is no terminal to ask on, and --yes was not given")
            .try_this("add --yes"))
        }
        Protection::Open | Protection::Confirm | Protection::Typed => Ok(()),
    }
}

/// Whether traffic may move: the candidate is healthy, and the checklist allows it.
pub fn may_switch(view: &RunView) -> Result<(), Problem> {
    green_may_serve(view)?;
    may_pass(view, List::Deploy)
}

/// Whether the candidate of every service is ready, and each one that was probed passed.
/// Unknown is not a pass (invariant 8).
pub fn green_may_serve(view: &RunView) -> Result<(), Problem> {
    for member in &view.plan.members {
        let service = member.service();
        let seen = view.services.get(service);
        if seen.is_none_or(|s| s.green.is_none() || !s.ready) {
            return Err(Problem::new(format!("{service} GREEN is not ready")));
        }
        if let Some(verdict) = seen.and_then(|s| s.green_health).filter(|v| *v != Verdict::Pass) {
            let said = seen.and_then(|s| s.green_judged.as_ref());
            let said = said.map_or("", |(_, evidence)| evidence.as_str());
            let what = match verdict {
                Verdict::Fail => "is not healthy",
                Verdict::Pass | Verdict::Inconclusive => "is not known to be healthy",
            };
            return Err(Problem::new(format!("{service} GREEN {what}")).because(said));
        }
    }
    Ok(())
}

/// Whether the previous build may be cleaned up after a run: only after a verified switch. A run that moved traffic
/// and did not end well may have left customers on two builds (PARTIAL).
pub fn may_clean_up(last: &RunView) -> Result<(), Problem> {
    let seen = matches!(&last.state, RunState::Ended { outcome } if outcome.reached());
    if seen || !last.touched_traffic() {
        return Ok(());
    }
    let run = last.number;
    Err(Problem::new(format!("run {run} moved traffic and did not end well"))
        .because(
            "it was never verified that one build alone answers customers, so blue is still needed",
        )
        .try_this("deploy or roll back first, to an end that was seen"))
}

/// Consecutive failures that turn the verdict to fail.
const BAD_IN_A_ROW: u32 = 2;
/// Consecutive blind samples that turn the verdict to inconclusive.
const BLIND_IN_A_ROW: u32 = 3;
/// State changes among the last answers that count as flapping, which never passes.
const FLAP_CHANGES: usize = 4;
const FLAP_WINDOW: usize = 20;
/// Consecutive good answers after which earlier bad ones no longer count.
const RECOVERED_AFTER: u32 = 20;

/// Monitors the candidate while its gate waits, and reports when its verdict changes.
#[derive(Debug)]
pub struct GateWatch {
    policy: HealthPolicy,
    wanted: Wanted,
    verdict: Verdict,
    answers: VecDeque<bool>,
    share: Share,
    row: (bool, u32),
    blind: u32,
}

impl GateWatch {
    /// Starts from the candidate's earlier verdict.
    pub fn new(policy: HealthPolicy, wanted: Wanted, verdict: Verdict) -> Self {
        let (answers, share) = (VecDeque::new(), Share::new(ShareRule::default()));
        Self { policy, wanted, verdict, answers, share, row: (true, 0), blind: 0 }
    }

    pub fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether enough answers support the verdict. One answer says little about a candidate that passed before.
    pub fn steady(&self) -> bool {
        self.verdict != Verdict::Pass || (self.row.0 && self.row.1 >= self.policy.consecutive)
    }

    /// Adds one answer. Returns a decision if the verdict changes.
    pub fn push(&mut self, sample: &Sample) -> Option<Decision> {
        let (verdict, evidence) = self.judge(sample)?;
        if std::mem::replace(&mut self.verdict, verdict) == verdict {
            return None;
        }
        Some(Decision::new(verdict, evidence))
    }

    fn judge(&mut self, sample: &Sample) -> Option<(Verdict, String)> {
        if let Sample::Blind(why) = sample {
            self.blind += 1;
            // Answers on both sides of a gap prove nothing about the gap.
            self.row = (true, 0);
            let lost = self.blind >= BLIND_IN_A_ROW;
            return lost.then(|| (Verdict::Inconclusive, format!("it cannot be asked: {why}")));
        }
        self.blind = 0;
        let judged = self.wanted.judge(sample);
        let good = judged.is_ok();
        self.row = (good, if self.row.0 == good { self.row.1 + 1 } else { 1 });
        if self.answers.len() == FLAP_WINDOW {
            self.answers.pop_front();
        }
        self.answers.push_back(good);
        if self.row.1 >= RECOVERED_AFTER && good {
            self.share.clear();
        }
        self.share.push(good);
        let before = self.answers.iter();
        let turns = before.zip(self.answers.iter().skip(1)).filter(|(a, b)| a != b).count();
        match judged {
            Err(why) if self.row.1 >= BAD_IN_A_ROW => {
                Some((Verdict::Fail, format!("{} bad answers in a row: {why}", self.row.1)))
            }
            _ if turns >= FLAP_CHANGES => {
                let said = format!("flapping: {turns} turns in {} answers", self.answers.len());
                Some((Verdict::Inconclusive, said))
            }
            _ if self.share.verdict() == ShareVerdict::Exceeded => {
                Some((Verdict::Inconclusive, self.share.describe()))
            }
            Ok(()) if self.row.1 >= self.policy.consecutive => {
                Some((Verdict::Pass, format!("{} healthy answers in a row", self.row.1)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn green_is_judged_again_when_its_health_changes_at_the_gate() {
        let wanted = Wanted::by_revision("b-1");
        let policy = super::super::policy::DeployPolicy::default().health;
        let mut watch = GateWatch::new(policy, wanted, Verdict::Pass);
        let mut hear = |answers: &str| {
            let mut turned = Vec::new();
            for answer in answers.chars() {
                let revision = Some("b-1".to_owned());
                let sample = match answer {
                    '.' => {
                        Sample::Healthy(super::super::health::Identity { version: None, revision })
                    }
                    'x' => Sample::Unhealthy("HTTP 503".to_owned()),
                    _ => Sample::Blind("no route".to_owned()),
                };
                turned.extend(watch.push(&sample).map(|decision| decision.verdict));
            }
            turned
        };
        assert_eq!(hear("....x...."), [], "one bad answer is no outage");
        assert_eq!(hear("xx"), [Verdict::Fail]);
        assert_eq!(hear("..x.."), [Verdict::Inconclusive], "that is flapping");
        assert_eq!(hear("...................."), [Verdict::Pass]);
        assert_eq!(hear("??"), []);
        assert_eq!(hear("?"), [Verdict::Inconclusive], "a probe that cannot run proves nothing");
        assert_eq!(hear(".."), [], "and what was before does not count");
        assert_eq!(hear("."), [Verdict::Pass]);
        assert_eq!(hear("x?x"), [], "there were no two failures in a row");
    }

    #[test]
    fn typed_environment_requires_its_name() {
        let production = EnvironmentName::new("production").unwrap();
        let says = |yes, confirm: Option<&str>| {
            let answers = Answers { yes, confirm: confirm.map(str::to_owned) };
            permitted(&production, "production", Protection::Typed, &answers).is_ok()
        };
        assert!(says(true, Some("production")));
        assert!(!says(true, None));
        assert!(!says(true, Some("staging")));
        assert!(!says(true, Some("Production")));
        assert!(!says(false, Some("production")));
    }

    #[test]
    fn wrong_confirmation_is_refused_even_where_none_is_needed() {
        let open = EnvironmentName::new("development").unwrap();
        let answers = Answers { yes: true, confirm: Some("production".into()) };
        assert!(permitted(&open, "development", Protection::Open, &answers).is_err());
    }
}
