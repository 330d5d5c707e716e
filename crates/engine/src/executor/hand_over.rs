//! Hands a run over to a process on another machine, between two steps, so that nothing is in doubt.

use std::time::Duration;

use super::{COMMAND_POLL, Engine, locks};
use crate::error::EngineError;
use pointsman_core::event::Event;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::run::RunState;

/// Time for the other process to take the run. It waited for this moment; if it is gone, this one carries on.
const TAKEN_WITHIN: Duration = Duration::from_mins(1);

impl Engine {
    /// Takes a run that was handed over to this process, and acts as that person from here on. Call it before
    /// [`Engine::run`].
    pub fn take_on(&mut self, by: &str) -> Result<(), EngineError> {
        self.supervisor.act_as(by);
        self.supervisor.record(None, &Event::RunTakenOn {})
    }

    /// Lets the person who accepted the run have it, once nothing else is to be done first.
    ///
    /// # Errors
    /// Another process drives the run now.
    pub(super) async fn hand_over(&mut self) -> Result<(), EngineError> {
        if !self.may_let_go() {
            return Ok(());
        }
        let Some(to) = self.supervisor.wishes.hand_to.take() else { return Ok(()) };
        let had = locks::had(self.supervisor.view());
        // Before the fact: its reader takes the locks at once.
        locks::let_go(&self.outside, "handed over").await;
        self.supervisor.record(None, &Event::RunHandedOver { to: to.clone() })?;
        match self.wait_until_taken().await {
            Err(EngineError::Journal(JournalError::LeaseLost(_))) => {
                Err(EngineError::HandedOver(to))
            }
            Err(other) => Err(other),
            Ok(()) => locks::again(&self.outside, &had).await,
        }
    }

    /// Whether the run can be let go of now. A half-finished switch is worse than either side, a failure may have to be
    /// rolled back at once, and what people sent is done first: the next process does not know of it.
    fn may_let_go(&self) -> bool {
        let view = self.supervisor.view();
        let rests = matches!(
            view.state,
            RunState::Ready { .. } | RunState::Waiting { .. } | RunState::Paused { .. }
        );
        rests && !view.is_half_way() && !self.supervisor.wishes.pending()
    }

    /// Waits until the lease is gone. If no process takes it, or a person asks for something else, this one has the run
    /// again.
    async fn wait_until_taken(&mut self) -> Result<(), EngineError> {
        let from = self.outside.clock.elapsed();
        while self.outside.clock.elapsed().saturating_sub(from) < TAKEN_WITHIN
            && !self.supervisor.wishes.pending()
        {
            self.idle(COMMAND_POLL).await?;
            self.supervisor.still_ours()?;
            self.supervisor.take_commands()?;
        }
        self.supervisor.record(None, &Event::RunTakenOn {})
    }
}
