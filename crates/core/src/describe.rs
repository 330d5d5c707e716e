//! Facts and commands as sentences: the same on the screen, in headless output and in reports.

use std::fmt;
use std::time::Duration;

use super::checklist::Tally;
use super::command::Command;
use super::event::{
    ATTESTATION, AnsweredBy, DecidedBy, Event, Fact, GREEN_GATE, Mark, Recorded, Topic,
};
use super::ports::outbox::DeliveryState;
use super::ports::sharing::Standing;
use super::release::ReleaseName;
use super::step::Failure;
use super::time::{Timestamp, spoken};
use super::view::TrafficState;

/// One line per fact: the time in the run, the step, and what happened.
pub fn fact(fact: &Fact) -> String {
    let at = Duration::from_millis(fact.elapsed_ms);
    let step = fact.step.as_ref().map_or("run", |s| s.as_str());
    let said = match &fact.event {
        Recorded::Unknown { kind, .. } => format!("{kind} (this version does not know it)"),
        Recorded::Known(event) => with_actor(fact, event),
    };
    format!("{:>7}  {step:<18} {said}", spoken(at))
}

/// An event in a few words, after the person who decided it: that is half of what happened.
pub fn with_actor(fact: &Fact, event: &Event) -> String {
    let of_a_person = matches!(
        event,
        Event::CommandAccepted { .. }
            | Event::CommandRefused { .. }
            | Event::RunnerLost { .. }
            | Event::RunTakenOn {}
    );
    let said = sentence(event);
    if of_a_person { format!("{}: {said}", fact.actor) } else { said }
}

