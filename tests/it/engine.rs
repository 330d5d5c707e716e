//! The engine in a scripted world: what it does, what it never does, and what it reports.

use std::collections::BTreeMap;

use pointsman::domain::command::Command;
use pointsman::domain::event::{DecidedBy, Event, Outcome, Recorded};
use pointsman::domain::gate::may_clean_up;
use pointsman::domain::health::Verdict;
use pointsman::domain::ids::BuildId;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::{Live, default_target, left_by, named_target, obsolete};
use pointsman::domain::run::RunState;
use pointsman::domain::run_replay::RunReplay;
use pointsman::domain::step::Failure;
use pointsman::domain::view::RunView;
use pointsman::engine::Signal;
use proptest::prelude::*;

use super::world::{
    Act, Behaviour, Bench, Fault, deploy_plan, label, named, outcome, service, spec,
};

const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];

fn rollback_plan(bench: &Bench, to: Option<&str>) -> Plan {
    let (runs, live) = (bench.runs(), bench.live());
    let choice = match to {
        Some(to) => named_target(&runs, &live, &label(to), true).unwrap().choice,
        None => default_target(&runs, &live).unwrap(),
    };
    planner::rollback(spec(), &choice, Some(named("1.1.0")), SchemaWay::Keep).unwrap()
}

fn switches(acts: &[Act]) -> Vec<&str> {
    acts.iter()
        .filter_map(
            |a| if let Act::Switched(service, _) = a { Some(service.as_str()) } else { None },
        )
        .collect()
}

#[test]
fn good_release_is_promoted_in_order_and_read_back() {
    let bench = Bench::new();
    let view = bench.drive(&deploy_plan("1.0.0"));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::Promoted, 0));
    assert_eq!(switches(&bench.world.acts()), ["toto-bo", "toto-app"]);
    for name in SERVICES {
        assert_eq!(view.services[&service(name)].serving, bench.world.live(name));
    }
}

#[test]
fn each_service_is_probed_at_its_own_address() {
    let bench = Bench::new();
    bench.world.behave("1.0.0", Behaviour::Healthy);
    bench.drive(&deploy_plan("1.0.0"));
    let mut asked = bench.world.probed_urls();
    asked.sort();
    asked.dedup();
    let mut expected: Vec<String> = SERVICES.iter().map(|s| format!("http://{s}")).collect();
    for name in SERVICES {
        let build = bench.world.live(name).unwrap();
        expected.push(format!("https://{build}.preview.invalid"));
    }
    expected.sort();
    assert_eq!(asked, expected);
}

#[test]
fn failure_before_the_switch_never_touches_traffic() {
    for (behaviour, exit) in
        [(Behaviour::Broken, 1), (Behaviour::Flaky, 5), (Behaviour::DoesNotBuild, 1)]
    {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let before = bench.live();
        bench.world.forget_acts();
        bench.world.behave("1.1.0", behaviour);
        let view = bench.drive(&deploy_plan("1.1.0"));
        assert_eq!((outcome(&view), view.exit_code()), (Outcome::Failed, exit), "{behaviour:?}");
        assert!(switches(&bench.world.acts()).is_empty(), "{behaviour:?}");
        assert_eq!(bench.live(), before);
        assert!(!view.touched_traffic());
    }
}

#[test]
fn soak_failure_rolls_back_and_marks_the_release_bad() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    bench.world.behave("1.1.0", Behaviour::Leaks(8));
    bench.world.forget_acts();
    let view = bench.drive(&deploy_plan("1.1.0"));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::RolledBack, 6));
    assert_eq!(bench.live(), before);
    assert_eq!(
        switches(&bench.world.acts()),
        ["toto-bo", "toto-app", "toto-app", "toto-bo"],
        "forth in order, back in reverse"
    );
    let refused =
        named_target(&bench.runs(), &bench.live(), &label("1.1.0"), false).unwrap_err().problem();
    assert!(refused.what.contains("marked bad"), "{refused}");
}

#[test]
fn first_release_has_no_rollback_target() {
    let bench = Bench::new();
    bench.world.behave("1.0.0", Behaviour::Leaks(8));
    let view = bench.drive(&deploy_plan("1.0.0"));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::Failed, 1));
    assert!(view.undo.is_none());
}

