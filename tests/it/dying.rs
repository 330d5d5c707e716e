//! A journal whose process dies, or loses its run, at a given fact.

use std::sync::Arc;

use pointsman::domain::alert::Channel;
use pointsman::domain::checklist::Tick;
use pointsman::domain::command::{Command, Sent};
use pointsman::domain::error::Problem;
use pointsman::domain::event::Fact;
use pointsman::domain::ids::{EnvironmentName, RunNumber};
use pointsman::domain::plan::Plan;
use pointsman::domain::release::ReleaseLabel;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::ports::journal::{Entry, Holder, HumanLock, Journal, JournalError, Listed};
use pointsman::ports::sharing::Sharing;
use pointsman::store::SqliteStore;

/// What happens at the fact.
pub(crate) enum End {
    /// The process dies before the fact is written, but after its event happened.
    BeforeIt,
    /// The process dies right after the fact is written.
    AfterIt,
    /// The process is suspended right after the fact is written, and wakes after this function returns.
    TakenOver(Box<dyn FnMut() + Send>),
    /// Asked before and after each fact, whatever its number: an error is what the process gets instead.
    Asks(Box<dyn FnMut(Written<'_>) -> Option<JournalError> + Send>),
}

/// Whether a fact is in the journal yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written<'a> {
    No,
    Yes(&'a Fact),
}

/// A journal whose process ends at the fact number `at`.
pub(crate) struct Dying {
    pub(crate) inner: SqliteStore,
    pub(crate) at: u64,
    pub(crate) end: End,
}

impl Journal for Dying {
    fn create(
        &mut self,
        plan: &Plan,
        entry: Entry<'_>,
        over: bool,
    ) -> Result<RunView, JournalError> {
        self.inner.create(plan, entry, over)
    }

    fn claim(
        &mut self,
        run: RunNumber,
        from: Option<u32>,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.inner.claim(run, from, at)
    }

    fn renew(&mut self, run: RunNumber, at: Timestamp) -> Result<(), JournalError> {
        self.inner.renew(run, at)
    }

    fn lock(&mut self, of: &EnvironmentName, lock: &HumanLock) -> Result<(), JournalError> {
        self.inner.lock(of, lock)
    }

    fn busy(&self, of: &EnvironmentName, now: Timestamp) -> Result<Option<Holder>, JournalError> {
        Journal::busy(&self.inner, of, now)
    }

    fn unlock(&mut self, of: &EnvironmentName) -> Result<bool, JournalError> {
        self.inner.unlock(of)
    }

    fn locked(&self, of: &EnvironmentName) -> Result<Option<HumanLock>, JournalError> {
        self.inner.locked(of)
    }

    fn append(&mut self, run: RunNumber, entry: Entry<'_>) -> Result<Fact, JournalError> {
        if let End::Asks(ask) = &mut self.end {
            if let Some(error) = ask(Written::No) {
                return Err(error);
            }
            let fact = self.inner.append(run, entry)?;
            return match ask(Written::Yes(&fact)) {
                Some(error) => Err(error),
                None => Ok(fact),
            };
        }
        let next = self.inner.run(run)?.view.last_seq + 1;
        let dead = || JournalError::Unusable(Problem::new("the runner died"));
        if next != self.at {
            return self.inner.append(run, entry);
        }
        if matches!(self.end, End::BeforeIt) {
            return Err(dead());
        }
        let fact = self.inner.append(run, entry)?;
        match &mut self.end {
            End::TakenOver(take) => take(),
            _ => return Err(dead()),
        }
        Ok(fact)
    }

    fn facts(&self, run: RunNumber, after: u64) -> Result<Vec<Fact>, JournalError> {
        self.inner.facts(run, after)
    }

    fn run(&self, run: RunNumber) -> Result<Listed, JournalError> {
        self.inner.run(run)
    }

    fn runs(
        &self,
        of: Option<&EnvironmentName>,
        limit: usize,
    ) -> Result<Vec<Listed>, JournalError> {
        self.inner.runs(of, limit)
    }

    fn ticks(
        &self,
        of: &EnvironmentName,
        release: &ReleaseLabel,
    ) -> Result<Vec<Tick>, JournalError> {
        self.inner.ticks(of, release)
    }

    fn delivered(&self, channel: &Channel) -> Result<Option<Timestamp>, JournalError> {
        self.inner.delivered(channel)
    }

    fn tick(
        &mut self,
        of: &EnvironmentName,
        release: &ReleaseLabel,
        tick: &Tick,
    ) -> Result<(), JournalError> {
        self.inner.tick(of, release, tick)
    }

    fn send(
        &mut self,
        run: RunNumber,
        actor: &str,
        seen: u64,
        command: &Command,
        at: Timestamp,
    ) -> Result<u64, JournalError> {
        self.inner.send(run, actor, seen, command, at)
    }

    fn withdraw(&mut self, command: u64) -> Result<bool, JournalError> {
        self.inner.withdraw(command)
    }

    fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        Journal::sharing(&self.inner)
    }

    fn unanswered(&self, run: RunNumber) -> Result<Vec<Sent>, JournalError> {
        self.inner.unanswered(run)
    }
}
