//! Foreign traffic changes after the switch are noticed, reported and never promoted.

use pointsman::domain::event::{Outcome, Split};
use pointsman::domain::ids::BuildId;
use pointsman::domain::run::RunState;
use pointsman::domain::step::Failure;
use pointsman::domain::view::{RunView, TrafficState};

use crate::world::{Act, Bench, deploy_plan, service};

pub(super) fn build(id: &str) -> BuildId {
    BuildId::new(id).unwrap()
}

/// A second deploy on a platform where, from the `after`-th read after the switch on, `toto-app` has
/// other traffic.
pub(super) fn drifted(
    after: u32,
    traffic: impl Fn(&BuildId) -> Vec<Split> + Send + 'static,
) -> (Bench, RunView) {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.forget_acts();
    let mut reads = 0;
    bench.world.twist(move |service, switched, splits| {
        if service != "toto-app" || !switched {
            return;
        }
        reads += 1;
        if reads > after {
            *splits = traffic(&splits[0].build);
        }
    });
    let view = bench.drive(&deploy_plan("1.1.0"));
    (bench, view)
}

pub(super) fn part(build: &BuildId, percent: u8) -> Split {
    Split { build: build.clone(), percent }
}

#[test]
fn deploy_refuses_split_traffic() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.forget_acts();
    bench.world.twist(|service, _, splits| {
        if service == "toto-app" {
            *splits = vec![part(&splits[0].build, 90), part(&build("b-foreign"), 10)];
        }
    });
    let view = bench.drive(&deploy_plan("1.1.0"));
    assert_eq!(view.exit_code(), 1, "{}", view.state.sentence());
    let (_, problem, _) = view.failure.as_ref().unwrap();
    assert_eq!(problem.what, "traffic of toto-app is split");
    assert_eq!(bench.world.acts(), Vec::<Act>::new(), "nothing is built and nothing switched");
}

#[test]
fn split_after_the_switch_is_not_promoted() {
    // The second read after the switch is the verification's, later ones are the soak's.
    for after in 2..6 {
        for percent in [50, 90, 99] {
            let (bench, view) = drifted(after, move |green| {
                vec![part(green, percent), part(&build("b-foreign"), 100 - percent)]
            });
            let said = format!("read {after}, {percent} %: {}", view.state.sentence());
            assert_eq!(view.state, RunState::Ended { outcome: Outcome::Failed }, "{said}");
            assert_eq!(view.exit_code(), 1, "{said}");
            let failed =
                view.failure.as_ref().map(|(_, problem, class)| (problem.why.clone(), *class));
            let (why, class) = failed.unwrap();
            assert_eq!(class, Failure::Drift);
            assert!(why.contains(&format!("{percent} %, b-foreign {} %", 100 - percent)), "{why}");
            assert_eq!(view.services[&service("toto-app")].serving, None);
            // No fight, and no verdict about a release that did nothing.
            assert!(view.undo.is_none(), "{said}");
            assert!(view.marks.is_empty(), "{said}");
            let switches =
                bench.world.acts().into_iter().filter(|a| matches!(a, Act::Switched(..)));
            assert_eq!(switches.count(), 2, "{said}");
        }
    }
}

#[test]
fn foreign_live_build_is_named() {
    let (_, view) = drifted(3, |_| vec![part(&build("b-foreign"), 100)]);
    assert_eq!(view.exit_code(), 1);
    let seen = &view.services[&service("toto-app")];
    assert_eq!(seen.serving, Some(build("b-foreign")));
    assert!(view.marks.is_empty());
}

#[test]
fn removed_traffic_is_not_reported_as_live() {
    let (_, view) = drifted(3, |_| Vec::new());
    assert_eq!(view.exit_code(), 1);
    let seen = &view.services[&service("toto-app")];
    assert_eq!((seen.serving.as_ref(), &seen.traffic), (None, &TrafficState::None));
}

#[test]
fn foreign_rollback_of_one_service_rolls_back_all_and_blames_none() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    let blue = before[&service("toto-app")].clone().unwrap();
    let mut reads = 0;
    bench.world.forget_acts();
    bench.world.twist(move |service, switched, splits| {
        reads += u32::from(service == "toto-app" && switched);
        if service == "toto-app" && switched && reads > 3 {
            *splits = vec![part(&blue, 100)];
        }
    });
    let view = bench.drive(&deploy_plan("1.1.0"));
    assert_eq!(view.state, RunState::Ended { outcome: Outcome::RolledBack });
    assert_eq!(bench.live(), before, "never split");
    assert!(view.marks.is_empty(), "the release did nothing wrong");
}

#[test]
fn switch_without_a_reply_leaves_the_live_build_unknown() {
    for call in ["set_active", "traffic"] {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let mut hung = false;
        let world = bench.world.clone();
        let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
            let switching = view.services.values().any(|s| s.switch_asked);
            if switching && !std::mem::replace(&mut hung, true) {
                // From here on the platform never answers.
                world.hang("traffic");
                world.hang(call);
            }
        });
        let said = format!("{call}: {}", view.state.sentence());
        assert_eq!(view.exit_code(), 7, "{said}");
        let seen = &view.services[&service("toto-bo")];
        assert_eq!(
            (seen.serving.as_ref(), &seen.traffic),
            (None, &TrafficState::Unknown),
            "{said}"
        );
        assert!(view.marks.is_empty());
    }
}

#[test]
fn hanging_switch_that_landed_is_read_back() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.hang("set_active");
    let view = bench.drive(&deploy_plan("1.1.0"));
    assert_eq!(view.exit_code(), 0, "{}", view.state.sentence());
    assert!(view.elapsed_ms < 10 * 60_000, "{}", view.elapsed_ms);
}
