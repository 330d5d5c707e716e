//! Verified chains: a reader keeps its position in each run and verifies only newer records. Listing runs reads one row
//! for each unchanged run.
//!
//! A process verifies each record once. If an old record is edited under a running reader, the verb `verify`, which
//! runs as a new process, or the next start finds the edit.

use std::collections::HashMap;
use std::num::NonZero;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::{fmt, thread};

use rusqlite::Connection;

use super::facts::{self, Head, Row};
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

/// Runs for which another thread is worth its start.
const RUNS_OF_A_THREAD: usize = 8;

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

    /// Verifies runs that this process has not read yet, on several threads: most of the work is to parse and to hash. Call
    /// it within one snapshot. A run that cannot be read is left to the next call about it, which says why.
    pub(super) fn read_ahead(&self, connection: &Connection, runs: &[RunNumber]) {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let unread: Vec<_> = runs.iter().copied().filter(|run| !known.contains_key(run)).collect();
        drop(known);
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads = cores.min(unread.len() / RUNS_OF_A_THREAD);
        if threads < 2 {
            return;
        }
        let verified: Vec<(RunNumber, Chain)> = thread::scope(|scope| {
            let start = |_| {
                let (sender, records) = mpsc::sync_channel(2);
                let read = move || records.into_iter().filter_map(verified).collect::<Vec<_>>();
                (sender, scope.spawn(read))
            };
            let (senders, threads): (Vec<_>, Vec<_>) = (0..threads).map(start).unzip();
            for (run, sender) in unread.iter().zip(senders.iter().cycle()) {
                if let Ok(head) = facts::head(connection, *run)
                    && let Ok(rows) = facts::rows(connection, *run)
                {
                    let _ = sender.send((*run, head, rows));
                }
            }
            drop(senders);
            threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
        });
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(verified);
    }

    /// Passes the chain of a run to `take`, after verifying the new records.
    fn with<T>(
        &self,
        connection: &Connection,
        run: RunNumber,
        take: impl FnOnce(&Chain) -> T,
    ) -> Result<T, JournalError> {
        let _snapshot = facts::snapshot(connection)?;
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

fn verified((run, head, rows): (RunNumber, Head, Vec<Row>)) -> Option<(RunNumber, Chain)> {
    let facts = facts::verified(rows.into_iter().map(Ok), run, (0, Hash::zero()), &head).ok()?;
    Some((run, Chain::of(run, &head, facts).ok()?))
}

impl Chain {
    fn read(connection: &Connection, run: RunNumber, head: &Head) -> Result<Self, JournalError> {
        Self::of(run, head, facts::read(connection, run)?)
    }

    fn of(run: RunNumber, head: &Head, facts: Vec<Fact>) -> Result<Self, JournalError> {
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
