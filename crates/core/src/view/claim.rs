//! Who takes care of what a run waits for.

use std::time::Duration;

use super::RunView;
use crate::command::Command;
use crate::event::{Event, Fact};
use crate::time::Timestamp;

/// A claim says nothing about a person who has been gone for longer.
const LASTS: Duration = Duration::from_mins(15);

/// A person's word that they take care of it. It blocks no one.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Claim {
    pub by: String,
    pub until: Timestamp,
}

impl RunView {
    /// Who has what the run waits for, now: `ana@example.com (Google) has it until 14:20:05Z`.
    pub fn claimed(&self, now: Timestamp) -> Option<String> {
        let claim = self.claim.as_ref().filter(|claim| now < claim.until)?;
        Some(format!("{} has it until {}", claim.by, claim.until.strftime("%H:%M:%SZ")))
    }

    pub(super) fn note_claim(&mut self, fact: &Fact, event: &Event) {
        if !self.waits_for_somebody() {
            self.claim = None;
        } else if let Event::CommandAccepted { command: Command::Claim, .. } = event {
            let until = fact.at.checked_add(LASTS).unwrap_or(fact.at);
            self.claim = Some(Claim { by: fact.actor.clone(), until });
        }
    }
}
