//! A run is handed over between two steps, to a person who accepted it; or kept if no one comes.

use std::time::Duration;

use pointsman::domain::command::Command;
use pointsman::domain::event::Outcome;
use pointsman::domain::run::RunState;
use pointsman::domain::view::RunView;

use super::world::{Act, Bench, deploy_plan};

fn kinds(bench: &Bench, view: &RunView) -> Vec<String> {
    bench.facts(view).iter().map(|fact| fact.event.parts().0).collect()
}

fn at(kinds: &[String], wanted: &str) -> usize {
    let found = kinds.iter().position(|kind| kind == wanted);
    found.unwrap_or_else(|| panic!("no {wanted}: {kinds:?}"))
}

#[test]
fn run_that_nobody_comes_for_is_taken_back() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut stage = 0;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| {
        let RunState::Waiting { .. } = view.state else { return };
        match (stage, &view.offered, &view.handed) {
            (0, None, None) => bench.send_as("ben", view, &Command::Accept),
            (1, None, None) if !bench.refusals(view).is_empty() => {
                bench.send_as("ana", view, &Command::Offer);
            }
            (2, Some(by), None) => {
                assert_eq!(by, "ana");
                bench.send_as("ben", view, &Command::Accept);
            }
            (3, None, Some(to)) => assert_eq!(to, "ben"),
            (4, None, None) => bench.send_as("cho", view, &Command::approve()),
            _ => return,
        }
        stage += 1;
    });
    assert_eq!(stage, 5);
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::Promoted });
    assert_eq!(bench.refusals(&view), ["no one has offered it"]);
    let facts = bench.facts(&view);
    let kinds = kinds(&bench, &view);
    let (handed, taken) = (at(&kinds, "run-handed-over"), at(&kinds, "run-taken-on"));
    let waited = facts[taken].elapsed_ms - facts[handed].elapsed_ms;
    assert!((60_000..62_000).contains(&waited), "{waited}");
}

/// A half-finished switch is worse than either side: both services are switched before another machine gets the run.
#[test]
fn run_is_handed_over_after_a_switch_and_not_within() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut sent = false;
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        if view.touched_traffic() && !std::mem::replace(&mut sent, true) {
            bench.send_as("ana", view, &Command::Offer);
            bench.send_as("ben", view, &Command::Accept);
        }
    });
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::Promoted });
    let kinds = kinds(&bench, &view);
    let switched = kinds.iter().rposition(|kind| kind == "switch-requested").unwrap();
    assert!(at(&kinds, "run-handed-over") > switched, "{kinds:?}");
}

/// Another process takes the run as the first one permits; the first one drives nothing any more.
#[test]
fn process_that_handed_the_run_over_stops() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let (first, second) = bench.handed_over(&deploy_plan("1.1.0"), "ben");
    assert!(first.to_string().contains("ben drives the run now"), "{first}");
    assert_eq!(second.state, RunState::Ended { outcome: Outcome::Promoted });
    let facts = bench.facts(&second);
    let taken = at(&kinds(&bench, &second), "run-taken-on");
    assert!(
        facts[taken..].iter().all(|fact| fact.actor == "ben"),
        "it is responsible from then on"
    );
    assert!(second.elapsed_ms < u64::try_from(Duration::from_mins(2).as_millis()).unwrap());
}

/// What was requested before the hand-over is done before it: the next process does not know of it.
#[test]
fn accepted_commands_are_not_lost_by_a_hand_over() {
    for (command, outcome) in [
        (Command::Abort { now: false }, Outcome::Aborted),
        (Command::Rollback, Outcome::RolledBack),
    ] {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let mut sent = false;
        let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
            let at = view.state.step().map(ToString::to_string).unwrap_or_default();
            let wanted = if command == Command::Rollback { "attest" } else { "build" };
            if at == wanted && !std::mem::replace(&mut sent, true) {
                bench.send_as("ana", view, &Command::Offer);
                bench.send_as("ben", view, &Command::Accept);
                bench.send_as("ana", view, &command);
            }
        });
        assert_eq!(view.state, RunState::Ended { outcome }, "{command:?}");
    }
}

/// A person may change their mind while no one has come yet.
#[test]
fn command_during_a_hand_over_takes_the_run_back() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut stage = 0;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| {
        let RunState::Waiting { .. } = view.state else { return };
        match (stage, &view.handed) {
            (0, None) => {
                bench.send_as("ana", view, &Command::Offer);
                bench.send_as("ben", view, &Command::Accept);
            }
            (1, Some(_)) => bench.send_as("ana", view, &Command::Abort { now: false }),
            _ => return,
        }
        stage += 1;
    });
    assert_eq!((stage, view.state), (2, RunState::Ended { outcome: Outcome::Aborted }));
    assert!(view.elapsed_ms < 60_000, "it did not wait for the other process");
}

/// A hand-over that is accepted in the last step of a run comes too late, and harms nothing.
#[test]
fn hand_over_in_the_last_step_comes_too_late() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut sent = false;
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        let last = view.state.step().is_some_and(|step| step.as_str() == "mark-stable");
        if last && !std::mem::replace(&mut sent, true) {
            bench.send_as("ana", view, &Command::Offer);
            bench.send_as("ben", view, &Command::Accept);
        }
    });
    assert!(sent);
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::Promoted });
}

/// The first process dies at each fact around a hand-over, at the beginning of its run: it can be resumed from everywhere.
#[test]
fn death_around_a_hand_over_leaves_a_run_that_can_be_resumed() {
    let mut handed = 0;
    for (at, acted) in (2..16).flat_map(|at| [(at, false), (at, true)]) {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        bench.world.forget_acts();
        let dead = bench.crash_offered(&deploy_plan("1.1.0"), at, acted);
        let Some(dead) = dead.filter(|dead| dead.ended.is_none()) else { continue };
        handed += u32::from(dead.handed.is_some());
        let (_, view) = bench.resume(dead, None);
        assert_eq!(view.handed, None, "fact {at}: no one waits for it any more");
        let RunState::Ended { outcome } = view.state else { panic!("fact {at}") };
        let fine = [Outcome::Promoted, Outcome::Aborted, Outcome::RolledBack].contains(&outcome);
        assert!(fine, "fact {at}: {}", outcome.label());
        let acts = bench.world.acts();
        let built = acts.iter().filter(|act| matches!(act, Act::Built(..))).count();
        assert!(built <= 2, "fact {at}: a build of each service: {acts:?}");
    }
    assert!(handed > 0, "it also died while the run was let go of");
}
