//! Alerts: their configuration and delivery.

use std::sync::Arc;

use super::App;
use crate::adapters::notify::Channels;
use crate::domain::error::Problem;
use crate::engine::AlertDispatcher;
use crate::ports::journal::{Journal, JournalError};
use crate::ports::mutes::Mutes;
use crate::ports::outbox::Outbox;

impl App {
    /// The dispatcher that delivers alerts. `None` in a demo.
    pub fn courier(&self) -> Result<Option<AlertDispatcher>, Problem> {
        if self.is_demo() {
            return Ok(None);
        }
        let store = self.store().map_err(JournalError::problem)?;
        let carrier = Arc::new(Channels::new(self.clock.clone()));
        let sharing = Journal::sharing(&store);
        let clock = self.clock.clone();
        Ok(Some(AlertDispatcher::new(Box::new(store), carrier, clock, sharing)))
    }

    /// Number of pending alerts, and whether alerts are silenced.
    pub fn alerts_of(&self, store: &(impl Outbox + Mutes)) -> Result<(usize, bool), JournalError> {
        // A store from before alerts existed, opened only for reading, has none.
        let waiting = store.waiting().unwrap_or_default();
        Ok((waiting, store.silence(self.clock.now()).ok().flatten().is_some()))
    }
}
