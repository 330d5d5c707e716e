//! Death at any moment: a process may die around each of its facts, its effects and its calls to the shared store.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use pointsman::domain::document::Document;
use pointsman::ports::database::{
    Answered, Changes, Database, DatabaseError, Pages, Reading, Write,
};

use super::chance::Chance;
use super::server::Way;

/// The processes of a machine that are alive.
pub(crate) type Alive = Arc<Mutex<BTreeSet<u32>>>;

/// What unwinds a process that dies: nothing of it runs on, as after `kill -9`.
struct Death;

/// The life of a process.
#[derive(Clone)]
pub(crate) struct Life {
    pub(crate) pid: u32,
    alive: Alive,
    /// The moments until it dies by itself.
    left: Arc<AtomicI64>,
    dead: Arc<AtomicBool>,
}

impl Life {
    /// Most processes live until they are killed, or are done.
    pub(crate) fn of(pid: u32, alive: &Alive, chance: &Chance) -> Self {
        let left = if chance.percent(25) { chance.within(1..600) } else { u64::from(u32::MAX) };
        let left = Arc::new(AtomicI64::new(i64::try_from(left).unwrap()));
        alive.lock().unwrap().insert(pid);
        Self { pid, alive: alive.clone(), left, dead: Arc::default() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    pub(crate) fn ends(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.alive.lock().unwrap().remove(&self.pid);
    }

    /// A moment at which the process may die.
    pub(crate) fn moment(&self) {
        if self.is_over() || self.left.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.ends();
            resume_unwind(Box::new(Death));
        }
    }
}

/// What a process did, or `None` if it died.
pub(crate) fn unless_it_dies<T>(work: impl FnOnce() -> T) -> Option<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => Some(done),
        Err(payload) if payload.is::<Death>() => None,
        Err(payload) => resume_unwind(payload),
    }
}

/// The result of a task, or `None` if its process died.
pub(crate) fn unless_it_died<T>(joined: Result<T, tokio::task::JoinError>) -> Option<T> {
    match joined {
        Ok(done) => Some(done),
        Err(error) => unless_it_dies(|| resume_unwind(error.into_panic())),
    }
}

/// Called before a commit of a process arrives.
pub(crate) type Sent = Arc<dyn Fn(&[Write]) + Send + Sync>;

/// Calls that take time.
pub(crate) struct Slow {
    pub(crate) chance: Chance,
    pub(crate) sent: Sent,
}

impl Slow {
    async fn on_the_way(&self) {
        let slow = self.chance.percent(1);
        let time = if slow { self.chance.ms(1_000..30_000) } else { self.chance.ms(1..150) };
        tokio::time::sleep(time).await;
    }
}

/// The way of one process to a server.
pub(crate) struct Mortal {
    pub(crate) way: Arc<Way>,
    pub(crate) life: Life,
    /// `None`: it answers at once.
    pub(crate) slow: Option<Slow>,
}

impl Mortal {
    /// The process may die before a call, and after it, before it hears of the answer.
    async fn call<T>(&self, answer: Answered<'_, T>) -> Result<T, DatabaseError> {
        if let Some(slow) = &self.slow {
            slow.on_the_way().await;
        }
        self.life.moment();
        let answer = answer.await;
        self.life.moment();
        if let Some(slow) = &self.slow {
            slow.on_the_way().await;
        }
        answer
    }
}

impl Database for Mortal {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(self.call(self.way.read(paths)))
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        Box::pin(self.call(self.way.page(of, after, limit)))
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        Box::pin(self.call(self.way.count(of)))
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        Box::pin(self.call(self.way.since(collection, field, since)))
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(self.call(Box::pin(async move {
            if let Some(slow) = &self.slow {
                (slow.sent)(writes);
            }
            self.way.commit(writes).await
        })))
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        Box::pin(self.call(self.way.collections()))
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        self.way.name()
    }
}
