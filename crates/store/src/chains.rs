//! Verified chains: a reader keeps its position in each run and verifies only newer records. Listing runs reads one row
//! for each unchanged run.
//!
//! A process verifies each record once. If an old record is edited under a running reader, the verb `verify`, which
//! runs as a new process, or the next start finds the edit.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::facts::{self, Head};
use super::open::Sql as _;
use pointsman_core::event::Fact;
use pointsman_core::hash::Hash;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::journal::JournalError;
use pointsman_core::view::RunView;

/// A run up to its last verified record.
struct Chain {
    seq: u64,
    hash: Hash,
    view: RunView,
    /// The facts of an unfinished run. Those of an ended run are read from the database when needed.
    facts: Vec<Fact>,
}

/// The chains that this process has verified, shared by its connections to one store.
#[derive(Clone, Default)]
pub struct Chains(Arc<Mutex<HashMap<RunNumber, Chain>>>);

impl fmt::Debug for Chains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chains")
    }
}

impl Chains {
    /// The view of a run, folded from its facts.
    pub(super) fn view(
        &self,
        connection: &Connection,
        run: RunNumber,
    ) -> Result<RunView, JournalError> {
        self.with(connection, run, |chain| chain.view.clone())
    }

    /// The facts of a run after a sequence number.
    pub(super) fn facts(
        &self,
        connection: &Connection,
        run: RunNumber,
        after: u64,
    ) -> Result<Vec<Fact>, JournalError> {
        let kept = self.with(connection, run, |chain| {
            let kept = chain.facts.first().is_some_and(|first| first.seq == 1);
            let newer = chain.facts.iter().filter(|fact| fact.seq > after).cloned().collect();
            if after >= chain.seq { Some(Vec::new()) } else { kept.then_some(newer) }
        })?;
        if let Some(facts) = kept {
            return Ok(facts);
        }
        let mut facts = facts::read(connection, run)?;
        facts.retain(|fact| fact.seq > after);
        Ok(facts)
    }

    /// Passes the chain of a run to `take`, after verifying the new records.
    fn with<T>(
        &self,
        connection: &Connection,
        run: RunNumber,
        take: impl FnOnce(&Chain) -> T,
    ) -> Result<T, JournalError> {
        // Read the head and the records in one snapshot: otherwise another process may append between the two reads,
        // and the chain would look cut off. A transaction already has a snapshot.
        let snapshot = connection.is_autocommit().then(|| connection.unchecked_transaction());
        let _snapshot = snapshot.transpose().sql()?;
        let head = facts::head(connection, run)?;
        let mut chains = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = chains.get_mut(&run).is_some_and(|chain| chain.follow(connection, run, &head));
        if !known {
            // Also read the whole chain if the new records do not continue it: the error then names the damaged record.
            chains.remove(&run);
            let chain = Chain::read(connection, run, &head)?;
            chains.insert(run, chain);
        }
        let chain = chains.get(&run).ok_or(JournalError::NoSuchRun(run))?;
        Ok(take(chain))
    }
}

impl Chain {
    fn read(connection: &Connection, run: RunNumber, head: &Head) -> Result<Self, JournalError> {
        let facts = facts::read(connection, run)?;
        let view = facts::folded(run, &facts)?;
        let facts = if head.ended { Vec::new() } else { facts };
        Ok(Self { seq: head.seq, hash: head.hash.clone(), view, facts })
    }

    /// Verifies and adds the newer records; `false` if they do not continue the chain.
    fn follow(&mut self, connection: &Connection, run: RunNumber, head: &Head) -> bool {
        if head.seq == self.seq {
            return head.hash == self.hash;
        }
        let last = (self.seq, self.hash.clone());
        let Ok(new) = facts::read_after(connection, run, last, head) else { return false };
        if new.iter().any(|fact| self.view.apply(fact).is_err()) {
            return false;
        }
        (self.seq, self.hash) = (head.seq, head.hash.clone());
        self.facts.extend(new);
        if head.ended {
            self.facts = Vec::new();
        }
        true
    }
}
