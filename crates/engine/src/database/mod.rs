//! The databases of a run: their locks, their schema records, and changes to them.

mod asked;
mod dry_run;
mod indexing;
mod lock;
mod migrate;
mod operate;
mod read;
mod request;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use pointsman_core::error::Problem;
use pointsman_core::migration::Holder;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::Database;
use pointsman_core::ports::programs::Programs;

pub use self::asked::{Asked, Migrated, NotMigrated};
pub use self::dry_run::{Counted, dry_run};
pub(super) use self::indexing::found_indexes;
pub use self::lock::{DatabaseLock, NotLocked, seen as lock_seen};
pub use self::migrate::migrate;
pub use self::read::schema;
pub(super) use self::read::{Repaired, baseline, repair};
pub use self::request::ask_to_stop;

/// Renewal interval of a lock: a quarter of its lease.
const RENEWAL: Duration = Duration::from_secs(15);

/// A lock and its renewal task.
type Kept = (Arc<DatabaseLock>, AbortOnDropHandle<()>);

/// Whether the holder of a lock is a run that is known to have ended: it could not release the lock, and does nothing
/// more.
pub type Ended = Box<dyn Fn(&Holder) -> bool + Send + Sync>;

/// Every database of a run, by its name in the plan.
pub struct Databases {
    by_name: BTreeMap<String, Arc<dyn Database>>,
    programs: Arc<dyn Programs>,
    clock: Arc<dyn Clock>,
    holder: Holder,
    ended: Ended,
    /// Held while taking a lock, which waits for a server.
    taking: tokio::sync::Mutex<()>,
    /// Never held across an await: the run checks its locks while one of its steps takes another.
    locks: Mutex<BTreeMap<String, Kept>>,
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").field("names", &self.by_name.keys()).finish_non_exhaustive()
    }
}

impl Databases {
    /// The databases of a run, which `holder` identifies in the locks.
    pub fn new(
        by_name: BTreeMap<String, Arc<dyn Database>>,
        programs: Arc<dyn Programs>,
        clock: Arc<dyn Clock>,
        holder: Holder,
        ended: Ended,
    ) -> Self {
        let (taking, locks) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { by_name, programs, clock, holder, ended, taking, locks }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Arc<dyn Database>, Problem> {
        let missing = || Problem::new(format!("the plan has no database {name}"));
        self.by_name.get(name).ok_or_else(missing)
    }

    pub(super) fn programs(&self) -> &dyn Programs {
        self.programs.as_ref()
    }

    /// The lock of a database: taken on first use, and kept until the run ends.
    pub(super) async fn locked(&self, name: &str) -> Result<Arc<DatabaseLock>, NotLocked> {
        let _turn = self.taking.lock().await;
        let kept = self.kept().get(name).map(|(lock, _)| lock.clone());
        if let Some(lock) = kept {
            return Ok(lock);
        }
        let database = self.get(name).map_err(|problem| {
            let refused = pointsman_core::ports::database::Refused::Invalid;
            NotLocked::Failed(pointsman_core::ports::database::DatabaseError { refused, problem })
        })?;
        let (database, clock) = (database.clone(), self.clock.clone());
        let lock = DatabaseLock::acquire(database, clock, &self.holder, &self.ended).await?;
        let lock = Arc::new(lock);
        let renewing = tokio::spawn(renew(lock.clone(), self.clock.clone()));
        let kept = (lock.clone(), AbortOnDropHandle::new(renewing));
        self.kept().insert(name.to_owned(), kept);
        Ok(lock)
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<String, Kept>> {
        self.locks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reason why the run must stop: another holder has one of its locks, or may have it by now. A traffic rollback
    /// continues while that is unknown.
    pub(super) fn lost(&self, gives_back: bool) -> Option<Problem> {
        for (lock, _) in self.kept().values() {
            let lost = match lock.lost() {
                None if !gives_back => lock.ran_out(),
                lost => lost,
            };
            if lost.is_some() {
                return lost;
            }
        }
        None
    }

    /// The actor who requested a stop through one of the run's locks.
    pub(super) fn stop_requested(&self) -> Option<String> {
        self.kept().values().find_map(|(lock, _)| lock.stop_requested())
    }

    /// Publishes the current step in the locks.
    pub(super) fn in_step(&self, step: &str) {
        for (lock, _) in self.kept().values() {
            lock.in_step(step);
        }
    }

    /// Releases every lock.
    pub(super) async fn release(&self, outcome: &str) {
        let locks = std::mem::take(&mut *self.kept());
        for (lock, renewing) in locks.into_values() {
            drop(renewing);
            lock.release(outcome).await;
        }
    }
}

async fn renew(lock: Arc<DatabaseLock>, clock: Arc<dyn Clock>) {
    loop {
        clock.sleep(RENEWAL).await;
        lock.hear_requests().await;
        // The commits of a migration renew the lock too.
        if let Err(lock::NotWritten::LockLost(problem)) = lock.renew(RENEWAL / 2).await {
            tracing::warn!(%problem, "a lock is lost");
            return;
        }
    }
}
