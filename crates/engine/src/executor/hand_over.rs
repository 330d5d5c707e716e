//! Hands a run over to a process on another machine, between two steps, so that nothing is in doubt.

use std::time::Duration;

use super::{COMMAND_POLL, Engine};
use crate::error::EngineError;
use pointsman_core::event::Event;
use pointsman_core::ports::journal::JournalError;

/// Time for the other process to take the run. It waited for this moment; if it is gone, this one carries on.
const TAKEN_WITHIN: Duration = Duration::from_mins(1);

impl Engine {
    /// Takes a run that was handed over to this process, and acts as that person from here on. Call it before
    /// [`Engine::run`].
    pub fn take_on(&mut self, by: &str) -> Result<(), EngineError> {
        self.supervisor.act_as(by);
        self.supervisor.record(None, &Event::RunTakenOn {})
    }

    /// Lets the person who accepted the run have it. A half-finished switch is worse than either side, and is finished
    /// first.
    ///
    /// # Errors
    /// Another process drives the run now.
    pub(super) async fn hand_over(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let half = view.gives_back() || view.may_be_split() || view.split().is_some();
        let Some(to) = self.supervisor.wishes.hand_to.take_if(|_| !half) else { return Ok(()) };
        self.supervisor.record(None, &Event::RunHandedOver { to: to.clone() })?;
        let from = self.outside.clock.elapsed();
        while self.outside.clock.elapsed().saturating_sub(from) < TAKEN_WITHIN {
            self.idle(COMMAND_POLL).await?;
            match self.supervisor.still_ours() {
                Ok(()) => {}
                Err(EngineError::Journal(JournalError::LeaseLost(_))) => {
                    return Err(EngineError::HandedOver(to));
                }
                Err(other) => return Err(other),
            }
        }
        match self.supervisor.record(None, &Event::RunTakenOn {}) {
            Err(EngineError::Journal(JournalError::LeaseLost(_))) => {
                Err(EngineError::HandedOver(to))
            }
            carried_on => carried_on,
        }
    }
}
