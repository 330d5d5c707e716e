//! Approvals by several people: who counts, what falls, and what needs none.

use std::time::Duration;

use pointsman::domain::approvals::{Approval, Approvals, People, Requester};
use pointsman::domain::command::Command;
use pointsman::domain::event::{Event, Outcome, Recorded};
use pointsman::domain::hash::Hash;
use pointsman::domain::migration::SchemaWay;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner;
use pointsman::domain::readiness::default_target;
use pointsman::domain::view::RunView;
use pointsman::engine::Signal;
use pointsman::rehearsal::Behaviour;

use super::world::{Bench, deploy_plan, outcome, planned, spec};

/// The person who starts every run of the bench.
const REQUESTER: &str = "ana";

fn by_two() -> Approvals {
    Approvals { people: 2, from: Vec::new(), requester: Requester::Excluded, proven: false }
}

fn plan(rule: Approvals) -> Plan {
    plan_of("1.1.0", rule)
}

fn plan_of(release: &str, rule: Approvals) -> Plan {
    let mut spec = spec();
    spec.policy.approvals = Some(rule);
    planned(spec, release)
}

/// A bench on which an earlier release is live.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.drive(&deploy_plan("1.0.0"));
    bench
}

/// An approval of the plan that the run has.
fn approve(view: &RunView) -> Command {
    Command::Approve(Approval { plan: Some(view.plan.hash()), note: None })
}

/// Drives a run whose gate each of these people approves in turn, one per answer; then it is stopped. Returns the run and
/// the reasons of refusals.
fn approved_by(rule: Approvals, people: &[&str]) -> (Bench, RunView, Vec<String>) {
    let bench = bench();
    let (mut sent, mut answered) = (0, 0);
    let view = bench.drive_with(&plan(rule), |view, signals| {
        if view.gate().is_none() {
            return;
        }
        let answers = answers(&bench, view);
        if sent > 0 && answers.len() == answered {
            return;
        }
        answered = answers.len();
        match people.get(sent) {
            Some(person) => bench.send_as(person, view, &approve(view)),
            None => drop(signals.try_send(Signal::Stop)),
        }
        sent += 1;
    });
    let refusals = answers(&bench, &view).into_iter().flatten().collect();
    (bench, view, refusals)
}

/// The answers to commands: nothing if it was accepted, or why it was refused.
fn answers(bench: &Bench, view: &RunView) -> Vec<Option<String>> {
    let answer = |event: Recorded| match event {
        Recorded::Known(Event::CommandAccepted { .. }) => Some(None),
        Recorded::Known(Event::CommandRefused { because, .. }) => Some(Some(because)),
        _ => None,
    };
    bench.facts(view).into_iter().filter_map(|fact| answer(fact.event)).collect()
}

#[test]
fn switch_needs_two_different_people_and_not_the_requester() {
    let (_, view, refusals) = approved_by(by_two(), &["ben", "cho"]);
    assert_eq!((outcome(&view), refusals.len()), (Outcome::Promoted, 0));

    let (_, view, refusals) = approved_by(by_two(), &[REQUESTER, "ben", "ben"]);
    assert_eq!(outcome(&view), Outcome::Aborted, "one person is not two");
    assert!(!view.touched_traffic());
    assert!(refusals[0].contains("started this run"), "{refusals:?}");
    assert!(refusals[1].contains("has approved already"), "{refusals:?}");

    let allowed = Approvals { requester: Requester::Allowed, ..by_two() };
    let (_, view, _) = approved_by(allowed, &[REQUESTER, "ben"]);
    assert_eq!(outcome(&view), Outcome::Promoted);
}

/// One person is one person, however the name is spelled.
#[test]
fn other_spelling_is_no_other_person() {
    let people = ["ben@example.com (Google)", "BEN@Example.com (Google)"];
    let (_, view, refusals) = approved_by(by_two(), &people);
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert!(refusals[0].contains("has approved already"), "{refusals:?}");
}

/// A confirmation beforehand is one person's: the engine holds the gate, whatever the plan says about asking.
#[test]
fn confirmation_beforehand_opens_no_gate_that_counts_people() {
    let bench = bench();
    let plan = Plan { ask_at_gates: false, ..plan(by_two()) };
    let view = bench.drive_with(&plan, |view, signals| {
        if view.open_gate.is_some_and(|open| open.reminded) {
            let _ = signals.try_send(Signal::Stop);
        }
    });
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert!(!view.touched_traffic());
}

