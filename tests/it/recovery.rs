//! Recovery sweep: the runner dies after every fact of a plan, with and without the effect of the next step, and the
//! next runner brings all services to a consistent state.

use std::time::Duration;

use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Outcome};
use pointsman::domain::health::Verdict;
use pointsman::domain::ids::BuildId;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::{Live, default_target, obsolete};
use pointsman::domain::recover::Choice;
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::ports::journal::{Entry, Journal as _};

use super::world::{
    Act, Behaviour, Bench, deploy_plan, named, outcome, service, shared_plan, spec,
};

const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];

fn live(bench: &Bench) -> Live {
    SERVICES.map(|s| (service(s), bench.world.live(s))).into_iter().collect()
}

struct Case {
    name: String,
    bench: Bench,
    before: Live,
    doubt: Vec<Choice>,
    view: RunView,
}

/// Crashes a plan at every fact, on benches prepared by `set`, and resumes each crash with `choice`.
fn sweep(
    set: impl Fn(&Bench),
    plan: impl Fn(&Bench) -> Plan,
    choice: Option<Choice>,
    mut check: impl FnMut(Case),
) -> usize {
    let mut cases = 0;
    for at in 2.. {
        let mut reached = false;
        for acted in [false, true] {
            let bench = Bench::new();
            set(&bench);
            let plan = plan(&bench);
            bench.world.forget_acts();
            let before = live(&bench);
            let Some(dead) = bench.crash(&plan, at, acted) else { continue };
            reached = true;
            let over = matches!(dead.state, RunState::Ended { .. });
            let offered = choice.is_none_or(|c| !over && bench.choices(&dead).contains(&c));
            if over || !offered {
                continue;
            }
            let name = format!("fact {at}, acted {acted}, {}", dead.state.sentence());
            let (doubt, view) = bench.resume(dead, choice);
            cases += 1;
            // Only a promotion re-enables automatic rollouts: a push may carry the release that was just
            // rolled back.
            if outcome(&view) == Outcome::Promoted {
                assert!(bench.world.held().is_empty(), "{name}: {:?}", bench.world.held());
            }
            check(Case { name, bench, before, doubt: doubt.choices, view });
        }
        if !reached {
            return cases;
        }
    }
    cases
}

/// Checks that either every service is on GREEN or every service is as before.
fn consistent(case: &Case) {
    let now = live(&case.bench);
    let green: Live =
        case.view.services.iter().map(|(n, s)| (n.clone(), s.green.clone())).collect();
    assert!(now == case.before || now == green, "{}: {now:?}", case.name);
    assert!(case.view.split().is_none(), "{}", case.name);
    let facts = case.bench.facts(&case.view);
    assert_eq!(
        RunView::fold(case.view.number, &facts).unwrap().unwrap(),
        case.view,
        "{}",
        case.name
    );
}

fn built_once(case: &Case) {
    let acts = case.bench.world.acts();
    for name in SERVICES {
        let builds: std::collections::BTreeSet<_> = acts
            .iter()
            .filter_map(|a| match a {
                Act::Built(service, build) if service == name => Some(build),
                _ => None,
            })
            .collect();
        assert!(builds.len() <= 1, "{}: {builds:?}", case.name);
    }
}

fn first_release(bench: &Bench) {
    bench.drive(&deploy_plan("1.0.0"));
}

#[test]
fn deploy_resumes_from_every_fact() {
    let cases = sweep(
        first_release,
        |_| deploy_plan("1.1.0"),
        None,
        |case| {
            assert_eq!(case.doubt[0], Choice::Continue, "{}", case.name);
            assert_eq!(
                (outcome(&case.view), case.view.exit_code()),
                (Outcome::Promoted, 0),
                "{}",
                case.name
            );
            consistent(&case);
            built_once(&case);
        },
    );
    assert!(cases > 60, "{cases} cases");
}

#[test]
fn deploy_rolls_back_from_every_fact_after_the_switch() {
    let cases = sweep(
        first_release,
        |_| deploy_plan("1.1.0"),
        Some(Choice::GoBack),
        |case| {
            assert_eq!(outcome(&case.view), Outcome::RolledBack, "{}", case.name);
            assert_ne!(case.view.exit_code(), 0);
            assert_eq!(live(&case.bench), case.before, "{}", case.name);
            consistent(&case);
        },
    );
    assert!(cases > 20, "{cases} cases");
}

