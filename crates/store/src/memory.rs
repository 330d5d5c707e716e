//! A journal that exists only in memory, for a rollback when the disk is full or the store is broken: a rollback must
//! not depend on anything that may be failing (invariant 9).

use pointsman_core::alert::Channel;
use pointsman_core::checklist::Tick;
use pointsman_core::command::{Command, Sent};
use pointsman_core::error::Problem;
use pointsman_core::event::{Fact, Recorded};
use pointsman_core::hash::Hash;
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::plan::Plan;
use pointsman_core::ports::journal::{Entry, Holder, HumanLock, Journal, JournalError, Listed};
use pointsman_core::release::ReleaseLabel;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// The facts of one run, numbered `#0`, kept until the process exits.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    facts: Vec<Fact>,
}

const RUN: RunNumber = RunNumber(0);

fn nowhere() -> JournalError {
    JournalError::Unusable(Problem::new("this run is kept in memory alone"))
}

impl MemoryJournal {
    fn push(&mut self, entry: &Entry<'_>) -> Fact {
        let mut fact = Fact {
            seq: self.facts.len() as u64 + 1,
            at: entry.at,
            elapsed_ms: entry.elapsed_ms,
            actor: entry.actor.to_owned(),
            step: entry.step.cloned(),
            event: Recorded::Known(entry.event.clone()),
            prev: self.facts.last().map_or_else(Hash::zero, |f| f.hash.clone()),
            hash: Hash::zero(),
        };
        fact.hash = fact.expected_hash(RUN);
        self.facts.push(fact.clone());
        fact
    }
}

impl Journal for MemoryJournal {
    fn create(&mut self, _: &Plan, entry: Entry<'_>, _: bool) -> Result<RunView, JournalError> {
        let fact = self.push(&entry);
        let damaged = |because: String| JournalError::Damaged { run: RUN, seq: 1, because };
        RunView::begin(RUN, &fact).map_err(|illegal| damaged(illegal.to_string()))
    }

    fn claim(&mut self, _: RunNumber, _: Option<u32>, _: Timestamp) -> Result<(), JournalError> {
        Ok(())
    }

    fn renew(&mut self, _: RunNumber, _: Timestamp) -> Result<(), JournalError> {
        Ok(())
    }

    fn lock(&mut self, _: &EnvironmentName, _: &HumanLock) -> Result<(), JournalError> {
        Err(nowhere())
    }

    fn unlock(&mut self, _: &EnvironmentName) -> Result<bool, JournalError> {
        Err(nowhere())
    }

    fn locked(&self, _: &EnvironmentName) -> Result<Option<HumanLock>, JournalError> {
        Ok(None)
    }

    fn busy(&self, _: &EnvironmentName, _: Timestamp) -> Result<Option<Holder>, JournalError> {
        Ok(None)
    }

    fn append(&mut self, _: RunNumber, entry: Entry<'_>) -> Result<Fact, JournalError> {
        Ok(self.push(&entry))
    }

    fn facts(&self, _: RunNumber, after: u64) -> Result<Vec<Fact>, JournalError> {
        Ok(self.facts.iter().filter(|f| f.seq > after).cloned().collect())
    }

    fn run(&self, run: RunNumber) -> Result<Listed, JournalError> {
        match RunView::fold(run, &self.facts) {
            Some(Ok(view)) => Ok(Listed { view, runner: Some(std::process::id()), host: None }),
            _ => Err(JournalError::NoSuchRun(run)),
        }
    }

    fn runs(&self, _: Option<&EnvironmentName>, _: usize) -> Result<Vec<Listed>, JournalError> {
        self.run(RUN).map(|listed| vec![listed])
    }

    fn ticks(&self, _: &EnvironmentName, _: &ReleaseLabel) -> Result<Vec<Tick>, JournalError> {
        Ok(Vec::new())
    }

    fn delivered(&self, _: &Channel) -> Result<Option<Timestamp>, JournalError> {
        Ok(None)
    }

    fn tick(
        &mut self,
        _: &EnvironmentName,
        _: &ReleaseLabel,
        _: &Tick,
    ) -> Result<(), JournalError> {
        Err(nowhere())
    }

    fn send(
        &mut self,
        _: RunNumber,
        _: &str,
        _: u64,
        _: &Command,
        _: Timestamp,
    ) -> Result<u64, JournalError> {
        Err(nowhere())
    }

    fn withdraw(&mut self, _: u64) -> Result<bool, JournalError> {
        Err(nowhere())
    }

    fn unanswered(&self, _: RunNumber) -> Result<Vec<Sent>, JournalError> {
        Ok(Vec::new())
    }
}
