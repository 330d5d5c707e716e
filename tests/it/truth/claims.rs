//! However the platform changes between our effects: traffic, undo and health as a run reports them were true at a
//! moment after our last effect, or are reported as unknown.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::domain::event::{Outcome, Split};
use pointsman::domain::ids::BuildId;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::default_target;
use pointsman::domain::run::RunState;
use pointsman::domain::step::{Failure, Side};
use pointsman::domain::view::{RunView, TrafficState};
use proptest::prelude::*;

use crate::world::{Behaviour, Bench, Fault, deploy_plan, named, spec};

const SERVICES: [&str; 2] = ["toto-bo", "toto-app"];

/// A foreign change to a service's traffic.
#[derive(Debug, Clone, Copy)]
enum Hand {
    Splits(u8),
    Foreign,
    Removes,
    /// To what was live before our last effect.
    TakesBack,
    LetsBe,
}

/// At which read of a service a foreign change happens, and which.
type Script = Vec<(u32, bool, Hand)>;

/// The traffic of a service over its moments since our last effect on it.
#[derive(Default)]
struct Moments {
    reads: u32,
    /// What our effects made of it, the last one last.
    ours: Vec<BuildId>,
    hand: Option<Hand>,
    since: Vec<TrafficState>,
}

type Platform = Arc<Mutex<BTreeMap<String, Moments>>>;

fn hand_on(splits: &mut Vec<Split>, hand: Hand, foreign: &BuildId, before: Option<&BuildId>) {
    let build = splits[0].build.clone();
    let part = |build: &BuildId, percent| Split { build: build.clone(), percent };
    *splits = match hand {
        Hand::Splits(percent) => vec![part(&build, percent), part(foreign, 100 - percent)],
        Hand::Foreign => vec![part(foreign, 100)],
        Hand::Removes => Vec::new(),
        Hand::TakesBack => vec![part(before.unwrap_or(&build), 100)],
        Hand::LetsBe => vec![part(&build, 100)],
    };
}

/// Runs scripted changes on the platform, and records the traffic at each moment.
fn scripted(bench: &Bench, script: Script) -> Platform {
    let platform = Platform::default();
    let foreign: BTreeMap<_, _> = SERVICES
        .map(|name| (name, BuildId::new(bench.world.builds(name)[0].clone()).unwrap()))
        .into();
    let moments = platform.clone();
    bench.world.twist(move |service, _, splits| {
        let mut platform = moments.lock().unwrap();
        let moment = platform.entry(service.to_owned()).or_default();
        let Some(base) = splits.first().map(|part| part.build.clone()) else { return };
        if moment.ours.last() != Some(&base) {
            moment.ours.push(base);
            (moment.hand, moment.since) = (None, Vec::new());
        }
        moment.reads += 1;
        let acts = |(read, app, _): &&(u32, bool, Hand)| {
            *read == moment.reads && *app == (service == "toto-app")
        };
        if let Some((_, _, hand)) = script.iter().find(acts) {
            moment.hand = Some(*hand);
        }
        if let Some(hand) = moment.hand {
            let before = moment.ours.iter().rev().nth(1);
            hand_on(splits, hand, &foreign[service], before);
        }
        moment.since.push(TrafficState::of(splits));
    });
    platform
}

/// Why what a run says is not so. `deaf`: no answer of the platform came from some call on, so that what it did then
/// could not be known.
fn lie(bench: &Bench, view: &RunView, platform: &Platform, deaf: bool) -> Option<String> {
    let platform = platform.lock().unwrap();
    let nothing = Moments::default();
    for (service, seen) in &view.services {
        let moment = platform.get(service.as_str()).unwrap_or(&nothing);
        let so = seen.traffic == TrafficState::Unknown || moment.since.contains(&seen.traffic);
        if !so {
            return Some(format!("{service} {:?}, and it was {:?}", seen.traffic, moment.since));
        }
        let serving = seen.serving.as_ref().map(|build| TrafficState::Whole(build.clone()));
        if serving.is_some_and(|serving| serving != seen.traffic) {
            return Some(format!("{service} serves {:?} of {:?}", seen.serving, seen.traffic));
        }
        let back = seen.build(Side::Blue).filter(|_| view.can_go_back());
        if back
            .is_some_and(|blue| !bench.world.builds(service.as_str()).contains(&blue.to_string()))
        {
            return Some(format!("no way back: {service} has no build {back:?}"));
        }
    }
    if let Some((on_green, on_blue)) = view.split() {
        let on = |service, side| {
            let seen = &view.services[service];
            seen.serving.as_ref() == seen.build(side)
        };
        let so = on_green.iter().all(|s| on(*s, Side::Green))
            && on_blue.iter().all(|s| on(*s, Side::Blue));
        if !so {
            return Some(format!("split {on_green:?} {on_blue:?}"));
        }
    }
    if deaf {
        return None;
    }
    let wanted = match view.state {
        RunState::Ended { outcome: Outcome::RolledBack } if view.exit_code() != 0 => Side::Blue,
        RunState::Ended { outcome: Outcome::Promoted | Outcome::RolledBack } => Side::Green,
        _ => return None,
    };
    // The last read is the last moment: changes happen only at reads.
    view.services.iter().find_map(|(service, seen)| {
        let last = platform.get(service.as_str()).and_then(|moment| moment.since.last());
        let wanted = seen.build(wanted).map(|build| TrafficState::Whole(build.clone()));
        (last != wanted.as_ref())
            .then(|| format!("{}: {service} is {last:?}, not {wanted:?}", view.state.sentence()))
    })
}