#[test]
fn shared_deploy_resumes_and_rolls_back_from_every_fact() {
    for (choice, ends) in [(None, Outcome::Promoted), (Some(Choice::GoBack), Outcome::RolledBack)] {
        let cases = sweep(
            first_release,
            |_| shared_plan("1.1.0"),
            choice,
            |case| {
                assert_eq!(outcome(&case.view), ends, "{}", case.name);
                if ends == Outcome::RolledBack {
                    assert_eq!(live(&case.bench), case.before, "{}", case.name);
                }
                consistent(&case);
                built_once(&case);
            },
        );
        assert!(cases > 50, "{cases} cases");
    }
}

#[test]
fn resumed_rollback_keeps_its_direction() {
    let set = |bench: &Bench| {
        first_release(bench);
        bench.world.behave("1.1.0", Behaviour::Leaks(8));
    };
    let cases = sweep(
        set,
        |_| deploy_plan("1.1.0"),
        None,
        |case| {
            assert_eq!(outcome(&case.view), Outcome::RolledBack, "{}", case.name);
            assert_eq!(live(&case.bench), case.before, "{}", case.name);
            consistent(&case);
            built_once(&case);
        },
    );
    assert!(cases > 80, "{cases} cases");
}

#[test]
fn rollback_resumes_from_every_fact() {
    let set = |bench: &Bench| {
        first_release(bench);
        bench.drive(&deploy_plan("1.1.0"));
    };
    let plan = |bench: &Bench| {
        let choice = default_target(&bench.runs(), &live(bench)).unwrap();
        planner::rollback(spec(), &choice, Some(named("1.1.0")), SchemaWay::Keep).unwrap()
    };
    let cases = sweep(set, plan, None, |case| {
        assert_eq!(case.doubt[0], Choice::Continue);
        assert!(!case.doubt.contains(&Choice::GoBack), "a rollback never turns round");
        assert_eq!(
            (outcome(&case.view), case.view.exit_code()),
            (Outcome::RolledBack, 0),
            "{}",
            case.name
        );
        assert_ne!(live(&case.bench), case.before);
        consistent(&case);
        assert!(!case.bench.world.acts().iter().any(|a| matches!(a, Act::Built(..))));
    });
    assert!(cases > 40, "{cases} cases");
}

#[test]
fn clean_up_resumes_from_every_fact() {
    let set = |bench: &Bench| {
        for n in 0..5 {
            bench.drive(&deploy_plan(&format!("1.{n}.0")));
        }
    };
    let plan =
        |bench: &Bench| planner::cleanup(spec(), &obsolete(&bench.runs(), &live(bench))).unwrap();
    let cases = sweep(set, plan, None, |case| {
        assert_eq!(
            (outcome(&case.view), case.view.exit_code()),
            (Outcome::CleanedUp, 0),
            "{}",
            case.name
        );
        assert_eq!(live(&case.bench), case.before, "{}", case.name);
        for name in SERVICES {
            assert_eq!(case.bench.world.builds(name).len(), 3, "{}", case.name);
        }
    });
    assert!(cases > 20, "{cases} cases");
}

/// The number of the first fact of a second deploy after which the run has the wanted state.
fn fact_where(wanted: impl Fn(&RunState) -> bool) -> u64 {
    let stands = |at: &u64| {
        let bench = Bench::new();
        first_release(&bench);
        bench.crash(&deploy_plan("1.1.0"), *at, false).is_some_and(|dead| wanted(&dead.state))
    };
    (2..100).find(stands).unwrap()
}

#[test]
fn old_observation_of_green_opens_no_gate() {
    let gate = fact_where(|state| matches!(state, RunState::Waiting { .. }));
    let ends = |since: Option<Behaviour>| {
        let bench = Bench::new();
        first_release(&bench);
        let dead = bench.crash(&deploy_plan("1.1.0"), gate, false).unwrap();
        assert_eq!(dead.services[&service("toto-app")].green_health, Some(Verdict::Pass));
        bench.late.set(Duration::from_hours(24));
        if let Some(since) = since {
            bench.world.behave("1.1.0", since);
        }
        bench.for_minutes(dead, &[])
    };
    assert_eq!(outcome(&ends(None)), Outcome::Promoted, "the probe is repeated first");
    // An approval based on an earlier state does not open the gate either.
    let bench = Bench::new();
    first_release(&bench);
    let plan = Plan { ask_at_gates: true, ..deploy_plan("1.1.0") };
    let dead = bench.crash(&plan, gate, false).unwrap();
    bench.late.set(Duration::from_hours(24));
    bench.world.behave("1.1.0", Behaviour::Broken);
    let late = bench.for_minutes(dead, &[Command::approve()]);
    assert!(!late.touched_traffic(), "{:?}", late.state);
    let fell = ends(Some(Behaviour::Broken));
    assert!(!fell.touched_traffic(), "{:?}", fell.state);
    let blind = ends(Some(Behaviour::Blind));
    assert!(!blind.touched_traffic(), "{:?}", blind.state);
}

