//! What a copy of the shared store does through its connection.

use std::sync::Arc;

use super::facts;
use super::open::SqliteStore;
use super::outbox;
use super::shared::{Begin, CommandEntry, Link, OwnedEntry, command_id};
use pointsman_core::event::Fact;
use pointsman_core::ids::RunNumber;
use pointsman_core::plan::Plan;
use pointsman_core::ports::journal::{Entry, JournalError};
use pointsman_core::view::RunView;

impl SqliteStore {
    /// Begins a run in the shared store.
    pub(super) fn begin_shared(
        &mut self,
        link: &Arc<Link>,
        plan: &Plan,
        entry: &Entry<'_>,
        take_over: bool,
    ) -> Result<RunView, JournalError> {
        let wanted = Begin { plan: plan.clone(), entry: OwnedEntry::of(entry), take_over };
        let (run, replaced) = link.begin(wanted)?;
        for ended in replaced {
            let last = self.chains.facts(&self.connection, ended, 0);
            self.report(ended, last.ok().and_then(|mut facts| facts.pop()));
        }
        let view = self.chains.view(&self.connection, run)?;
        self.report(run, self.chains.facts(&self.connection, run, 0)?.pop());
        Ok(view)
    }

    /// Reports a fact to GitHub, if it is about a deployment. A message that cannot be queued prevents no run.
    fn report(&self, run: RunNumber, fact: Option<Fact>) {
        let Some(fact) = fact else { return };
        let view = self.chains.view(&self.connection, run);
        let job = self.job.as_deref();
        let told =
            view.and_then(|view| outbox::report_deployment(&self.connection, &view, &fact, job));
        if let Err(error) = told {
            tracing::warn!(%error, "a deployment is not reported to GitHub");
        }
    }

    /// Refuses to write to a run that another machine has taken over.
    pub(super) fn still_held(&self, run: RunNumber) -> Result<(), JournalError> {
        match &self.link {
            Some(link) if link.has_lost(run) => Err(JournalError::LeaseLost(run)),
            _ => Ok(()),
        }
    }

    /// Sends a command: directly to a runner of this machine, which works without the shared store, else through it.
    pub(super) fn send_shared(
        &mut self,
        link: &Arc<Link>,
        entry: CommandEntry,
    ) -> Result<u64, JournalError> {
        let run = entry.run;
        if self.living(run)?.is_some_and(|living| living.host.is_none()) {
            return self.keep_command_here(&entry);
        }
        let environment = self.run_row(run)?.environment;
        let number = link.send(environment, entry)?;
        // The answer comes with the facts of the other machine.
        self.hurried = true;
        Ok(command_id(run, number))
    }

    /// Withdraws a command that was sent through the shared store; `None`: it was not sent that way.
    pub(super) fn withdraw_shared(
        &self,
        link: &Arc<Link>,
        command: u64,
    ) -> Result<Option<bool>, JournalError> {
        let Some((run, number)) = super::shared::sent_as(command) else { return Ok(None) };
        facts::head(&self.connection, run)?;
        let environment = self.run_row(run)?.environment;
        link.withdraw(environment, number).map(Some)
    }
}