/// An event in a few words.
pub fn sentence(event: &Event) -> String {
    let sentence = match event.topic() {
        Topic::Step => of_step(event),
        Topic::Service => of_service(event),
        Topic::Database => of_database(event),
        Topic::Decision => of_people(event),
        Topic::Run => of_run(event),
    };
    sentence.unwrap_or_else(|| Recorded::Known(event.clone()).parts().0)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one group of `Event::topic`, which names every kind"
)]
fn of_step(event: &Event) -> Option<String> {
    Some(match event {
        Event::StepStarted { attempt: 1 } => "started".to_owned(),
        Event::StepStarted { attempt } => format!("started again, attempt {attempt}"),
        Event::StepFinished { summary, warning: false, .. } => format!("ok: {summary}"),
        Event::StepFinished { summary, warning: true, .. } => format!("ok, but: {summary}"),
        // A person cancelled the step, so it is not reported as failed.
        Event::StepFailed { problem, class: Failure::Cancelled } => format!("ended: {problem}"),
        Event::StepFailed { problem, .. } => format!("FAILED: {problem}"),
        Event::StepSkipped { reason, .. } => format!("skipped: {reason}"),
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one group of `Event::topic`, which names every kind"
)]
fn of_service(event: &Event) -> Option<String> {
    Some(match event {
        Event::BlueObserved { service, splits, .. } if !splits.is_empty() => {
            format!("{service}: traffic is with {}", TrafficState::of(splits))
        }
        Event::BlueObserved { service, build, release, commit, .. } => match (build, release) {
            (Some(build), Some(label)) => {
                let name = ReleaseName { label: label.clone(), commit: commit.clone() };
                format!("{service}: {name} is live ({build})")
            }
            (Some(build), None) => format!("{service}: {build} is live"),
            (None, _) => format!("{service}: no build is live yet"),
        },
        Event::FilesSeen { service, files } => {
            format!("{service}: pages of the live build load {}", counted(files.len(), "file"))
        }
        Event::BuildRequested { service, build, .. } => {
            format!("{service}: requested build {build}")
        }
        Event::GreenReady { service, build, preview } => {
            let at = preview.as_ref().map(|p| format!(" at {p}")).unwrap_or_default();
            format!("{service}: {build} is ready{at}, without traffic")
        }
        Event::CandidateReady { service, build } => format!("{service}: {build} can become live"),
        Event::SwitchRequested { service, to, .. } => {
            format!("{service}: requested all traffic for {to}")
        }
        Event::ShiftRequested { service, green, percent, .. } => {
            format!("{service}: requested {percent} % of the traffic for {green}")
        }
        Event::TrafficObserved { service, splits } => {
            format!("{service}: traffic is with {}", TrafficState::of(splits))
        }
        Event::Judged { service, verdict, rule, evidence } => {
            format!("{service}: {} {}: {evidence}", judged(rule), verdict.word())
        }
        Event::ConfigCompared { service, build, changes } => {
            format!("{service}: {build} changes {}", super::build_config::summary(changes))
        }
        Event::ServingReported { service, reports } => {
            format!("{service}: {}", super::serving::sentence(reports))
        }
        Event::ReleaseFaulted { service, evidence } => {
            format!("{service}: the release failed: {evidence}")
        }
        Event::BuildStopped { service, build } => format!("{service}: {build} is stopped"),
        Event::BuildDeleted { service, build } => format!("{service}: {build} is deleted"),
        Event::RolloutsHeld { service, .. } => {
            format!("{service}: automatic rollouts are disabled during the run")
        }
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one group of `Event::topic`, which names every kind"
)]
fn of_database(event: &Event) -> Option<String> {
    Some(match event {
        Event::DatabaseLocked { database, fence } => {
            format!("{database}: locked, fence {fence}")
        }
        Event::SchemaSeen { database, version, dirty } => {
            let at = version.as_ref().map_or("unknown".to_owned(), ToString::to_string);
            let half = dirty.as_ref().map(|v| format!("; {v} is HALF DONE")).unwrap_or_default();
            format!("{database}: schema {at}{half}")
        }
        Event::MigrationRequested { database, version, direction } => {
            format!("{database}: {version} {}", direction.label())
        }
        Event::MigrationEnded { database, version, direction, documents, head } => {
            let (way, count) = (direction.label(), documents);
            format!(
                "{database}: {version} {way} is done, {}; schema {head}",
                counted(*count, "document")
            )
        }
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one group of `Event::topic`, which names every kind"
)]
fn of_people(event: &Event) -> Option<String> {
    Some(match event {
        Event::GateOpened { question } => format!("waiting: {}", question.replace('\n', "; ")),
        Event::GateAnswered { by: AnsweredBy::Beforehand, .. } => {
            "approved when the run was started".to_owned()
        }
        Event::ChecklistSeen { list, items } => {
            let tally = Tally::of(items);
            let open = items.iter().filter(|item| !item.standing.settled());
            let open: Vec<_> = open.filter_map(|item| item.id.split('/').nth(1)).collect();
            let open =
                if open.is_empty() { String::new() } else { format!("; {}", open.join(", ")) };
            format!("checklist {}: {tally}{open}", list.label())
        }
        Event::GateAnswered { by: AnsweredBy::Command(id), .. } => {
            format!("approved by command {id}")
        }
        Event::GateDue { at, ends } => due(*at, *ends),
        Event::CommandAccepted { command: Command::Approve(approval), .. } => {
            let note = approval.note.as_ref().map(|note| format!(": {note}"));
            format!("approves the gate{}", note.unwrap_or_default())
        }
        Event::CommandAccepted { command: asked, .. } => format!("command: {}", command(asked)),
        Event::CommandRefused { command: asked, because, .. } => {
            format!("command refused: {}: {because}", command(asked))
        }
        Event::RunnerLost { observed, choice } => {
            format!("the run's process died; {observed}; chosen: {}", choice.title())
        }
        Event::RunPaused { because } => because.clone(),
        Event::GateAnswered { by: AnsweredBy::Checklist, .. } => {
            "approved: every required item is done".to_owned()
        }
        Event::GateAnswered { by: AnsweredBy::Advice, .. } => {
            "approved with open items: checklists are advisory in this environment".to_owned()
        }
        Event::GateAnswered { by: AnsweredBy::Override, .. } => {
            "approved with open items: the checklist is overridden".to_owned()
        }
        Event::RunResumed {} => "resumed".to_owned(),
        Event::RunHandedOver { to } => format!("the run is handed over to {to}"),
        Event::RunTakenOn {} => "the run was taken on".to_owned(),
        _ => return None,
    })
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "one group of `Event::topic`, which names every kind"
)]
fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted { plan, plan_hash } => {
            format!("{} on {}, plan {}", plan.title(), plan.environment, plan_hash.short())
        }
        Event::UndoPlanned { because, by, .. } => {
            format!("ROLLING BACK, decided {}: {because}", decided_by(*by))
        }
        Event::ReleaseMarked { release, commit, mark, because, .. } => {
            let name = ReleaseName { label: release.clone(), commit: commit.clone() };
            let word = match mark {
                Mark::Stable => "stable",
                Mark::Bad => "BAD",
                Mark::Cleared => "usable again",
            };
            format!("{name} is {word}: {because}")
        }
        Event::RolloutsReleased { service, problem: None } => {
            format!("{service}: automatic rollouts are allowed again")
        }
        Event::RolloutsReleased { service, problem: Some(problem) } => {
            format!("{service}: automatic rollouts are STILL DISABLED: {problem}")
        }
        Event::RunEnded { outcome, .. } => format!("ended: {}", outcome.word()),
        Event::RunSuperseded { by } => format!("superseded by run {by}"),
        _ => return None,
    })
}

