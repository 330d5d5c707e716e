//! Gates that expire: the run ends before traffic moves, and only reminds after it.

use std::time::Duration;

use pointsman::domain::alert::{self, Kind};
use pointsman::domain::checklist::List;
use pointsman::domain::code::Code;
use pointsman::domain::command::{Command, may_extend};
use pointsman::domain::event::{DecidedBy, Event, Fact, Outcome, Recorded};
use pointsman::domain::plan::Plan;
use pointsman::domain::policy::{AfterGate, Protection};
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::engine::Signal;

use super::checklist::item;
use super::world::{Bench, deploy_plan, outcome, planned, spec};

const LIMIT: Duration = Duration::from_mins(4);
/// People are reminded in the last quarter.
const REMINDED: Duration = Duration::from_mins(3);

fn plan(release: &str) -> Plan {
    let mut plan = deploy_plan(release);
    plan.policy.gate.expires = LIMIT;
    plan
}

/// A deploy that waits after the switch for an item that only a person can tick.
fn with_post_list(release: &str) -> Plan {
    let mut spec = spec();
    (spec.policy.gate.expires, spec.policy.protection) = (LIMIT, Protection::Confirm);
    spec.checklist.push(item(List::Post, "Smoke test", None));
    planned(spec, release)
}

fn at(facts: &[Fact], wanted: impl Fn(&Event) -> bool) -> Vec<Timestamp> {
    let wanted = |fact: &&Fact| matches!(&fact.event, Recorded::Known(event) if wanted(event));
    facts.iter().filter(wanted).map(|fact| fact.at).collect()
}

fn opened(event: &Event) -> bool {
    matches!(event, Event::GateOpened { .. })
}

fn reminded(event: &Event) -> bool {
    matches!(event, Event::GateDue { .. })
}

fn ended(event: &Event) -> bool {
    matches!(event, Event::RunEnded { .. })
}

fn after(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap()
}

/// Commands are polled every 100 ms.
fn about(found: Duration, wanted: Duration) -> bool {
    found >= wanted && found < wanted + Duration::from_secs(1)
}

#[test]
fn expired_gate_ends_the_run_and_moves_no_traffic() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let before = bench.live();
    let view = bench.drive_watched(&plan("1.1.0"), |_, _| {});
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert_eq!(bench.live(), before);
    let facts = bench.facts(&view);
    let open = at(&facts, opened)[0];
    let (reminders, ends) = (at(&facts, reminded), at(&facts, ended));
    assert_eq!(reminders.len(), 1);
    assert!(about(after(open, reminders[0]), REMINDED), "{reminders:?}");
    assert!(about(after(open, ends[0]), LIMIT), "{ends:?}");
    let Recorded::Known(Event::RunEnded { because: Some(problem), .. }) =
        &facts.last().unwrap().event
    else {
        panic!()
    };
    assert_eq!(problem.code, Some(Code::GATE_EXPIRED));
    // No one decided the end, so people get an alert, as they did before it.
    let mut folded = RunView::begin(view.number, &facts[0]).unwrap();
    let mut alerts = Vec::new();
    for fact in &facts[1..] {
        folded.apply(fact).unwrap();
        alerts.extend(alert::of(&folded, fact).filter(|alert| alert.kind == Kind::Gate));
    }
    let texts: Vec<_> = alerts.iter().map(|alert| alert.text.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("the gate expires at")), "{texts:?}");
    assert!(texts.last().unwrap().contains("ended: aborted"), "{texts:?}");
}

#[test]
fn extended_gate_waits_its_full_time_again() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut extended = 0;
    let view = bench.drive_watched(&plan("1.1.0"), |view, _| {
        if extended < 2 && view.open_gate.is_some_and(|open| open.reminded) {
            extended += 1;
            bench.send(view, &[Command::Extend]);
        }
    });
    let facts = bench.facts(&view);
    let reminders = at(&facts, reminded);
    assert_eq!(reminders.len(), 3, "one for each time");
    let end = at(&facts, ended)[0];
    assert!(about(after(reminders[1], end), LIMIT), "{end}");
    assert_eq!(outcome(&view), Outcome::Aborted);
}

#[test]
fn approval_in_time_counts() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.drive_watched(&plan("1.1.0"), |view, _| {
        if view.open_gate.is_some_and(|open| open.reminded) {
            bench.send(view, &[Command::approve()]);
        }
    });
    assert_eq!(outcome(&view), Outcome::Promoted);
}

#[test]
fn gate_without_limit_waits_on() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut plan = Plan { ask_at_gates: true, ..plan("1.1.0") };
    plan.policy.gate.then = AfterGate::Wait;
    let mut view = bench.create(&plan);
    for _ in 0..3 {
        view = bench.for_minutes(view, &[]);
    }
    assert!(matches!(view.state, RunState::Waiting { .. }), "{}", view.state.sentence());
    assert!(may_extend(&view).unwrap_err().contains("without limit"));
}

/// A plan of a version without this rule keeps the rule that it was approved with.
#[test]
fn run_of_an_earlier_version_waits_on() {
    let mut plan = serde_json::to_value(deploy_plan("1.1.0")).unwrap();
    plan["policy"].as_object_mut().unwrap().remove("gate");
    let plan: Plan = serde_json::from_value(plan).unwrap();
    assert_eq!(plan.policy.gate.then, AfterGate::Wait);
}

/// The gate of a run whose driver died gets its time again: the person who resumes it has only just seen it.
#[test]
fn resumed_gate_gets_its_time_again() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let view = bench.create(&Plan { ask_at_gates: true, ..plan("1.1.0") });
    let view = bench.for_minutes(view, &[]);
    assert!(matches!(view.state, RunState::Waiting { .. }), "{}", view.state.sentence());
    bench.late.set(Duration::from_hours(8));
    let view = bench.for_minutes(view, &[]);
    assert!(matches!(view.state, RunState::Waiting { .. }), "{}", view.state.sentence());
    let due = view.deadline().unwrap().at;
    assert!(after(Timestamp::UNIX_EPOCH, due) >= Duration::from_hours(8) + LIMIT, "{due}");
}

#[test]
fn list_after_the_switch_only_reminds() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let mut due = None;
    let view = bench.drive_watched(&with_post_list("1.1.0"), |view, signals| {
        let RunState::Waiting { .. } = view.state else { return };
        if !view.touched_traffic() {
            bench.send(view, &[Command::approve()]);
        } else if view.open_gate.is_some_and(|open| open.reminded) {
            due = view.deadline();
            let _ = signals.try_send(Signal::Stop);
        }
    });
    let due = due.expect("it reminds");
    assert!(!due.ends);
    assert_eq!(due.remind, due.at);
    let by = view.undo.map(|(by, _)| by);
    assert_eq!(by, Some(DecidedBy::Person), "no rollback without evidence");
}

/// A command of a newer version is refused with the reason; it does not end the process that drives the run.
#[test]
fn command_of_a_newer_version_is_refused() {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    let newer: Command = serde_json::from_str(r#"{"do":"levitate","height":3}"#).unwrap();
    assert_eq!(newer, Command::Unknown);
    let mut sent = false;
    let view = bench.drive_watched(&plan("1.1.0"), |view, _| {
        if matches!(view.state, RunState::Waiting { .. }) && !std::mem::replace(&mut sent, true) {
            bench.send(view, std::slice::from_ref(&newer));
        }
    });
    let refusals = bench.refusals(&view);
    assert!(refusals.iter().any(|because| because.contains("older version")), "{refusals:?}");
}
