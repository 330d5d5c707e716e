//! One run as the journal lists it.

use std::sync::PoisonError;

use super::open::SqliteStore;
use super::{facts, leases};
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::{Damage, JournalError, Listed};

impl SqliteStore {
    pub(super) fn listed(&self, run: RunNumber) -> Result<Listed, JournalError> {
        facts::head(&self.connection, run)?;
        // Read the process first: otherwise a runner that ends its run and then exits could look dead in the middle of
        // the run.
        let runner = leases::runner_of(&self.connection, run)?;
        let living = leases::living(&self.connection, &self.here, run, &runner)?;
        let (runner, host) = match living {
            Some(living) => (Some(living.pid), living.host),
            None => (None, None),
        };
        Ok(Listed { view: self.chains.view(&self.connection, run)?, runner, host })
    }

    pub(super) fn note_damage(&self, damage: Damage) {
        let mut damaged = self.damaged.lock().unwrap_or_else(PoisonError::into_inner);
        if !damaged.contains(&damage) {
            damaged.push(damage);
        }
    }
}
