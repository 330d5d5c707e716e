//! What proves that a build answers, and what proves that a release is bad.

use pointsman::domain::command::Command;
use pointsman::domain::event::Mark;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;

use crate::world::{Behaviour, Bench, Fault, deploy_plan};

/// A second deploy whose soak a person interrupts.
pub(super) fn during_the_soak(command: &Command) -> (Bench, RunView) {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut sent = false;
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        let soaks = view.state.step().is_some_and(|s| s.as_str() == "soak");
        if soaks && !std::mem::replace(&mut sent, true) {
            bench.send(view, std::slice::from_ref(command));
        }
    });
    (bench, view)
}

fn marks(view: &RunView) -> Vec<Mark> {
    view.marks.iter().map(|marked| marked.mark).collect()
}

#[test]
fn same_label_again_proves_nothing_by_version_alone() {
    let bench = Bench::new();
    bench.world.hides_revisions();
    assert_eq!(bench.drive(&deploy_plan("1.0.0")).exit_code(), 0, "nothing served before");
    let view = bench.drive(&deploy_plan("1.0.0"));
    assert_eq!(view.exit_code(), 5, "{}", view.state.sentence());
    let (step, problem, _) = view.failure.as_ref().unwrap();
    assert_eq!(step.as_str(), "attest");
    assert!(problem.why.contains("may report the same version"), "{problem}");
    // Another label can be told apart.
    assert_eq!(bench.drive(&deploy_plan("1.1.0")).exit_code(), 0);
}

#[test]
fn release_is_marked_bad_only_for_its_own_failures() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    // The platform refuses the second switch for good: 403.
    let mut undone = 0;
    for at in 0..40 {
        bench.world.fail(Some(Fault { at, class: Failure::Lasting, acts: false, lasts: false }));
        let view = bench.drive(&deploy_plan("1.1.0"));
        bench.world.fail(None);
        undone += u32::from(view.undo.is_some());
        assert!(!marks(&view).contains(&Mark::Bad), "call {at}: {}", view.state.sentence());
        if view.exit_code() == 0 {
            bench.drive(&deploy_plan("1.0.0"));
        }
    }
    assert!(undone > 0);
    bench.world.behave("1.2.0", Behaviour::Leaks(8));
    assert_eq!(marks(&bench.drive(&deploy_plan("1.2.0"))), [Mark::Bad]);
}

#[test]
fn abort_blames_nothing_and_manual_rollback_does() {
    for (command, wanted) in
        [(Command::Abort { now: true }, vec![]), (Command::Rollback, vec![Mark::Bad])]
    {
        let (_, view) = during_the_soak(&command);
        assert_eq!(marks(&view), wanted, "{command:?}");
        let because = &view.undo.as_ref().unwrap().1;
        let said =
            if wanted.is_empty() { "aborted after traffic moved" } else { "rolled back by ben" };
        assert_eq!(because, said);
    }
}