#[test]
fn foreign_traffic_is_left_alone() {
    let bench = Bench::new();
    first_release(&bench);
    let soak = fact_where(|state| state.step().is_some_and(|s| s.as_str() == "soak"));
    let dead = bench.crash(&deploy_plan("1.1.0"), soak, false).unwrap();
    let foreign = BuildId::new("foreign-build").unwrap();
    bench.world.give_traffic("toto-app", &foreign);
    assert_eq!(bench.choices(&dead), [Choice::Leave]);
    let (_, view) = bench.resume(dead, None);
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::Unknown, 7));
    assert_eq!(bench.world.live("toto-app"), Some(foreign));
}

/// What happened to the traffic since a process died.
type Meanwhile<'a> = (&'a str, &'a dyn Fn(&Bench));

/// What a person is offered must be possible: a run that nothing can end keeps its environment.
#[test]
fn every_choice_that_is_offered_ends_the_run() {
    let foreign: BuildId = "foreign-build".parse().unwrap();
    let moved = |bench: &Bench| bench.world.give_traffic("toto-app", &foreign);
    // The other service's traffic, which the run itself may have requested, is on its way.
    let moving = |bench: &Bench| {
        bench.world.moves_late(5);
        let blue = bench.world.builds("toto-bo")[0].parse().unwrap();
        bench.world.give_traffic("toto-bo", &blue);
    };
    let both = |bench: &Bench| {
        moved(bench);
        moving(bench);
    };
    let traffic: [Meanwhile<'_>; 4] =
        [("at rest", &|_| {}), ("moved", &moved), ("moving", &moving), ("moved and moving", &both)];
    let back = |bench: &Bench| {
        let target = default_target(&bench.runs(), &live(bench)).unwrap();
        planner::rollback(spec(), &target, None, SchemaWay::Keep).unwrap()
    };
    let plans: [&dyn Fn(&Bench) -> Plan; 3] =
        [&|_| deploy_plan("1.1.0"), &|_| shared_plan("1.1.0"), &back];
    let (mut states, mut taken) = (std::collections::BTreeSet::new(), 0);
    for (kind, plan) in plans.into_iter().enumerate() {
        for at in 2.. {
            let died = |move_traffic: &dyn Fn(&Bench)| {
                let bench = Bench::new();
                first_release(&bench);
                if kind == 2 {
                    bench.drive(&deploy_plan("1.0.1"));
                }
                let dead = bench.crash(&plan(&bench), at, false)?;
                move_traffic(&bench);
                Some((bench, dead))
            };
            let Some((_, dead)) = died(&|_| {}) else { break };
            let state = (kind, dead.state.sentence(), dead.touched_traffic());
            if dead.ended.is_some() || !states.insert(state.clone()) {
                continue;
            }
            for (how, move_traffic) in &traffic {
                let (bench, dead) = died(move_traffic).unwrap();
                let choices = bench.choices(&dead);
                assert!(!choices.is_empty(), "{state:?}, {how}: nothing is offered");
                for choice in choices {
                    let (bench, dead) = died(move_traffic).unwrap();
                    let (_, view) = bench.resume(dead, Some(choice));
                    let name = format!("{choice:?} of {state:?}, {how}");
                    assert!(view.ended.is_some(), "{name}: {:?}", view.state);
                    taken += 1;
                }
            }
        }
    }
    assert!(taken > 100, "only {taken} choices were taken");
}

#[test]
fn untouched_run_can_be_aborted() {
    let bench = Bench::new();
    first_release(&bench);
    let dead = bench.crash(&deploy_plan("1.1.0"), 5, false).unwrap();
    let (_, view) = bench.resume(dead, Some(Choice::Leave));
    assert_eq!((outcome(&view), view.exit_code()), (Outcome::Aborted, 1));
}

#[test]
fn paused_run_of_a_dead_runner_resumes() {
    let bench = Bench::new();
    first_release(&bench);
    let between = fact_where(|state| matches!(state, RunState::Ready { .. }));
    let ready = bench.crash(&deploy_plan("1.1.0"), between, false).unwrap();
    let paused = Event::RunPaused { because: "lunch".to_owned() };
    let at = Timestamp::UNIX_EPOCH;
    let entry = Entry { actor: "ana", at, elapsed_ms: 0, step: None, event: &paused };
    bench.store().append(ready.number, entry).unwrap();
    let dead = bench.store().run(ready.number).unwrap().view;
    assert!(matches!(dead.state, RunState::Paused { .. }));
    let (_, view) = bench.resume(dead, Some(Choice::Continue));
    assert_eq!(outcome(&view), Outcome::Promoted);
}
