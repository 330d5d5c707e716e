//! What a person asked a run to do, from the answer to the command until it happens.

use super::RunView;
use crate::command::Command;
use crate::event::{Event, Fact};
use crate::run::RunState;
use crate::time::Timestamp;

/// An accepted command that takes effect only between two steps.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Asked {
    pub command: Command,
    pub actor: String,
    pub at: Timestamp,
}

impl Asked {
    /// What will happen, by whose request: `ABORTING after this step (ana, 17:10:42Z)`.
    pub fn sentence(&self) -> String {
        let what = match &self.command {
            Command::Abort { now: true } => "ABORTING: cancelling this step",
            Command::Abort { now: false } => "ABORTING after this step",
            Command::Pause => "PAUSING after this step",
            Command::Rollback => "ROLLING BACK after this step",
            Command::Accept => "HANDING OVER after this step",
            Command::Approve(_)
            | Command::Extend
            | Command::Claim
            | Command::Offer
            | Command::Unknown
            | Command::Resume
            | Command::Retry
            | Command::Skip { .. } => "ANSWERED",
        };
        format!("{what} ({}, {})", self.actor, self.at.strftime("%H:%M:%SZ"))
    }
}

impl RunView {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts that answer a command or carry it out; `Event::topic` names every kind"
    )]
    pub(super) fn note_asked(&mut self, fact: &Fact, event: &Event) {
        match event {
            // A failed or waiting run obeys at once.
            Event::CommandAccepted {
                command:
                    command @ (Command::Pause
                    | Command::Abort { .. }
                    | Command::Rollback
                    | Command::Accept),
                ..
            } if matches!(self.state, RunState::Running { .. } | RunState::Ready { .. }) => {
                let (command, actor) = (command.clone(), fact.actor.clone());
                self.asked = Some(Asked { command, actor, at: fact.at });
            }
            Event::RunPaused { .. }
            | Event::RunResumed {}
            | Event::RunHandedOver { .. }
            | Event::UndoPlanned { .. }
            | Event::RunnerLost { .. }
            | Event::RunEnded { .. }
            | Event::RunSuperseded { .. } => self.asked = None,
            _ => {}
        }
    }
}
