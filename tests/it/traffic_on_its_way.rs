//! Traffic that was requested and is not in effect yet: what a run says of it must still be true when it is.

use pointsman::domain::event::Outcome;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::default_target;
use pointsman::domain::run::RunState;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;
use pointsman::rehearsal::Fault;

use crate::world::{Bench, named, planned, spec};

/// A world with two releases, of which the second is live, whose traffic moves only after it was read some times.
fn late() -> Bench {
    let bench = Bench::new();
    for release in ["1.0.0", "1.1.0"] {
        assert_eq!(bench.drive(&planned(spec(), release)).exit_code(), 0);
    }
    bench.world.moves_late(15);
    bench
}

fn rollback(bench: &Bench) -> Plan {
    let choice = default_target(&bench.runs(), &bench.live()).unwrap();
    planner::rollback(spec(), &choice, Some(named("1.1.0")), SchemaWay::Keep).unwrap()
}

/// Whether what the run says of its services is so once everything that was requested is in effect.
#[track_caller]
fn holds(bench: &Bench, view: &RunView, of: &str) {
    bench.world.catches_up();
    if view.traffic_unknown() {
        assert_eq!(view.exit_code(), 7, "{of}: {}", view.state.sentence());
        return;
    }
    for (service, seen) in &view.services {
        let Some(serving) = &seen.serving else { continue };
        let live = bench.world.live(service.as_str());
        assert_eq!(live.as_ref(), Some(serving), "{of}: {service}, {}", view.state.sentence());
    }
}

#[test]
fn deploy_whose_calls_fail_says_what_is_so_in_the_end() {
    let mut promoted = 0;
    for (at, acts) in (0..40).flat_map(|at| [(at, true), (at, false)]) {
        let bench = late();
        let class = Failure::Inconclusive;
        bench.world.fail(Some(Fault { at, class, acts, lasts: false }));
        let view = bench.drive(&planned(spec(), "1.2.0"));
        promoted += usize::from(view.exit_code() == 0);
        holds(&bench, &view, &format!("call {at}, acts: {acts}"));
    }
    assert!(promoted > 20, "{promoted}");
}

#[test]
fn rollback_beside_a_change_on_its_way_says_what_is_so_in_the_end() {
    let mut rolled_back = 0;
    for (at, acts) in (0..20).flat_map(|at| [(at, true), (at, false)]) {
        let bench = late();
        let plan = rollback(&bench);
        let of_bo = plan.members.iter().find(|member| member.service().as_str() == "toto-bo");
        let (old, new) = (of_bo.unwrap().to.clone().unwrap(), bench.world.live("toto-bo").unwrap());
        // The target is live, and what should be rolled back is on its way again.
        bench.world.give_traffic("toto-bo", &old);
        bench.world.catches_up();
        bench.world.give_traffic("toto-bo", &new);
        let class = Failure::Inconclusive;
        bench.world.fail(Some(Fault { at, class, acts, lasts: false }));
        let view = bench.drive(&plan);
        // A run that gave up says what it last saw.
        if view.state == (RunState::Ended { outcome: Outcome::RolledBack }) {
            rolled_back += 1;
            holds(&bench, &view, &format!("call {at}, acts: {acts}"));
        }
    }
    assert!(rolled_back > 10, "{rolled_back}");
}