#[test]
fn rollback_reuses_existing_builds() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let first = bench.live();
    bench.drive(&deploy_plan("1.1.0"));
    bench.world.forget_acts();
    let view = bench.drive(&rollback_plan(&bench, None));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::RolledBack, 0));
    assert_eq!(bench.live(), first);
    let acts = bench.world.acts();
    assert_eq!(switches(&acts), ["toto-app", "toto-bo"], "in reverse order");
    assert!(!acts.iter().any(|a| matches!(a, Act::Built(..))));
}

#[test]
fn rollback_of_a_rollback_needs_a_reason() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    let second = bench.live();
    bench.drive(&rollback_plan(&bench, None));
    assert!(default_target(&bench.runs(), &bench.live()).is_err(), "1.1.0 is bad, 1.0.0 is live");
    assert!(named_target(&bench.runs(), &bench.live(), &label("1.1.0"), false).is_err());
    bench.drive(&rollback_plan(&bench, Some("1.1.0")));
    assert_eq!(bench.live(), second);
}

#[test]
fn partial_switch_is_reported() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    // From one call on, every call is refused, including the second switch and the rollback.
    let mut splits = 0;
    for at in 0..40 {
        bench.world.fail(Some(Fault { at, class: Failure::Lasting, acts: false, lasts: true }));
        let view = bench.drive(&deploy_plan(&format!("1.1.{at}")));
        if let Some((green, blue)) = view.split() {
            assert_eq!((green[0].as_str(), blue[0].as_str()), ("toto-bo", "toto-app"));
            assert_eq!(view.exit_code(), 1);
            splits += 1;
        }
        bench.world.fail(None);
        for (name, build) in &before {
            bench.world.give_traffic(name.as_str(), build.as_ref().unwrap());
        }
    }
    assert!(splits > 0);
}

#[test]
fn unknown_switch_result_never_leaves_a_split() {
    for at in 0..40 {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        let class = Failure::Inconclusive;
        bench.world.fail(Some(Fault { at, class, acts: false, lasts: false }));
        let view = bench.drive(&deploy_plan("1.1.0"));
        assert_eq!(view.split(), None, "{at}: {}", view.state.sentence());
    }
}

#[test]
fn foreign_traffic_changes_are_not_overridden() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let foreign = BuildId::new("foreign-build").unwrap();
    let mut moved = false;
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        let probing = view.state.step().is_some_and(|s| s.as_str() == "probe");
        if probing && !std::mem::replace(&mut moved, true) {
            bench.world.give_traffic("toto-bo", &foreign);
        }
    });
    assert_eq!(view.exit_code(), 1);
    assert_eq!(bench.world.live("toto-bo"), Some(foreign));
}

#[test]
fn interrupt_before_the_switch_ends_at_a_safe_point() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, signals| {
        if view.state.step().is_some_and(|s| s.as_str() == "probe") {
            let _ = signals.try_send(Signal::Stop);
        }
    });
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert_eq!(bench.live(), before);
}

#[test]
fn interrupt_after_the_switch_rolls_back_all_services() {
    for step in ["switch:toto-app", "attest", "soak"] {
        for signal in [Signal::Stop, Signal::Abort] {
            let bench = Bench::new();
            bench.drive(&deploy_plan("1.0.0"));
            let before = bench.live();
            let mut sent = false;
            let view = bench.drive_with(&deploy_plan("1.1.0"), |view, signals| {
                let here = view.state.step().is_some_and(|s| s.as_str() == step);
                if here && !std::mem::replace(&mut sent, true) {
                    let _ = signals.try_send(signal);
                }
            });
            assert_eq!(bench.live(), before, "{step} {signal:?}: {}", view.state.sentence());
            assert_eq!(outcome(&view), Outcome::RolledBack, "{step} {signal:?}");
            assert_ne!(view.exit_code(), 0);
        }
    }
}

#[test]
fn rollback_cannot_be_interrupted() {
    // Send both signals at every step of a rollback, which the leak triggers.
    for signal in [Signal::Stop, Signal::Abort] {
        for after in 0..6 {
            let bench = Bench::new();
            bench.drive(&deploy_plan("1.0.0"));
            let before = bench.live();
            bench.world.behave("1.1.0", Behaviour::Leaks(8));
            let (mut seen, mut sent) = (0, false);
            let view = bench.drive_with(&deploy_plan("1.1.0"), |view, signals| {
                seen += u32::from(view.undoing());
                if seen > after && !std::mem::replace(&mut sent, true) {
                    let _ = signals.try_send(signal);
                }
            });
            assert!(sent);
            assert_eq!(bench.live(), before, "{after} {signal:?}");
            assert_eq!(outcome(&view), Outcome::RolledBack, "{after} {signal:?}");
        }
    }
}

