//! The lock of one database, and the only way to write to it: every commit includes the lock, so that no commit lands
//! after another run took the lock.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::request::asked_by;
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::migration::{Holder, LEASE_SECONDS, LockState, lock_document};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::{Database, DatabaseError, Expected, Refused, Write};
use pointsman_core::retry::Backoff;

/// Delay between two attempts of the same commit.
const RETRY_BACKOFF: Backoff =
    Backoff { first: Duration::from_millis(100), most: Duration::from_secs(3) };

/// The reason why the lock was not acquired.
#[derive(Debug)]
pub enum NotLocked {
    /// Another run holds it.
    Busy(Box<LockState>),
    /// The lock could not be read or written.
    Failed(DatabaseError),
}

impl NotLocked {
    /// The message for people.
    pub fn problem(self, database: &str) -> Problem {
        match self {
            Self::Failed(error) => error.problem,
            Self::Busy(seen) => Problem::coded(Code::DATABASE_LOCKED, format!("database {database} is locked"))
                .because(seen.to_string())
                .try_this(format!(
                    "wait for it (--lock-wait 10m); its lease ends {LEASE_SECONDS} s after its machine is gone; or ask \
                     it to stop: --take-over --force --reason TEXT"
                )),
        }
    }
}

/// The reason why a commit failed.
#[derive(Debug)]
pub(crate) enum NotWritten {
    /// Another run holds the lock: no further writes.
    LockLost(Problem),
    /// A document has changed since it was read; nothing of the commit landed.
    Conflict(DatabaseError),
    /// The database refused the commit; nothing of it landed.
    Refused(DatabaseError),
    /// The result is unknown, and the lease has expired meanwhile.
    Unreachable(DatabaseError),
    /// An earlier write of this run landed late, so this commit was based on an outdated state; nothing of it landed.
    Overtaken(Problem),
}

impl NotWritten {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::LockLost(problem) | Self::Overtaken(problem) => problem,
            Self::Conflict(error) | Self::Refused(error) | Self::Unreachable(error) => {
                error.problem
            }
        }
    }
}

/// A lock that this process holds.
pub struct DatabaseLock {
    database: Arc<dyn Database>,
    clock: Arc<dyn Clock>,
    /// Allows one commit at a time: each needs the token of the previous one.
    turn: tokio::sync::Mutex<()>,
    /// Read without waiting for a commit in flight, which must not block a rollback.
    held: Mutex<Held>,
}

#[derive(Clone)]
struct Held {
    /// The last written document; its `updated` is the token.
    lock: LockState,
    touched: Duration,
    lost: Option<Problem>,
    /// The actor who requested a stop.
    stop: Option<String>,
}

impl fmt::Debug for DatabaseLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatabaseLock")
            .field("database", &self.database.name())
            .finish_non_exhaustive()
    }
}

/// Reads the lock of a database; `None` if no run ever took it.
pub async fn seen(database: &dyn Database) -> Result<Option<LockState>, DatabaseError> {
    let mut reading = database.read(&[lock_document()]).await?;
    let document = reading.documents.pop().flatten();
    Ok(document.map(|document| LockState::read(&document, &reading.at)))
}

fn beat() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

