//! Removes secrets from the text that facts take from outside.

use super::redacted;
use crate::command::Command;
use crate::error::Problem;
use crate::event::Event;
use crate::plan::Plan;

fn clean(text: &mut String) {
    *text = redacted(text);
}

fn clean_problem(problem: &mut Problem) {
    [&mut problem.what, &mut problem.why, &mut problem.todo].into_iter().for_each(clean);
}

fn clean_command(command: &mut Command) {
    match command {
        Command::Skip { reason } => clean(reason),
        Command::Approve(approval) => approval.note.iter_mut().for_each(clean),
        Command::Extend
        | Command::Claim
        | Command::Offer
        | Command::Accept
        | Command::Unknown
        | Command::Pause
        | Command::Resume
        | Command::Retry
        | Command::Rollback
        | Command::Abort { .. } => {}
    }
}

/// A command, with secrets removed from a person's text.
pub fn without_secrets_of(command: &Command) -> Command {
    let mut command = command.clone();
    clean_command(&mut command);
    command
}

/// Redacts what people wrote about a plan. The rest comes from files without secrets, and
/// redacting it would change the plan's hash.
fn clean_plan(plan: &mut Plan) {
    plan.reason.iter_mut().for_each(clean);
    plan.overrides.values_mut().for_each(clean);
    plan.warnings.iter_mut().for_each(clean);
}

/// A fact without secrets and without text that looks like one. Each kind lists its fields with foreign text.
pub fn without_secrets(mut event: Event) -> Event {
    match &mut event {
        Event::RunStarted { plan, .. } => clean_plan(plan),
        Event::StepFinished { summary: text, .. }
        | Event::StepSkipped { reason: text, .. }
        | Event::GateOpened { question: text }
        | Event::Judged { evidence: text, .. }
        | Event::ReleaseFaulted { evidence: text, .. }
        | Event::ReleaseMarked { because: text, .. }
        | Event::RunPaused { because: text }
        | Event::RunnerLost { observed: text, .. } => clean(text),
        Event::ConfigCompared { changes, .. } => {
            for change in changes {
                let sides = [&mut change.from, &mut change.to];
                sides.into_iter().flatten().for_each(clean);
            }
        }
        Event::ServingReported { reports, .. } => {
            for report in reports {
                clean(&mut report.says);
            }
        }
        Event::ChecklistSeen { items, .. } => items.iter_mut().for_each(|i| clean(&mut i.said)),
        Event::StepFailed { problem, .. } | Event::UndoPlanned { because: problem, .. } => {
            clean_problem(problem);
        }
        Event::RolloutsReleased { problem, .. } | Event::RunEnded { because: problem, .. } => {
            problem.iter_mut().for_each(clean_problem);
        }
        Event::CommandAccepted { command, .. } => clean_command(command),
        Event::CommandRefused { command, because, .. } => {
            clean_command(command);
            clean(because);
        }
        // Names, numbers and versions; and addresses that are probed later, which redaction would break.
        Event::StepStarted { .. }
        | Event::FilesSeen { .. }
        | Event::GreenReady { .. }
        | Event::GateAnswered { .. }
        | Event::GateDue { .. }
        | Event::BlueObserved { .. }
        | Event::RolloutsHeld { .. }
        | Event::BuildRequested { .. }
        | Event::CandidateReady { .. }
        | Event::SwitchRequested { .. }
        | Event::ShiftRequested { .. }
        | Event::TrafficObserved { .. }
        | Event::DatabaseLocked { .. }
        | Event::SchemaSeen { .. }
        | Event::MigrationRequested { .. }
        | Event::MigrationEnded { .. }
        | Event::BuildStopped { .. }
        | Event::BuildDeleted { .. }
        | Event::RunResumed {}
        | Event::RunHandedOver { .. }
        | Event::RunTakenOn {}
        | Event::RunSuperseded { .. } => {}
    }
    event
}