#[test]
fn single_service_rollback_touches_only_that_service() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.drive(&deploy_plan("1.1.0"));
    let mut live = bench.live();
    live.remove(&service("toto-bo"));
    let runs = bench.runs();
    let said = named_target(&runs, &live, &label("1.1.0"), false).unwrap_err().problem();
    assert!(said.what.contains("live already"), "{said}");
    let back = named_target(&runs, &live, &label("1.0.0"), false).unwrap();
    assert_eq!(left_by(&runs, &live, &back.choice).unwrap().choice.release, label("1.1.0"));
}

#[test]
fn clean_up_keeps_live_builds_and_three_stable_releases() {
    let bench = Bench::new();
    for n in 0..5 {
        bench.drive(&deploy_plan(&format!("1.{n}.0")));
    }
    let (runs, live) = (bench.runs(), bench.live());
    let plan = planner::cleanup(spec(), &obsolete(&runs, &live)).unwrap();
    bench.world.forget_acts();
    let view = bench.drive(&plan);
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::CleanedUp, 0));
    for name in SERVICES {
        let left = bench.world.builds(name);
        let has = |release: &str| left.iter().any(|b| b.starts_with(&format!("b-{release}-")));
        assert_eq!(left.len(), 3, "{left:?}");
        assert!(has("1-2-0") && has("1-3-0") && has("1-4-0"), "{left:?}");
        assert!(left.contains(&bench.world.live(name).unwrap().to_string()));
    }
}

/// The result of a random deploy after a good one.
struct Story {
    bench: Bench,
    before: Live,
    view: RunView,
}

fn story(behaviour: Behaviour, fault: Option<Fault>) -> Story {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    bench.world.forget_acts();
    bench.world.behave("1.1.0", behaviour);
    bench.world.fail(fault);
    let view = bench.drive(&deploy_plan("1.1.0"));
    Story { bench, before, view }
}

fn behaviours() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        Just(Behaviour::Healthy),
        Just(Behaviour::Broken),
        Just(Behaviour::Flaky),
        (0..14_u32).prop_map(Behaviour::Leaks),
        Just(Behaviour::DoesNotBuild),
    ]
}