#[test]
fn only_named_people_approve() {
    let from = vec!["ben@example.com".to_owned(), "cho@example.com".to_owned()];
    let rule = Approvals { from, ..by_two() };
    let people =
        ["dan@example.com (Google)", "BEN@example.com (Google)", "cho@example.com (Google)"];
    let (_, view, refusals) = approved_by(rule, &people);
    assert_eq!(outcome(&view), Outcome::Promoted);
    assert_eq!(refusals.len(), 1);
    assert!(refusals[0].contains("dan@example.com (Google) may not approve"), "{refusals:?}");
    assert!(refusals[0].contains("cho@example.com"), "it names who may: {refusals:?}");
}

/// `$USER` and the host name make any name; where accounts are proven, they make none.
#[test]
fn unproven_name_does_not_count_where_accounts_are_proven() {
    let rule = Approvals { from: vec!["ben@example.com".to_owned()], people: 1, ..by_two() };
    let rule = Approvals { proven: true, ..rule };
    let people = ["ben@example.com (local)", "ben@example.com"];
    let (_, view, refusals) = approved_by(rule, &people);
    assert_eq!(outcome(&view), Outcome::Aborted);
    assert!(refusals.iter().all(|why| why.contains("is not proven")), "{refusals:?}");
}

#[test]
fn approvals_fall_with_green() {
    let bench = bench();
    let mut stage = 0;
    let view = bench.drive_with(&plan(by_two()), |view, _| {
        if view.gate().is_none() {
            return;
        }
        let healthy = pointsman::domain::gate::green_may_serve(view).is_ok();
        match stage {
            0 => bench.send_as("ben", view, &approve(view)),
            1 if view.approvals.len() == 1 => bench.world.behave("1.1.0", Behaviour::Broken),
            2 if !healthy => {
                assert!(view.approvals.is_empty());
                bench.world.behave("1.1.0", Behaviour::Healthy);
            }
            3 if healthy => bench.send_as("cho", view, &approve(view)),
            4 if view.approvals.len() == 1 => {
                assert_eq!(view.approvals_missing(), Some(1), "ben's fell");
                bench.send_as("ben", view, &approve(view));
            }
            _ => return,
        }
        stage += 1;
    });
    assert_eq!((stage, outcome(&view)), (5, Outcome::Promoted));
}

#[test]
fn approval_of_another_plan_does_not_count() {
    let bench = bench();
    let mut stage = 0;
    let view = bench.drive_with(&plan(by_two()), |view, signals| {
        if view.gate().is_none() || answers(&bench, view).len() < stage {
            return;
        }
        let other = Approval { plan: Some(Hash::of(b"another plan")), note: None };
        match stage {
            0 => bench.send_as("ben", view, &Command::Approve(other)),
            1 => bench.send_as("ben", view, &Command::approve()),
            2 => drop(signals.try_send(Signal::Stop)),
            _ => return,
        }
        stage += 1;
    });
    let refusals: Vec<_> = answers(&bench, &view).into_iter().flatten().collect();
    assert!(refusals[0].contains("for another plan"), "{refusals:?}");
    assert!(refusals[1].contains("names no plan"), "{refusals:?}");
    assert_eq!(outcome(&view), Outcome::Aborted);
}

/// No one watched GREEN between the death of a driver and the next one.
#[test]
fn approvals_fall_with_the_driver() {
    let bench = bench();
    let view = bench.create(&plan(by_two()));
    let view = bench.for_minutes(view, &[]);
    bench.late.set(Duration::from_mins(3));
    let view = bench.for_minutes(view.clone(), &[approve(&view)]);
    assert_eq!(view.approvals.len(), 1, "{}", view.state.sentence());
    let view = bench.for_minutes(view, &[]);
    assert!(view.approvals.is_empty());
}

