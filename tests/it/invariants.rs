//! Invariants 1, 2, 7 and 9 of `docs/internals/faults.md` hold whatever the world does and whenever a runner dies.

use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::{Plan, RunKind};
use pointsman::domain::planner;
use pointsman::domain::readiness::{Live, default_target, obsolete};
use pointsman::domain::run::RunState;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;
use pointsman::engine::EngineError;
use pointsman::ports::journal::JournalError;
use pointsman::store::MemoryJournal;
use proptest::prelude::*;

use super::world::{Act, Behaviour, Bench, Fault, deploy_plan, named, service, shared_plan, spec};

const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];

fn live(bench: &Bench) -> Live {
    SERVICES.map(|s| (service(s), bench.world.live(s))).into_iter().collect()
}

fn asking(release: &str) -> Plan {
    let mut plan = deploy_plan(release);
    plan.ask_at_gates = true;
    plan
}

fn commands() -> impl Strategy<Value = Vec<Command>> {
    let one = prop_oneof![
        Just(Command::Pause),
        Just(Command::Resume),
        Just(Command::Retry),
        Just(Command::Rollback),
        Just(Command::Skip { reason: "because".to_owned() }),
    ];
    proptest::collection::vec(one, 0..4)
}

fn cleanup(bench: &Bench) -> Plan {
    planner::cleanup(spec(), &obsolete(&bench.runs(), &live(bench))).unwrap()
}

fn rollback(bench: &Bench) -> Plan {
    let choice = default_target(&bench.runs(), &live(bench)).unwrap();
    planner::rollback(spec(), &choice, Some(named("1.1.0")), SchemaWay::Keep).unwrap()
}

/// 1: at most one process acts on an environment. Tested with a takeover after each fact of a deploy, a rollback and a
/// clean-up.
#[test]
fn process_without_its_lease_has_no_effect() {
    for kind in [RunKind::Deploy, RunKind::Rollback, RunKind::Cleanup] {
        let mut lost = 0;
        for at in 2.. {
            let bench = Bench::new();
            bench.drive(&deploy_plan("1.0.0"));
            bench.drive(&deploy_plan("1.1.0"));
            let plan = match kind {
                RunKind::Deploy => deploy_plan("1.2.0"),
                RunKind::Rollback => rollback(&bench),
                RunKind::Cleanup | RunKind::Migrate => cleanup(&bench),
            };
            let (after, ended) = bench.taken_over(&plan, at, deploy_plan("1.3.0"));
            match ended {
                Err(EngineError::Journal(JournalError::LeaseLost(_))) => lost += 1,
                // The run has no such fact, or it was the last one.
                Ok(_) => break,
                Err(other) => panic!("fact {at} of {kind:?}: {other}"),
            }
            assert_eq!(after, [], "after fact {at} of {kind:?}");
        }
        assert!(lost > 5, "{kind:?}: {lost}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..Default::default() })]

    /// 2: an intent is written before every effect, and an observation after every success.
    #[test]
    fn effects_have_intents_and_successes_have_observations(
        at in 2..70_u64,
        acted in any::<bool>(),
        fault in proptest::option::of((0..40_usize, any::<bool>())),
        shared in any::<bool>(),
    ) {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        bench.world.forget_acts();
        let class = Failure::Passing;
        let plan = if shared { shared_plan("1.1.0") } else { deploy_plan("1.1.0") };
        bench.world.fail(fault.map(|(at, acts)| Fault { at, class, acts, lasts: false }));
        let view = match bench.crash(&plan, at, acted) {
            Some(dead) => dead,
            None => bench.runs().swap_remove(0),
        };
        let facts = bench.facts(&view);
        let wrote = |wanted: &dyn Fn(&Event) -> bool| {
            facts.iter().any(|f| matches!(&f.event, Recorded::Known(event) if wanted(event)))
        };
        for act in bench.world.acts() {
            let intended = match &act {
                Act::Built(_, id) => wrote(&|e| {
                    matches!(e, Event::BuildRequested { build, .. } if build.as_str() == id)
                }),
                Act::Switched(name, id) => wrote(&|e| {
                    matches!(e, Event::SwitchRequested { service, to, .. }
                        if service.as_str() == name && to.as_str() == id)
                }),
                Act::Shared(name, id, share) => wrote(&|e| {
                    matches!(e, Event::ShiftRequested { service, green, percent, .. }
                        if service.as_str() == name && green.as_str() == id && percent == share)
                }),
                Act::Stopped(..) | Act::Deleted(..) => false,
            };
            prop_assert!(intended, "{act:?} without an intent");
        }
        if view.state == (RunState::Ended { outcome: Outcome::Promoted }) {
            for seen in view.services.values() {
                prop_assert!(seen.serving == seen.green, "a success that was never observed");
            }
        }
    }

    /// 7: only an approval opens a gate; time, crashes, resumes and other commands do not.
    #[test]
    fn gate_opens_only_by_its_approval(at in 2..25_u64, commands in commands()) {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let before = live(&bench);
        let begun = bench.create(&asking("1.1.0"));
        let mut view = bench.for_minutes(begun, &[]);
        prop_assert!(matches!(view.state, RunState::Waiting { .. }), "{}", view.state.sentence());
        for _ in 0..at % 3 {
            view = bench.for_minutes(view, &commands);
        }
        let opened = |view: &RunView| {
            let facts = bench.facts(view);
            facts.iter().any(|f| matches!(f.event, Recorded::Known(Event::GateAnswered { .. })))
        };
        prop_assert!(!opened(&view));
        prop_assert_eq!(live(&bench), before.clone());
        // The runner died before it read this command, so the command no longer applies.
        bench.send(&view, &[Command::approve()]);
        view = bench.for_minutes(view, &[]);
        prop_assert!(!opened(&view), "an approval from yesterday");
        prop_assert_eq!(live(&bench), before);
        let approved = bench.for_minutes(view, &[Command::approve()]);
        prop_assert!(opened(&approved), "{}", approved.state.sentence());
    }

    /// 9: a rollback works with an unwritable journal and with blind probes. Blind probes never count as a success.
    #[test]
    fn rollback_works_whatever_else_is_broken(
        blind in any::<bool>(),
        unwritable in any::<bool>(),
    ) {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let first = live(&bench);
        bench.drive(&deploy_plan("1.1.0"));
        let plan = rollback(&bench);
        if blind {
            bench.world.behave("1.0.0", Behaviour::Blind);
        }
        let view = if unwritable {
            bench.drive_on(Box::new(MemoryJournal::default()), &plan)
        } else {
            bench.drive(&plan)
        };
        prop_assert_eq!(live(&bench), first);
        prop_assert_eq!(view.exit_code(), if blind { 5 } else { 0 });
    }
}