fn faults() -> impl Strategy<Value = Option<Fault>> {
    let classes =
        prop_oneof![Just(Failure::Passing), Just(Failure::Lasting), Just(Failure::Inconclusive)];
    let fault = (0..40_usize, classes, any::<bool>());
    proptest::option::of(fault.prop_map(|(at, class, acts)| Fault {
        at,
        class,
        acts,
        lasts: false,
    }))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    /// Invariants 3, 8, 12 and 13 of `docs/internals/faults.md` hold, whatever the world does.
    #[test]
    fn deploy_never_claims_more_than_it_observed(behaviour in behaviours(), fault in faults()) {
        let Story { bench, before, view } = story(behaviour, fault);
        let green: Live = view.services.iter().map(|(n, s)| (n.clone(), s.green.clone())).collect();
        let now = bench.live();

        // 13: exit 0 only if the world is as intended; a failed run never exits with 0.
        prop_assert_eq!(view.exit_code() == 0, outcome(&view) == Outcome::Promoted);
        if view.exit_code() == 0 {
            prop_assert_eq!(&now, &green);
        }
        if outcome(&view) == Outcome::RolledBack || !view.touched_traffic() {
            prop_assert_eq!(&now, &before);
        }

        // 8: an unknown result neither passes nor rolls traffic back, except after a switch that left the services
        // split, which is not about health.
        let inconclusive = view.failure.as_ref().is_some_and(|(_, _, c)| *c == Failure::Inconclusive);
        if let Some((by, _)) = &view.undo {
            let facts = bench.facts(&view);
            let undone_at = facts.iter().position(|f| {
                matches!(&f.event, Recorded::Known(Event::UndoPlanned { .. }))
            }).unwrap();
            let failed = facts[..undone_at].iter().rev().find_map(|f| match &f.event {
                Recorded::Known(Event::StepFailed { class, .. }) => Some((f.step.clone(), *class)),
                _ => None,
            });
            let unknown = failed.filter(|(_, class)| *class == Failure::Inconclusive);
            let of_health =
                unknown.is_some_and(|(step, _)| !step.unwrap().as_str().starts_with("switch:"));
            prop_assert!(*by == DecidedBy::Person || !of_health);
        }
        prop_assert!(!(inconclusive && outcome(&view) == Outcome::Promoted && view.undo.is_some()));

        // 3: every switch names its build instead of toggling, so repeating it changes nothing.
        let acts = bench.world.acts();
        let last: BTreeMap<_, _> = acts.iter().filter_map(|a| match a {
            Act::Switched(service, build) => Some((service.clone(), build.clone())),
            _ => None,
        }).collect();
        for (name, build) in last {
            let build = BuildId::new(build).unwrap();
            prop_assert_eq!(bench.world.live(&name), Some(build.clone()));
            bench.world.give_traffic(&name, &build);
            prop_assert_eq!(bench.world.live(&name), Some(build));
        }

        // 12: the journal alone yields the same view.
        let facts = bench.facts(&view);
        prop_assert_eq!(RunView::fold(view.number, &facts).unwrap().unwrap(), view);
    }

    /// Invariant 4: no clean-up ever deletes the live build or a rollback target.
    #[test]
    fn clean_up_never_deletes_a_needed_build(
        releases in proptest::collection::vec((0..5_u8, any::<bool>()), 1..6),
        fault in faults(),
    ) {
        let bench = Bench::new();
        bench.drive(&deploy_plan("0.9.0"));
        for (release, good) in releases {
            let release = format!("1.{release}.0");
            bench.world.behave(&release, if good { Behaviour::Healthy } else { Behaviour::Leaks(6) });
            bench.drive(&deploy_plan(&release));
        }
        let (runs, before) = (bench.runs(), bench.live());
        let needed = obsolete(&runs, &before);
        let target = default_target(&runs, &before);
        bench.world.forget_acts();
        bench.world.fail(fault);
        bench.drive(&planner::cleanup(spec(), &needed).unwrap());
        prop_assert_eq!(bench.live(), before.clone());
        for act in bench.world.acts() {
            let (Act::Deleted(name, build) | Act::Stopped(name, build)) = act else { continue };
            prop_assert_ne!(before[&service(&name)].clone(), Some(BuildId::new(build).unwrap()));
        }
        if let Ok(choice) = target {
            for (name, build) in choice.builds {
                prop_assert!(bench.world.builds(name.as_str()).contains(&build.to_string()));
            }
        }
    }

    /// Repeated facts, and facts read late, yield the same view.
    #[test]
    fn late_and_repeated_facts_are_idempotent(
        behaviour in behaviours(),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let Story { bench, view, .. } = story(behaviour, None);
        let facts = bench.facts(&view);
        let mut again = RunView::begin(view.number, &facts[0]).unwrap();
        for at in 1..facts.len() {
            again.apply(&facts[at]).unwrap();
            for pick in &picks {
                let before = again.clone();
                again.apply(&facts[pick.index(at + 1)]).unwrap();
                prop_assert_eq!(&again, &before);
            }
        }
        prop_assert_eq!(again, view);
    }
}

/// What stops or deletes several builds may take minutes, and someone else may need the next one meanwhile.
#[test]
fn clean_up_looks_again_before_each_build() {
    let stopped: fn(&Act) -> bool = |act| matches!(act, Act::Stopped(..));
    let deleted: fn(&Act) -> bool = |act| matches!(act, Act::Deleted(..));
    for is_next in [stopped, deleted] {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        for bad in ["1.1.0", "1.2.0", "1.3.0"] {
            bench.world.behave(bad, Behaviour::Broken);
            bench.drive(&deploy_plan(bad));
        }
        bench.world.forget_acts();
        let mut needed = None;
        let plan = planner::cleanup(spec(), &obsolete(&bench.runs(), &bench.live())).unwrap();
        bench.drive_watched(&plan, |_, _| {
            let acts: Vec<_> = bench.world.acts().into_iter().filter(is_next).collect();
            let Some(Act::Stopped(name, _) | Act::Deleted(name, _)) = acts.first() else { return };
            if needed.is_some() {
                return;
            }
            let touched = |build: &String| {
                let one = |act: &Act| match act {
                    Act::Stopped(_, of) | Act::Deleted(_, of) => of == build,
                    _ => false,
                };
                acts.iter().any(one)
            };
            let live = bench.world.live(name).map(|live| live.to_string());
            let builds = bench.world.builds(name).into_iter();
            let mut others = builds.filter(|build| Some(build) != live.as_ref() && !touched(build));
            let other = others.next().expect("there is more than one");
            bench.world.give_traffic(name, &BuildId::new(other.clone()).unwrap());
            needed = Some((name.clone(), other, bench.world.acts().len()));
        });
        let (name, build, before) = needed.expect("a build was stopped or deleted");
        assert!(bench.world.builds(&name).contains(&build), "{build} of {name} is there");
        let later = bench.world.acts().into_iter().skip(before);
        let touched = |act: &Act| match act {
            Act::Stopped(_, of) | Act::Deleted(_, of) => *of == build,
            _ => false,
        };
        assert!(!later.into_iter().any(|act| touched(&act)), "{build} was left alone");
    }
}

