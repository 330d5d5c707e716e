//! Checks whether a release was promoted on the previous environment.

use super::event::{Mark, Outcome};
use super::ids::EnvironmentName;
use super::plan::{Member, Plan};
use super::readiness::{Known, known};
use super::run::RunState;
use super::view::RunView;

/// Why the runs of the previous environment do not prove the release, if they do not.
pub fn not_promoted(runs: &[RunView], plan: &Plan, from: &EnvironmentName) -> Option<String> {
    let commit = plan.commit();
    let of = |k: &Known| {
        let known = k.choice.commit.as_deref();
        let same = known.is_none() || commit.is_none() || known == commit;
        Some(&k.choice.release) == plan.release.as_ref() && same
    };
    let marked = known(runs).into_iter().find(of);
    if marked.is_some_and(|k| k.mark == Mark::Bad) {
        return Some(format!("it was rolled back on {from}"));
    }
    let promoted = RunState::Ended { outcome: Outcome::Promoted };
    let same = |member: &Member, run: &RunView| {
        let there = run.plan.member(member.service());
        there.is_some_and(|m| m.source == member.source) && run.plan.release == plan.release
    };
    let unproven = plan
        .members
        .iter()
        .find(|member| !runs.iter().any(|run| run.state == promoted && same(member, run)))?;
    Some(format!("no run there promoted this source of {}", unproven.service()))
}
