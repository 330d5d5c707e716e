//! The transition table: every kind of state against every kind of fact. A new fact or state breaks this file until
//! it is added.

use pointsman::domain::checklist::List;
use pointsman::domain::command::Command;
use pointsman::domain::error::Problem;
use pointsman::domain::event::{AnsweredBy, DecidedBy, Event, Mark, Outcome, Recorded};
use pointsman::domain::hash::Hash;
use pointsman::domain::health::Verdict;
use pointsman::domain::ids::{BuildId, RolloutId, RunNumber, StepId};
use pointsman::domain::migration::Direction;
use pointsman::domain::plan::Source;
use pointsman::domain::recover::Choice;
use pointsman::domain::release::SchemaVersion;
use pointsman::domain::run::{RunState, transition};
use pointsman::domain::step::Failure;

use super::world::{deploy_plan, label, service};

fn step(name: &str) -> StepId {
    StepId::new(name).unwrap()
}

fn states() -> Vec<(&'static str, RunState)> {
    let at = || step("probe");
    vec![
        ("planned", RunState::Planned),
        ("ready", RunState::Ready { next: at() }),
        ("running", RunState::Running { step: at(), attempt: 1 }),
        ("waiting", RunState::Waiting { gate: at() }),
        ("failed", RunState::Failed { step: at(), attempt: 1 }),
        ("paused", RunState::Paused { next: at() }),
        ("done", RunState::Done),
        ("ended", RunState::Ended { outcome: Outcome::Failed }),
    ]
}

const RUNNING: &[&str] = &["running"];
const BEGUN: &[&str] = &["ready", "running", "waiting", "failed", "paused", "done"];
const BETWEEN: &[&str] = &["ready", "waiting", "failed", "paused"];
const AT_REST: &[&str] = &["ready", "waiting", "failed", "paused", "done"];

fn schema(version: &str) -> SchemaVersion {
    version.parse().unwrap()
}

/// Each kind of fact, whether it belongs to a step, and the states that it may follow.
#[rustfmt::skip]
fn table() -> Vec<(Event, bool, &'static [&'static str])> {
    let plan = Box::new(deploy_plan("1.0.0"));
    let plan_hash = plan.hash();
    let build = || BuildId::new("b-1").unwrap();
    let s = || service("toto-app");
    let problem = || Problem::new("it broke");
    let next = Some(step("gate"));
    vec![
        (Event::RunStarted { plan, plan_hash }, false, &["planned"]),
        (Event::StepStarted { attempt: 1 }, true, &["ready"]),
        (Event::StepStarted { attempt: 2 }, true, &["failed"]),
        (Event::StepFinished { next: next.clone(), summary: String::new(), warning: false }, true, RUNNING),
        (Event::StepFailed { problem: problem(), class: Failure::Lasting }, true, RUNNING),
        (Event::StepSkipped { reason: String::new(), next: next.clone() }, true, &["ready", "failed"]),
        (Event::GateOpened { question: String::new() }, true, &["ready"]),
        (Event::GateAnswered { by: AnsweredBy::Beforehand, next }, true, &["waiting"]),
        (Event::BlueObserved { service: s(), build: None, release: None, commit: None, splits: Vec::new() }, true, RUNNING),
        (Event::BuildRequested { service: s(), build: build(), request_id: String::new(), release: label("1"), source: Source::Archive(String::new()) }, true, RUNNING),
        (Event::GreenReady { service: s(), build: build(), preview: None }, true, &["running", "waiting"]),
        (Event::CandidateReady { service: s(), build: build() }, true, RUNNING),
        (Event::SwitchRequested { service: s(), from: None, to: build(), rollout: RolloutId::new("r").unwrap(), request_id: String::new() }, true, RUNNING),
        (Event::ShiftRequested { service: s(), blue: build(), green: build(), percent: 10 }, true, RUNNING),
        (Event::TrafficObserved { service: s(), splits: vec![] }, true, RUNNING),
        (Event::Judged { service: s(), verdict: Verdict::Pass, rule: String::new(), evidence: String::new() }, true, &["running", "waiting"]),
        (Event::ReleaseFaulted { service: s(), evidence: String::new() }, true, RUNNING),
        (
            Event::ConfigCompared { service: s(), build: build(), changes: Vec::new() },
            true,
            RUNNING,
        ),
        (Event::ServingReported { service: s(), reports: Vec::new() }, true, RUNNING),
        (Event::FilesSeen { service: s(), files: vec![] }, true, RUNNING),
        (Event::RolloutsHeld { service: s(), policy: String::new() }, true, RUNNING),
        (Event::RolloutsReleased { service: s(), problem: None }, false, &["ready", "waiting", "failed", "paused", "done"]),
        (Event::ChecklistSeen { list: List::Pre, items: vec![] }, true, &["waiting"]),
        (Event::GateDue { at: pointsman::domain::time::Timestamp::UNIX_EPOCH, ends: true }, true, &["waiting"]),
        (Event::ReleaseMarked { release: label("1"), commit: None, mark: Mark::Stable, builds: vec![], because: String::new() }, true, RUNNING),
        (Event::DatabaseLocked { database: "main".into(), fence: 1 }, true, RUNNING),
        (Event::SchemaSeen { database: "main".into(), version: None, dirty: None }, true, RUNNING),
        (Event::MigrationRequested { database: "main".into(), version: schema("1.0.0"), direction: Direction::Up }, true, RUNNING),
        (Event::MigrationEnded { database: "main".into(), version: schema("1.0.0"), direction: Direction::Up, documents: 1, head: schema("1.0.0") }, true, RUNNING),
        (Event::BuildStopped { service: s(), build: build() }, true, RUNNING),
        (Event::BuildDeleted { service: s(), build: build() }, true, RUNNING),
        (Event::UndoPlanned { steps: vec![], first: step("undo:toto-app"), because: problem(), by: DecidedBy::Rule }, false, BETWEEN),
        (Event::CommandAccepted { id: 1, command: Command::Pause }, false, BEGUN),
        (Event::CommandRefused { id: 1, command: Command::Pause, because: String::new() }, false, BEGUN),
        (Event::RunPaused { because: String::new() }, false, &["ready"]),
        (Event::RunResumed {}, false, &["paused"]),
        (Event::RunHandedOver { to: String::new() }, false, BETWEEN),
        (Event::RunTakenOn {}, false, BETWEEN),
        (Event::RunnerLost { observed: String::new(), choice: Choice::Continue }, false, BEGUN),
        (Event::RunEnded { outcome: Outcome::Promoted, because: None }, false, &["done"]),
        (Event::RunEnded { outcome: Outcome::RolledBack, because: None }, false, &["done"]),
        (Event::RunEnded { outcome: Outcome::CleanedUp, because: None }, false, &["done"]),
        (Event::RunEnded { outcome: Outcome::Migrated, because: None }, false, &["done"]),
        (Event::RunEnded { outcome: Outcome::Failed, because: None }, false, BETWEEN),
        (Event::RunEnded { outcome: Outcome::Aborted, because: None }, false, AT_REST),
        (Event::RunEnded { outcome: Outcome::Unknown, because: None }, false, AT_REST),
        (Event::RunEnded { outcome: Outcome::Superseded, because: None }, false, &[]),
        (Event::RunSuperseded { by: RunNumber(2) }, false, BEGUN),
    ]
}

