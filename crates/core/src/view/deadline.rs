//! How long a gate waits.

use std::time::Duration;

use super::RunView;
use crate::command::Command;
use crate::event::{Event, Fact};
use crate::policy::AfterGate;
use crate::run::RunState;
use crate::time::{Timestamp, earlier};

/// Longest time before the end at which people are reminded.
const REMIND_BEFORE: Duration = Duration::from_mins(10);
/// The part of the waiting time after which people are reminded at the latest: the last quarter.
const LAST_PART: u32 = 4;

/// A gate that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct OpenGate {
    /// When its time began: when it opened, was extended, or a person resumed the run at it.
    pub since: Timestamp,
    /// Whether people were reminded since then.
    pub reminded: bool,
}

/// When a gate is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    pub at: Timestamp,
    /// When people are reminded: some time before the run would end, or when it is due.
    pub remind: Timestamp,
    /// Whether the run ends then. After the switch a gate only reminds: no rollback without evidence.
    pub ends: bool,
}

impl RunView {
    /// When the gate that the run waits at is due. `None`: it waits at none, or without limit.
    pub fn deadline(&self) -> Option<Deadline> {
        let policy = &self.plan.policy.gate;
        let open = self.open_gate.filter(|_| policy.then == AfterGate::Abort)?;
        let at = open.since.checked_add(policy.expires).ok()?;
        let ends = !self.touched_traffic();
        let before = REMIND_BEFORE.min(policy.expires / LAST_PART);
        Some(Deadline { at, remind: if ends { earlier(at, before) } else { at }, ends })
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts that start the time of a gate; `Event::topic` names every kind"
    )]
    pub(super) fn note_gate(&mut self, fact: &Fact, event: &Event) {
        if !matches!(self.state, RunState::Waiting { .. }) {
            self.open_gate = None;
            return;
        }
        match event {
            Event::GateOpened { .. }
            | Event::RunnerLost { .. }
            | Event::RunTakenOn {}
            | Event::CommandAccepted { command: Command::Extend, .. } => {
                self.open_gate = Some(OpenGate { since: fact.at, reminded: false });
            }
            Event::GateDue { .. } => {
                self.open_gate = self.open_gate.map(|open| OpenGate { reminded: true, ..open });
            }
            _ => {}
        }
    }
}