/// The display name of a rule, by its name in the journal.
fn judged(rule: &str) -> &str {
    match rule {
        GREEN_GATE => "GREEN's health",
        ATTESTATION => "verification",
        other => other,
    }
}

/// When a gate is due, and what happens then.
pub fn due(at: Timestamp, ends: bool) -> String {
    let at = at.strftime("%H:%M:%SZ");
    if ends {
        format!("the gate expires at {at}; then the run ends, and traffic stays where it is")
    } else {
        format!("the gate was due at {at}; it waits on, and nothing is rolled back")
    }
}

/// Who decided a rollback: `automatically`, or `by a person`.
pub fn decided_by(by: DecidedBy) -> &'static str {
    if by == DecidedBy::Rule { "automatically" } else { "by a person" }
}

/// A command, as a verb phrase.
pub fn command(command: &Command) -> &'static str {
    match command {
        Command::Approve(_) => "approve the gate",
        Command::Extend => "extend the gate",
        Command::Offer => "offer the run to another person",
        Command::Accept => "take the offered run",
        Command::Claim => "take care of what it waits for",
        Command::Unknown => "a command of a newer version",
        Command::Pause => "pause before the next step",
        Command::Resume => "resume",
        Command::Retry => "retry the step",
        Command::Skip { .. } => "skip the step",
        Command::Rollback => "roll back",
        Command::Abort { now: false } => "stop at the next safe point",
        Command::Abort { now: true } => "stop now",
    }
}

/// The state of a delivery.
pub fn delivery(state: &DeliveryState) -> String {
    match state {
        DeliveryState::Waits { until, why } if why.is_empty() => {
            format!("pending since {}", until.strftime("%H:%M:%SZ"))
        }
        DeliveryState::Waits { until, why } => {
            format!("pending, next attempt {}: {why}", until.strftime("%H:%M:%SZ"))
        }
        DeliveryState::Delivered(at) => format!("delivered {}", at.strftime("%H:%M:%SZ")),
        DeliveryState::GivenUp(why) => format!("GIVEN UP: {why}"),
        DeliveryState::Silenced => "silenced".to_owned(),
        DeliveryState::Elsewhere(machine) => format!("sent by {machine}"),
    }
}

/// An age for people: `40s ago`, `3m ago`, and the date after two days.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let age = Duration::try_from(now.duration_since(at)).unwrap_or_default().as_secs();
    match age {
        0..60 => format!("{age}s ago"),
        60..3_600 => format!("{}m ago", age / 60),
        3_600..172_800 => format!("{}h ago", age / 3_600),
        _ => at.strftime("%d %b %Y").to_string(),
    }
}

/// A count with its noun: `1 alert`, `2 alerts`.
pub fn counted<N: Copy + fmt::Display + PartialEq + From<u8>>(count: N, noun: &str) -> String {
    let plural = if count == N::from(1) { "" } else { "s" };
    format!("{count} {noun}{plural}")
}

/// A process: `process 12`, or `process 12 on laptop-1` if it is on another machine.
pub fn process(pid: impl fmt::Display, host: Option<&str>) -> String {
    host.map_or_else(|| format!("process {pid}"), |host| format!("process {pid} on {host}"))
}

/// What only this machine has of what a team shares.
pub fn unshared(standing: &Standing) -> String {
    let Standing { name, unshared, as_of, .. } = standing;
    let records = counted(*unshared, "record");
    let others = as_of.map_or_else(String::new, |at| {
        let at = at.strftime("%H:%M:%SZ");
        format!(". What other machines did since {at} is not known, nor whether one took over")
    });
    format!(
        "NOT SHARED: {records} only on this machine until {name} answers; any pointsman process here shares them{others}"
    )
}

/// How old the copy of a shared store is that does not answer, and what only this machine has.
pub fn unreachable(standing: &Standing) -> String {
    let Standing { name, as_of, unshared, .. } = standing;
    let as_of = as_of.map_or("was never read".to_owned(), |at| {
        format!("was last read {}", at.strftime("%Y-%m-%d %H:%M:%SZ"))
    });
    let lacks = match unshared {
        0 => String::new(),
        some => format!("NOT SHARED: {} only on this machine; ", counted(*some, "record")),
    };
    format!("{lacks}the shared store {name} {as_of}")
}