#[test]
fn rollback_needs_no_second_person() {
    let bench = bench();
    bench.drive(&deploy_plan("1.1.0"));
    let mut spec = spec();
    spec.policy.approvals = Some(by_two());
    let target = default_target(&bench.runs(), &bench.live()).unwrap();
    let plan = planner::rollback(spec, &target, None, SchemaWay::Keep).unwrap();
    let view = bench.drive(&plan);
    assert_eq!(outcome(&view), Outcome::RolledBack);

    // And neither does the way back inside a run that is waiting for its soak.
    let (bench, mut asked) = (bench, false);
    let mut given = 0;
    let view = bench.drive_with(&plan_of("1.2.0", by_two()), |view, _| {
        if view.gate().is_some() && given < 2 {
            bench.send_as(["ben", "cho"][given], view, &approve(view));
            given += 1;
        } else if view.touched_traffic() && !std::mem::replace(&mut asked, true) {
            bench.send_as(REQUESTER, view, &Command::Rollback);
        }
    });
    assert_eq!(outcome(&view), Outcome::RolledBack);
}

#[test]
fn claim_names_a_person_for_a_while_and_blocks_nobody() {
    let bench = bench();
    let mut stage = 0;
    let view = bench.drive_watched(&deploy_plan("1.1.0"), |view, _| {
        let Some(_) = view.gate() else { return };
        match (stage, &view.claim) {
            (0, None) => bench.send_as("ben@example.com (Google)", view, &Command::Claim),
            (1, Some(claim)) => {
                let before = claim.until - Duration::from_secs(1);
                let told = view.claimed(before).unwrap();
                assert!(told.starts_with("ben@example.com (Google) has it until "), "{told}");
                assert_eq!(view.claimed(claim.until), None, "a claim says nothing about later");
                bench.send_as("cho", view, &Command::approve());
            }
            _ => return,
        }
        stage += 1;
    });
    assert_eq!((stage, outcome(&view)), (2, Outcome::Promoted));
    assert_eq!(view.claim, None);
}

#[test]
fn people_rule_names_who_may() {
    let nobody_else = People(vec!["ben@example.com".to_owned()]);
    let who = |text| pointsman::domain::identity::Identity::of(text);
    assert!(nobody_else.permit(&who("ben@example.com (Google)"), "deploy").is_ok());
    let refused = nobody_else.permit(&who("ana@laptop (local)"), "deploy to production");
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("ana@laptop (local) may not deploy to production"), "{told}");
    assert!(People::default().permit(&who("anyone"), "deploy").is_ok());
}

/// Rules that cannot be fulfilled are refused with their place, before a run waits for them.
#[test]
fn rules_that_nobody_can_fulfil_are_refused() {
    let wrong = |more: &str| {
        let text = format!(
            "version: 1
services:
  web: {{ root: ., backend: web, health: {{ version: /version }} }}
environments:
  development:
    protection: open
    platform: {{ kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }}
    services: {{ web: {{ url: 'http://localhost:4000' }} }}
    {more}
releases: {{ kind: list, labels: ['1.0'] }}
"
        );
        let place = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("config.yaml");
        let found = pointsman::config::load_text(&text, &place).err();
        found.map(|found| (found.findings[0].line, found.findings[0].message.clone()))
    };
    for (more, why) in [
        ("approvals: { people: 0 }", "people must be 1 or more"),
        ("approvals: { people: 2, from: [ana@x.y] }", "`from` and `may` leave 1"),
        ("approvals: { people: 2, from: [ana@x.y, ana@x.y] }", "`from` and `may` leave 1"),
        ("approvals: { people: 1, from: [a@x.y] }\n    may: { approve: [b@x.y] }", "leave 0"),
        ("approvals: { people: 1, requester: maybe }", "requester cannot be \"maybe\""),
        ("may: { deploy: [] }", "no one may deploy"),
        ("may: { rollback: everyone }", "rollback cannot be \"everyone\""),
        ("deploy: { gate: { expires: 0s } }", "no one can answer a gate within 0ms"),
        ("deploy: { gate: { then: explode } }", "then cannot be \"explode\""),
    ] {
        let (line, message) = wrong(more).unwrap_or_else(|| panic!("{more} was accepted"));
        assert!((9..=10).contains(&line) && message.contains(why), "{more}: {line} {message}");
    }
    assert_eq!(wrong("may: { deploy: [ana@x.y], rollback: anyone }"), None);
    assert_eq!(wrong("approvals: { people: 2, from: [ana@x.y, ben@x.y] }"), None);
}
