//! The shared store's server, and the way of each machine to it: cut, with lost replies, and with other machines that act
//! between two calls of one operation.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use pointsman::domain::document::Document;
use pointsman::domain::error::Problem;
use pointsman::ports::database::{
    Answered, Changes, Database, DatabaseError, Pages, Reading, Refused, Write,
};
use pointsman::rehearsal::RehearsalDatabase;

use super::chance::Chance;

thread_local! {
    /// Set while another machine acts between two calls of one: only one may.
    static BETWEEN: Cell<bool> = const { Cell::new(false) };
}

/// What another machine does between two calls.
type Other = Box<dyn Fn() + Send>;

pub(crate) struct Server {
    pub(crate) database: RehearsalDatabase,
}

/// The way of one machine.
pub(crate) struct Way {
    pub(crate) server: Arc<Server>,
    pub(crate) cut: AtomicBool,
    /// The next replies that get lost, after their call took effect.
    pub(crate) loses: AtomicU32,
    /// The next calls that arrive twice, as when a program between repeats them.
    pub(crate) repeats: AtomicU32,
    pub(crate) other: Mutex<Option<Other>>,
    pub(crate) chance: Chance,
}

impl Way {
    pub(crate) fn to(server: &Arc<Server>, chance: &Chance) -> Arc<Self> {
        let (cut, loses, repeats) = (AtomicBool::new(false), AtomicU32::new(0), AtomicU32::new(0));
        let (server, other, chance) = (server.clone(), Mutex::default(), chance.clone());
        Arc::new(Self { server, cut, loses, repeats, other, chance })
    }

    /// The server, after another machine may have been there.
    fn open(&self) -> Result<&RehearsalDatabase, DatabaseError> {
        if !BETWEEN.get() && self.chance.percent(3) {
            BETWEEN.set(true);
            if let Some(other) = self.other.lock().unwrap().as_ref() {
                other();
            }
            BETWEEN.set(false);
        }
        if self.cut.load(Ordering::Relaxed) {
            return Err(lost("the network is cut"));
        }
        Ok(&self.server.database)
    }
}

/// Whether one is left, which is then taken.
fn next_of(left: &AtomicU32) -> bool {
    let less = |left: u32| left.checked_sub(1);
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
}

fn lost(why: &str) -> DatabaseError {
    DatabaseError { refused: Refused::Lost, problem: Problem::new(why) }
}

impl Database for Way {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(async move { self.open()?.read(paths).await })
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        Box::pin(async move { self.open()?.page(of, after, limit).await })
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        Box::pin(async move { self.open()?.count(of).await })
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        Box::pin(async move { self.open()?.since(collection, field, since).await })
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(async move {
            let server = self.open()?;
            let done = server.commit(writes).await?;
            if next_of(&self.repeats) {
                return server.commit(writes).await;
            }
            if next_of(&self.loses) { Err(lost("the reply was lost")) } else { Ok(done) }
        })
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        self.server.database.collections()
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        "toto-ops/pointsman".to_owned()
    }
}
