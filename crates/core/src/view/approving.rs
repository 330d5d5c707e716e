//! The approvals of a waiting gate.

use super::RunView;
use crate::approvals::Given;
use crate::command::Command;
use crate::event::{Event, Fact};
use crate::gate::green_may_serve;

impl RunView {
    /// Keeps the approvals that count. They fall when GREEN does, and when the run lost its driver: no one watched GREEN
    /// meanwhile.
    pub(super) fn note_approvals(&mut self, fact: &Fact, event: &Event) {
        let fell = green_may_serve(self).is_err() || matches!(event, Event::RunnerLost { .. });
        if self.approvals_rule().is_none() || fell {
            self.approvals.clear();
            return;
        }
        if let Event::CommandAccepted { id, command: Command::Approve(approval) } = event {
            self.approvals.push(Given {
                command: *id,
                by: fact.actor.clone(),
                at: fact.at,
                note: approval.note.clone(),
            });
        }
    }
}