/// Drives a plan on a scripted platform; what it says is held against the platform at each state.
fn driven(
    bench: &Bench,
    plan: &Plan,
    script: Script,
    fault: Option<(usize, bool, bool)>,
) -> Result<RunView, TestCaseError> {
    let class = Failure::Passing;
    let deaf = fault.is_some_and(|(_, _, lasts)| lasts);
    bench.world.fail(fault.map(|(at, acts, lasts)| Fault { at, class, acts, lasts }));
    let platform = scripted(bench, script);
    let mut lies = Vec::new();
    let ended = bench.drive_with(plan, |view, _| lies.extend(lie(bench, view, &platform, deaf)));
    lies.extend(lie(bench, &ended, &platform, deaf));
    prop_assert_eq!(lies, Vec::<String>::new());
    let unread = ended.services.values();
    let mut unread = unread.filter(|s| s.switch_asked && s.traffic == TrafficState::Unknown);
    prop_assert!(unread.next().is_none() || ended.exit_code() == 7, "{}", ended.state.sentence());
    Ok(ended)
}

/// 1.0.0 is live, and a build of 0.9.0 exists for foreign changes.
fn released() -> Bench {
    let bench = Bench::new();
    bench.drive(&deploy_plan("0.9.0"));
    bench.drive(&deploy_plan("1.0.0"));
    bench
}

fn script() -> impl Strategy<Value = Script> {
    let hand = prop_oneof![
        (1..100_u8).prop_map(Hand::Splits),
        Just(Hand::Foreign),
        Just(Hand::Removes),
        Just(Hand::TakesBack),
        Just(Hand::LetsBe),
    ];
    proptest::collection::vec((1..14_u32, any::<bool>(), hand), 0..4)
}

fn behaviour() -> impl Strategy<Value = Behaviour> {
    prop_oneof![
        3 => Just(Behaviour::Healthy),
        1 => Just(Behaviour::Leaks(3)),
        1 => Just(Behaviour::Alternates(3)),
        1 => Just(Behaviour::OldAnswers(3)),
        1 => Just(Behaviour::Mixed),
        1 => Just(Behaviour::Blind),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn deploy_claims_are_true_after_its_last_effect(
        script in script(),
        behaviour in behaviour(),
        fault in proptest::option::of((0..40_usize, any::<bool>(), any::<bool>())),
    ) {
        let bench = released();
        bench.world.behave("1.1.0", behaviour);
        let mut plan = deploy_plan("1.1.0");
        plan.policy.soak.length = Duration::from_secs(30);
        let ended = driven(&bench, &plan, script, fault)?;
        if ended.state == (RunState::Ended { outcome: Outcome::Promoted }) {
            prop_assert!(matches!(behaviour, Behaviour::Healthy), "{behaviour:?} is not healthy");
        }
    }

    #[test]
    fn rollback_claims_are_true_after_its_last_effect(
        script in script(),
        fault in proptest::option::of((0..30_usize, any::<bool>(), any::<bool>())),
    ) {
        let bench = released();
        bench.drive(&deploy_plan("1.1.0"));
        let choice = default_target(&bench.runs(), &bench.live()).unwrap();
        let plan =
            planner::rollback(spec(), &choice, Some(named("1.1.0")), SchemaWay::Keep).unwrap();
        driven(&bench, &plan, script, fault)?;
    }
}
