//! The lie: a branch is deployed twice, and its name means the same release both times.

use pointsman::domain::plan::{Plan, Source};

use crate::truth::identity::back;
use crate::truth::told::{Told, Truth, told};
use crate::world::{Bench, deploy_plan};

fn at_commit(commit: char) -> Plan {
    let mut plan = deploy_plan("main");
    for member in &mut plan.members {
        member.source = Some(Source::Commit(commit.to_string().repeat(40)));
    }
    plan
}

fn a_branch_deployed_twice() -> Told {
    let bench = Bench::new();
    for commit in ['a', 'b'] {
        bench.drive(&at_commit(commit));
    }
    let view = bench.drive(&back(&bench));
    told(&bench, &view)
}

#[test]
fn moving_branch() {
    let truth = Truth {
        exit: 0,
        screen: &["main@bbbbbbb is marked bad", "live main@aaaaaaa", "undo: none"],
        json: &[("/name", "main@aaaaaaa"), ("/marks/0/mark", "bad"), ("/marks/0/commit", "bbbb")],
        report: &["main@bbbbbbb is marked bad", "rollback main@aaaaaaa"],
        alerts: &["rollback main@aaaaaaa (run #3) ended"],
        never: &["main is marked bad", "undo: B to main"],
    };
    truth.holds(&a_branch_deployed_twice());
}