/// Fails to compile when a kind is added, as a reminder to add it to the table.
fn kind_is_in_the_table(event: &Event) {
    match event {
        Event::RunStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepFinished { .. }
        | Event::StepFailed { .. }
        | Event::StepSkipped { .. }
        | Event::GateOpened { .. }
        | Event::GateAnswered { .. }
        | Event::BlueObserved { .. }
        | Event::BuildRequested { .. }
        | Event::GreenReady { .. }
        | Event::CandidateReady { .. }
        | Event::SwitchRequested { .. }
        | Event::ShiftRequested { .. }
        | Event::TrafficObserved { .. }
        | Event::Judged { .. }
        | Event::ChecklistSeen { .. }
        | Event::RunHandedOver { .. }
        | Event::RunTakenOn {}
        | Event::GateDue { .. }
        | Event::FilesSeen { .. }
        | Event::ReleaseFaulted { .. }
        | Event::ServingReported { .. }
        | Event::ConfigCompared { .. }
        | Event::RolloutsHeld { .. }
        | Event::RolloutsReleased { .. }
        | Event::UndoPlanned { .. }
        | Event::ReleaseMarked { .. }
        | Event::DatabaseLocked { .. }
        | Event::SchemaSeen { .. }
        | Event::MigrationRequested { .. }
        | Event::MigrationEnded { .. }
        | Event::BuildStopped { .. }
        | Event::BuildDeleted { .. }
        | Event::CommandAccepted { .. }
        | Event::CommandRefused { .. }
        | Event::RunPaused { .. }
        | Event::RunResumed {}
        | Event::RunnerLost { .. }
        | Event::RunEnded { .. }
        | Event::RunSuperseded { .. } => {}
    }
}

#[test]
fn facts_are_accepted_in_exactly_their_states() {
    for (event, of_step, legal) in table() {
        kind_is_in_the_table(&event);
        let here = of_step.then(|| step("probe"));
        for (name, state) in states() {
            let result = transition(&state, here.as_ref(), &event);
            assert_eq!(result.is_ok(), legal.contains(&name), "{event:?} while {name}");
            if let Err(illegal) = result {
                assert_eq!(illegal.state, state);
                assert!(illegal.to_string().contains("cannot happen"));
            }
        }
    }
}

#[test]
fn fact_of_another_step_is_refused() {
    let elsewhere = step("soak");
    for (event, _, _) in table().into_iter().filter(|(_, of_step, _)| *of_step) {
        for (name, state) in states() {
            assert!(
                transition(&state, Some(&elsewhere), &event).is_err(),
                "{event:?} while {name}"
            );
            assert!(transition(&state, None, &event).is_err(), "{event:?} while {name}");
        }
    }
}

#[test]
fn attempts_are_consecutive() {
    let failed = RunState::Failed { step: step("probe"), attempt: 2 };
    for (attempt, legal) in [(1, false), (2, false), (3, true), (4, false)] {
        let started = Event::StepStarted { attempt };
        assert_eq!(transition(&failed, Some(&step("probe")), &started).is_ok(), legal, "{attempt}");
    }
}

#[test]
fn facts_round_trip() {
    for (event, _, _) in table() {
        let (kind, data) = Recorded::Known(event.clone()).parts();
        assert_eq!(Recorded::from_parts(&kind, &data), Recorded::Known(event));
    }
}

#[test]
fn unknown_fact_kind_is_kept() {
    let data = serde_json::json!({"service": "toto-app", "percent": 10});
    let recorded = Recorded::from_parts("canary-widened", &data);
    assert_eq!(recorded.parts(), ("canary-widened".to_owned(), data));
    let known_kind_new_field =
        Recorded::from_parts("step-started", &serde_json::json!({"attempt": 1, "lane": 2}));
    assert!(matches!(known_kind_new_field, Recorded::Unknown { .. }));
    assert_eq!(Hash::zero().short(), "000000000000");
}