/// A pause sent before a rollback does not apply to the rollback.
#[test]
fn earlier_pause_does_not_hold_a_rollback() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Leaks(8));
    let mut sent = false;
    let view = bench.drive_with(&deploy_plan("1.1.0"), |view, _| {
        if !sent && view.state.step().is_some_and(|step| step.as_str() == "soak") {
            sent = true;
            bench.send(view, &[Command::Pause]);
        }
    });
    assert!(sent);
    assert_eq!(view.exit_code(), 6, "{}", view.state.sentence());
    let kinds = bench.facts(&view).iter().map(|f| f.event.parts().0).collect::<Vec<_>>();
    assert!(!kinds.iter().any(|kind| kind == "run-paused"), "{kinds:?}");
}

#[test]
fn gate_closes_when_green_becomes_unhealthy() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut asked = 0;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| {
        let RunState::Waiting { .. } = &view.state else { return };
        let verdicts = SERVICES.map(|name| view.services[&service(name)].green_health);
        match (asked, verdicts) {
            (0, [Some(Verdict::Pass), Some(Verdict::Pass)]) => {
                asked = 1;
                bench.world.behave("1.1.0", Behaviour::Broken);
            }
            (1, [Some(Verdict::Fail), Some(Verdict::Fail)]) => {
                asked = 2;
                bench.send(view, &[Command::approve()]);
                bench.world.behave("1.1.0", Behaviour::Healthy);
            }
            (2, [Some(Verdict::Pass), Some(Verdict::Pass)]) => {
                asked = 3;
                bench.send(view, &[Command::approve()]);
            }
            _ => {}
        }
    });
    assert_eq!(outcome(&view), Outcome::Promoted);
    let refusals = bench.refusals(&view);
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert!(refusals[0].contains("is not healthy"), "{refusals:?}");
}

#[test]
fn gate_stays_closed_without_recent_observations() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut sent = false;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, signals| {
        let RunState::Waiting { .. } = &view.state else { return };
        bench.world.behave("1.1.0", Behaviour::Blind);
        let verdict = view.services[&service("toto-app")].green_health;
        if verdict == Some(Verdict::Inconclusive) {
            if std::mem::replace(&mut sent, true) {
                let _ = signals.try_send(Signal::Stop);
            } else {
                bench.send(view, &[Command::approve()]);
            }
        }
    });
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert!(!view.touched_traffic());
}

#[test]
fn automatic_rollback_counts_down_and_can_be_held() {
    let leaky = |held: bool| {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        bench.world.behave("1.1.0", Behaviour::Leaks(8));
        let (mut approved, mut paused, mut gone_back) = (false, false, false);
        let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| match &view.state {
            RunState::Waiting { .. } if !std::mem::replace(&mut approved, true) => {
                bench.send(view, &[Command::approve()]);
            }
            RunState::Failed { .. } if held && !std::mem::replace(&mut paused, true) => {
                bench.send(view, &[Command::Pause]);
            }
            RunState::Failed { .. } if view.held && !std::mem::replace(&mut gone_back, true) => {
                bench.send(view, &[Command::Rollback]);
            }
            _ => {}
        });
        assert_eq!(outcome(&view), Outcome::RolledBack);
        let facts = bench.facts(&view);
        let at = |wanted: &dyn Fn(&Event) -> bool| {
            let found = facts.iter().rev().find(|fact| match &fact.event {
                Recorded::Known(event) => wanted(event),
                Recorded::Unknown { .. } => false,
            });
            found.unwrap().elapsed_ms
        };
        let failed = at(&|event| matches!(event, Event::StepFailed { .. }));
        let back = at(&|event| matches!(event, Event::UndoPlanned { .. }));
        (back - failed, view.undo.unwrap().0)
    };
    let (waited, by) = leaky(false);
    assert!((10_000..11_000).contains(&waited), "{waited} ms");
    assert_eq!(by, DecidedBy::Rule);
    assert_eq!(leaky(true).1, DecidedBy::Person);
}