impl DatabaseLock {
    /// Takes the lock if it is free, if its lease has expired, or if its holder is known to have ended without
    /// releasing it. A live holder always keeps it.
    pub async fn acquire(
        database: Arc<dyn Database>,
        clock: Arc<dyn Clock>,
        holder: &Holder,
        ended: &(dyn Fn(&Holder) -> bool + Sync),
    ) -> Result<Self, NotLocked> {
        let mut tries = 0;
        loop {
            let seen = seen(database.as_ref()).await.map_err(NotLocked::Failed)?;
            let other =
                seen.as_ref().filter(|s| s.held() && s.holder.id != holder.id && !ended(&s.holder));
            if let Some(other) = other {
                return Err(NotLocked::Busy(Box::new(other.clone())));
            }
            let mut lock = LockState {
                holder: holder.clone(),
                fence: seen.as_ref().map_or(0, |s| s.fence) + 1,
                step: String::new(),
                outcome: String::new(),
                beat: beat(),
                updated: String::new(),
                age_seconds: 0,
                lease_seconds: LEASE_SECONDS,
            };
            let expected = seen.map_or(Expected::NotThere, |s| Expected::Unchanged(s.updated));
            let write = Write::whole(lock_document(), expected, lock.fields());
            tries += 1;
            match database.commit(&[write]).await {
                Ok(times) => {
                    lock.updated = times.into_iter().next().unwrap_or_default();
                    let held = Held { lock, touched: clock.elapsed(), lost: None, stop: None };
                    let (turn, held) = (tokio::sync::Mutex::default(), Mutex::new(held));
                    return Ok(Self { database, clock, turn, held });
                }
                // The next read shows whether we have the lock: our own holder counts as free.
                Err(error) if tries < 20 => match error.refused {
                    Refused::AlreadyExists | Refused::Changed | Refused::NotFound => {}
                    Refused::Lost | Refused::Contended => {
                        clock.sleep(RETRY_BACKOFF.after(tries)).await;
                    }
                    _ => return Err(NotLocked::Failed(error)),
                },
                Err(error) => return Err(NotLocked::Failed(error)),
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fencing number of this lock. It grows with each new holder.
    pub fn fence(&self) -> u64 {
        self.held().lock.fence
    }

    /// Reads whether someone has requested the holder to stop.
    pub(crate) async fn hear_requests(&self) {
        let fence = self.fence();
        match asked_by(self.database.as_ref(), fence).await {
            Ok(by @ Some(_)) => self.held().stop = by,
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "requests to stop cannot be read"),
        }
    }

    /// The actor who requested a stop of the holder.
    pub(crate) fn stop_requested(&self) -> Option<String> {
        self.held().stop.clone()
    }

    /// The reason for the loss, if another run holds the lock.
    pub fn lost(&self) -> Option<Problem> {
        self.held().lost.clone()
    }

    /// The reason why the lock may be lost: no renewal succeeded for the length of its lease.
    pub fn ran_out(&self) -> Option<Problem> {
        let lease = Duration::from_secs(LEASE_SECONDS);
        let touched = self.held().touched;
        let over = self.clock.elapsed().saturating_sub(touched) >= lease;
        over.then(|| {
            Problem::coded(
                Code::DATABASE_LOCKED,
                format!("the lock of database {} expired", self.database.name()),
            )
            .because("its renewal was not answered")
            .try_this("check that the database answers, then resume the run")
        })
    }

    /// Sets the step that the lock document shows from the next write on.
    pub(crate) fn in_step(&self, step: &str) {
        step.clone_into(&mut self.held().lock.step);
    }

    /// Renews the lease, unless a write within `unless_within` has done so.
    pub(crate) async fn renew(&self, unless_within: Duration) -> Result<(), NotWritten> {
        if self.clock.elapsed().saturating_sub(self.held().touched) < unless_within {
            return Ok(());
        }
        self.commit(Vec::new()).await
    }

    /// Commits all writes or none, and renews the lease. `Ok` means that the commit landed, even if the reply was lost
    /// and only the lock document shows it.
    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<(), NotWritten> {
        let _turn = self.turn.lock().await;
        let mut held = self.held().clone();
        let written = self.commit_held(&mut held, writes).await;
        let mut now = self.held();
        let (step, asked) = (std::mem::take(&mut now.lock.step), now.stop.take());
        *now = held;
        (now.lock.step, now.stop) = (step, asked);
        written
    }

    async fn commit_held(&self, held: &mut Held, mut writes: Vec<Write>) -> Result<(), NotWritten> {
        if let Some(lost) = &held.lost {
            return Err(NotWritten::LockLost(lost.clone()));
        }
        let alone = writes.is_empty();
        // A write without changes would keep its update time, and its success could not be verified.
        held.lock.beat = beat();
        let token = Expected::Unchanged(held.lock.updated.clone());
        writes.push(Write::whole(lock_document(), token, held.lock.fields()));
        let mut tries = 0;
        loop {
            tries += 1;
            let Err(error) = self.landed(held, &writes).await else { return Ok(()) };
            match error {
                NotWritten::Unreachable(error) => {
                    let lease = Duration::from_secs(LEASE_SECONDS);
                    if self.clock.elapsed().saturating_sub(held.touched) >= lease {
                        return Err(NotWritten::Unreachable(error));
                    }
                    tracing::debug!(%error, tries, "a commit is sent again");
                    self.clock.sleep(RETRY_BACKOFF.after(tries)).await;
                }
                // An earlier commit that timed out landed after all. A commit without data can simply follow it; one
                // with data was made for the earlier state.
                NotWritten::Overtaken(_) if alone => {
                    let token = Expected::Unchanged(held.lock.updated.clone());
                    writes = vec![Write::whole(lock_document(), token, held.lock.fields())];
                }
                error => return Err(error),
            }
        }
    }

    /// Sends a commit once, and finds out whether it landed. `Unreachable`: as far as is known it did not land. It can
    /// be sent again, because the token prevents it from landing twice.
    async fn landed(&self, held: &mut Held, writes: &[Write]) -> Result<(), NotWritten> {
        let error = match self.database.commit(writes).await {
            Ok(times) => {
                held.lock.updated = times.into_iter().next_back().unwrap_or_default();
                held.touched = self.clock.elapsed();
                return Ok(());
            }
            Err(error) => error,
        };
        match error.refused {
            Refused::Contended => return Err(NotWritten::Unreachable(error)),
            Refused::TooLarge | Refused::Invalid | Refused::Denied | Refused::NotServed => {
                return Err(NotWritten::Refused(error));
            }
            Refused::Lost | Refused::NotFound | Refused::AlreadyExists | Refused::Changed => {}
        }
        let now = match seen(self.database.as_ref()).await {
            Ok(now) => now,
            Err(unseen) => return Err(NotWritten::Unreachable(unseen)),
        };
        match now {
            Some(now) if now.beat == held.lock.beat => {
                held.lock.updated = now.updated;
                held.touched = self.clock.elapsed();
                Ok(())
            }
            Some(now) if now.updated == held.lock.updated && error.refused == Refused::Lost => {
                Err(NotWritten::Unreachable(error))
            }
            Some(now) if now.updated == held.lock.updated => Err(NotWritten::Conflict(error)),
            Some(now) if (&now.holder.id, now.fence) == (&held.lock.holder.id, held.lock.fence) => {
                held.lock.updated = now.updated;
                let what = "an earlier write of this run arrived late";
                Err(NotWritten::Overtaken(Problem::new(what).try_this("the step is tried again")))
            }
            other => {
                let who = other.map_or("its document is gone".to_owned(), |now| now.to_string());
                let lost = Problem::new(format!(
                    "this run lost the lock of database {}",
                    self.database.name()
                ))
                .because(who);
                held.lost = Some(lost.clone());
                Err(NotWritten::LockLost(lost))
            }
        }
    }

    /// Releases the lock and records how the run ended. If that fails, the lock expires with its lease.
    pub(crate) async fn release(&self, outcome: &str) {
        // Commits in flight land before this one, or not at all.
        if let Err(error) = self.commit(Vec::new()).await {
            let problem = error.problem();
            return tracing::warn!(%problem, "a lock was not released; it expires by itself");
        }
        {
            let mut held = self.held();
            held.lock.holder.id.clear();
            outcome.clone_into(&mut held.lock.outcome);
        }
        let given = self.commit(Vec::new()).await;
        if let Err(error) = given {
            let problem = error.problem();
            tracing::warn!(%problem, "a lock could not be released; it expires by itself");
        }
        self.held().lost.get_or_insert_with(|| Problem::new("the lock was released"));
    }
}
