//! What a person asks a run to do, bound to what that person had seen (N2).

use serde::{Deserialize, Serialize};

use super::run::RunState;
use super::view::RunView;

/// A request to a run. The runner answers each with a fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Command {
    /// Opens the gate that waits.
    Approve,
    /// Holds still before the next step.
    Pause,
    /// Goes on.
    Resume,
    /// Tries the failed step again.
    Retry,
    /// Gives traffic back to blue.
    Rollback,
    /// Ends the run: at the next safe point, or (`now`) by cancelling the step under way.
    Abort {
        /// Without waiting for the step.
        now: bool,
    },
}

/// A row of the commands table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Its number in the store.
    pub id: u64,
    /// Who asks.
    pub actor: String,
    /// The last fact the sender had seen.
    pub seen: u64,
    /// What.
    pub command: Command,
}

/// Compares what the sender saw with what is, and whether the command means anything now. The error
/// says what changed, for the sender to read.
pub fn judge(view: &RunView, sent: &Sent) -> Result<(), String> {
    if sent.seen < view.decided_at && !matches!(sent.command, Command::Abort { .. }) {
        return Err(format!(
            "the run moved on after fact {}: it is now {} (fact {})",
            sent.seen,
            view.state.sentence(),
            view.decided_at
        ));
    }
    let fits = match &sent.command {
        Command::Approve => matches!(view.state, RunState::Waiting { .. }),
        Command::Pause => matches!(view.state, RunState::Ready { .. } | RunState::Running { .. }),
        Command::Resume => matches!(view.state, RunState::Paused { .. }),
        Command::Retry => matches!(view.state, RunState::Failed { .. }),
        Command::Rollback => view.can_go_back() && !view.undoing(),
        Command::Abort { .. } => !matches!(view.state, RunState::Ended { .. }),
    };
    if fits { Ok(()) } else { Err(format!("the run is {}", view.state.sentence())) }
}
