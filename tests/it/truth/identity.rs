//! A release is its label, its commit and its builds: a label alone names none.

use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::{Plan, Source};
use pointsman::domain::planner;
use pointsman::domain::readiness::{default_target, known, left_by, marked_bad, named_target};

use crate::world::{Bench, deploy_plan, label, spec};

const COMMITS: [&str; 3] = [
    "aaaaaaa000000000000000000000000000000000",
    "bbbbbbb000000000000000000000000000000000",
    "ccccccc000000000000000000000000000000000",
];

/// A deploy of the branch `main` at a commit.
fn main_at(commit: &str) -> Plan {
    let mut plan = deploy_plan("main");
    for member in &mut plan.members {
        member.source = Some(Source::Commit(commit.to_owned()));
    }
    plan
}

pub(super) fn back(bench: &Bench) -> Plan {
    let (runs, live) = (bench.runs(), bench.live());
    let choice = default_target(&runs, &live).unwrap();
    let leaves = left_by(&runs, &live, &choice).map(|k| k.choice.name());
    planner::rollback(spec(), &choice, leaves, SchemaWay::Keep).unwrap()
}

#[test]
fn moving_branch_keeps_its_rollback_target() {
    let bench = Bench::new();
    let mut lives = Vec::new();
    for commit in COMMITS {
        assert_eq!(bench.drive(&main_at(commit)).exit_code(), 0);
        lives.push(bench.live());
    }
    let names: Vec<_> = known(&bench.runs()).iter().map(|k| k.choice.name().to_string()).collect();
    assert_eq!(names, ["main@ccccccc", "main@bbbbbbb", "main@aaaaaaa"]);
    let plan = back(&bench);
    assert_eq!(plan.name().unwrap().to_string(), "main@bbbbbbb");
    assert_eq!(bench.drive(&plan).exit_code(), 0);
    assert_eq!(bench.live(), lives[1]);
    // The one that was left is bad; the next step back is the one before.
    assert!(marked_bad(&bench.runs(), &label("main"), Some(COMMITS[2])).is_some());
    assert!(marked_bad(&bench.runs(), &label("main"), Some(COMMITS[1])).is_none());
    assert_eq!(bench.drive(&back(&bench)).exit_code(), 0);
    assert_eq!(bench.live(), lives[0]);
    assert!(default_target(&bench.runs(), &bench.live()).is_err(), "both others are bad");
}

#[test]
fn moving_branch_release_is_named_by_its_commit() {
    let bench = Bench::new();
    for commit in COMMITS {
        bench.drive(&main_at(commit));
    }
    let to = |name: &str| named_target(&bench.runs(), &bench.live(), &label(name), false);
    assert_eq!(to("main").unwrap().choice.name().to_string(), "main@bbbbbbb", "not the live one");
    assert_eq!(to("main@aaaaaaa").unwrap().choice.commit.as_deref(), Some(COMMITS[0]));
    let live = to("main@ccccccc").unwrap_err().problem();
    assert_eq!(live.what, "release main@ccccccc is live already");
    let unknown = to("main@ddddddd").unwrap_err().problem();
    assert!(unknown.why.contains("main@aaaaaaa"), "{unknown}");
}

#[test]
fn redeployed_label_is_two_releases() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let first = bench.live();
    bench.drive(&deploy_plan("1.0.0"));
    assert_ne!(bench.live(), first);
    assert_eq!(bench.drive(&back(&bench)).exit_code(), 0);
    assert_eq!(bench.live(), first);
    assert!(default_target(&bench.runs(), &bench.live()).is_err(), "not to what was rolled back");
}