#[test]
fn one_fifth_old_answers_is_partial_and_keeps_blue() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Mixed);
    let view = bench.drive(&deploy_plan("1.1.0"));
    assert_eq!(view.exit_code(), 5, "{}", view.state.sentence());
    let (_, problem, class) = view.failure.as_ref().unwrap();
    assert_eq!(*class, Failure::Inconclusive);
    assert!(problem.to_string().contains("PARTIAL"), "{problem}");
    assert!(problem.to_string().contains("b-old"), "{problem}");
    let refused = may_clean_up(&view).unwrap_err();
    assert!(refused.what.contains("did not end well"), "{refused}");
    let after = bench.drive(&rollback_plan(&bench, Some("1.0.0")));
    assert_eq!(outcome(&after), Outcome::RolledBack);
    assert!(may_clean_up(&after).is_ok());
}

#[test]
fn repeated_soak_failure_counts_down_again() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench.world.behave("1.1.0", Behaviour::Leaks(8));
    let (mut approved, mut again) = (false, false);
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| match &view.state {
        RunState::Waiting { .. } if !std::mem::replace(&mut approved, true) => {
            bench.send(view, &[Command::approve()]);
        }
        RunState::Failed { .. } if !std::mem::replace(&mut again, true) => {
            bench.send(view, &[Command::Retry]);
        }
        _ => {}
    });
    assert_eq!(outcome(&view), Outcome::RolledBack);
    let facts = bench.facts(&view);
    let is = |kind: &str| facts.iter().filter(|f| f.event.parts().0 == kind).collect::<Vec<_>>();
    let (failed, back) = (is("step-failed"), is("undo-planned"));
    assert_eq!(failed.len(), 2);
    let waited = back[0].elapsed_ms - failed[1].elapsed_ms;
    assert!((10_000..11_000).contains(&waited), "{waited} ms");
}

#[test]
fn replay_draws_the_same_screens() {
    for behaviour in [Behaviour::Healthy, Behaviour::Broken, Behaviour::Leaks(8), Behaviour::Mixed]
    {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        bench.world.behave("1.1.0", behaviour);
        let mut shown = Vec::new();
        let last = bench.drive_with(&deploy_plan("1.1.0"), |view, _| shown.push(view.clone()));
        let tape = RunReplay::of(last.number, bench.facts(&last)).unwrap().unwrap();
        assert!(shown.len() > 1, "{}", shown.len());
        for then in shown {
            let at = usize::try_from(then.last_seq - 1).unwrap();
            assert_eq!(tape.frame(at).unwrap().1, then, "{behaviour:?}");
        }
        assert_eq!(tape.frame(usize::MAX).unwrap().1, last);
    }
}

#[test]
fn late_build_logs_are_awaited_and_attributed() {
    let why = |behaviour: Behaviour, looks: Option<u32>| {
        let bench = Bench::new();
        bench.drive(&deploy_plan("1.0.0"));
        bench.world.behave("1.1.0", behaviour);
        if let Some(looks) = looks {
            bench.world.logs_builds_late(looks);
        }
        let ended = bench.drive(&deploy_plan("1.1.0"));
        ended.failure.unwrap().1.to_string()
    };
    let told = why(Behaviour::DoesNotBuild, Some(4));
    assert!(told.contains("fah/other: the lock file is gone"), "{told}");
    // The wait for the log is limited, and there is none on a platform whose logs are never late.
    assert!(!why(Behaviour::DoesNotBuild, Some(100)).contains("fah/"));
    assert!(!why(Behaviour::DoesNotBuild, None).contains("log ends"));
    let told = why(Behaviour::Broken, Some(0));
    assert!(!told.contains("fah/") && !told.contains("log ends"), "{told}");
}
