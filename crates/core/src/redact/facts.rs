//! What a fact keeps of what the outside world had it say.

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
        Command::Approve
        | Command::Pause
        | Command::Resume
        | Command::Retry
        | Command::Rollback
        | Command::Abort { .. } => {}
    }
}

/// A command without secrets in what a person said with it.
pub fn without_secrets_of(command: &Command) -> Command {
    let mut command = command.clone();
    clean_command(&mut command);
    command
}

/// What people said with a plan. What it does is read from files that hold no secret, and is what its hash is of.
fn clean_plan(plan: &mut Plan) {
    plan.reason.iter_mut().for_each(clean);
    plan.overrides.values_mut().for_each(clean);
    plan.warnings.iter_mut().for_each(clean);
}

/// A fact without anything that is a secret, or looks like one. Each kind says what of it is text of others.
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
        // Names, numbers and versions; and addresses that are probed later, which a redacted part would break.
        Event::StepStarted { .. }
        | Event::FilesSeen { .. }
        | Event::GreenReady { .. }
        | Event::GateAnswered { .. }
        | Event::BlueObserved { .. }
        | Event::RolloutsHeld { .. }
        | Event::BuildRequested { .. }
        | Event::CandidateReady { .. }
        | Event::SwitchRequested { .. }
        | Event::TrafficObserved { .. }
        | Event::DatabaseLocked { .. }
        | Event::SchemaSeen { .. }
        | Event::MigrationRequested { .. }
        | Event::MigrationEnded { .. }
        | Event::BuildStopped { .. }
        | Event::BuildDeleted { .. }
        | Event::RunResumed {}
        | Event::RunSuperseded { .. } => {}
    }
    event
}
