//! A server with documents, the shared store's or the database's, and the way of each machine to it: cut, in bad weather, and
//! with other machines that act between two calls of one operation.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt as _;
use pointsman::domain::document::Document;
use pointsman::domain::error::Problem;
use pointsman::domain::ids::RunNumber;
use pointsman::ports::clock::Clock as _;
use pointsman::ports::database::{
    Answered, Changes, Database, DatabaseError, Pages, Reading, Refused, Write,
};
use pointsman::rehearsal::{RehearsalClock, RehearsalDatabase};

use super::chance::Chance;
use super::checks::Checks;
use super::clock::SimClock;

thread_local! {
    /// Set while another machine acts between two calls of one: only one may.
    static BETWEEN: Cell<bool> = const { Cell::new(false) };
}

/// What another machine does between two calls.
pub(crate) type Other = Box<dyn Fn() + Send>;

pub(crate) struct Server {
    pub(crate) database: RehearsalDatabase,
    pub(crate) clock: SimClock,
    /// What is wrong with its documents: asked after each commit.
    pub(crate) wrong: fn(&RehearsalDatabase) -> Option<String>,
}

impl Server {
    pub(crate) fn start(
        clock: &SimClock,
        wrong: fn(&RehearsalDatabase) -> Option<String>,
    ) -> Arc<Self> {
        let real = Arc::new(clock.elsewhere());
        let database =
            RehearsalDatabase::new(Arc::new(RehearsalClock::since(real, Duration::ZERO)));
        Arc::new(Self { database, clock: clock.clone(), wrong })
    }

    async fn commit(
        &self,
        writes: &[Write],
        checks: &Checks,
    ) -> Result<Vec<String>, DatabaseError> {
        let done = self.database.commit(writes).await?;
        if let Some(wrong) = (self.wrong)(&self.database) {
            checks.broken(self.clock.elapsed(), &wrong);
        }
        Ok(done)
    }
}

/// What happens to calls, in per cent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Weather {
    /// They do not arrive.
    lost: u64,
    /// They arrive, and their answer is lost.
    unanswered: u64,
    /// They arrive twice, as when a program between repeats them.
    twice: u64,
    /// They arrive long after they were given up.
    late: u64,
    /// Another machine acts before they arrive.
    between: u64,
}

impl Weather {
    pub(crate) const CALM: Self = Self { lost: 0, unanswered: 0, twice: 0, late: 0, between: 3 };

    /// Nothing happens any more, so that everything can come to an end.
    pub(crate) const SILENT: Self = Self { between: 0, ..Self::CALM };

    pub(crate) fn any(chance: &Chance) -> Self {
        let some = || chance.within(0..8);
        Self {
            lost: some(),
            unanswered: some(),
            twice: some(),
            late: some() / 2,
            between: 3 + some(),
        }
    }
}

/// The way of one machine.
pub(crate) struct Way {
    pub(crate) server: Arc<Server>,
    pub(crate) cut: AtomicBool,
    pub(crate) weather: Mutex<Weather>,
    pub(crate) other: Mutex<Option<Other>>,
    chance: Chance,
    checks: Arc<Checks>,
}

impl Way {
    pub(crate) fn to(server: &Arc<Server>, chance: &Chance, checks: &Arc<Checks>) -> Arc<Self> {
        Arc::new(Self {
            server: server.clone(),
            cut: AtomicBool::new(false),
            weather: Mutex::new(Weather::CALM),
            other: Mutex::default(),
            chance: chance.clone(),
            checks: checks.clone(),
        })
    }

    pub(crate) fn is_cut(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// Whether the shared store has a fact.
    pub(crate) fn has(&self, run: RunNumber, seq: u64) -> bool {
        let paths = [format!("runs/{:010}/facts/{seq:010}", run.0)];
        let reading = self.server.database.read(&paths).now_or_never();
        reading
            .is_some_and(|read| read.is_ok_and(|read| read.documents.iter().any(Option::is_some)))
    }

    fn weather(&self) -> Weather {
        *self.weather.lock().unwrap()
    }

    /// A commit is given up, and arrives later.
    fn arrives_late(&self, writes: &[Write]) {
        let (server, checks) = (self.server.clone(), self.checks.clone());
        let most = *self.chance.one_of(&[300, 60_000]);
        let (late, writes) = (self.chance.ms(1..most), writes.to_vec());
        tokio::spawn(async move {
            tokio::time::sleep(late).await;
            checks.count("a commit was given up, and arrived later");
            if server.commit(&writes, &checks).await.is_ok() {
                checks.count("a commit was accepted after it was given up");
            }
        });
    }

    /// The server, after another machine may have been there.
    fn open(&self) -> Result<&RehearsalDatabase, DatabaseError> {
        let Weather { lost: share, between, .. } = self.weather();
        if !BETWEEN.get() && self.chance.percent(between) {
            BETWEEN.set(true);
            if let Some(other) = self.other.lock().unwrap().as_ref() {
                other();
            }
            BETWEEN.set(false);
        }
        if self.is_cut() {
            return Err(lost("the network is cut"));
        }
        if self.chance.percent(share) {
            self.checks.count("a call was lost");
            return Err(lost("the call was lost"));
        }
        Ok(&self.server.database)
    }
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
            self.open()?;
            let Weather { unanswered, twice, late, .. } = self.weather();
            if self.chance.percent(late) {
                self.arrives_late(writes);
                return Err(lost("the reply did not come in time"));
            }
            let done = self.server.commit(writes, &self.checks).await?;
            if self.chance.percent(twice) {
                self.checks.count("a commit arrived twice");
                return self.server.commit(writes, &self.checks).await;
            }
            if self.chance.percent(unanswered) {
                self.checks.count("the answer of a commit was lost");
                return Err(lost("the reply was lost"));
            }
            Ok(done)
        })
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        Box::pin(async move { self.open()?.collections().await })
    }

    fn emulator_host(&self) -> Option<String> {
        None
    }

    fn name(&self) -> String {
        "documents".to_owned()
    }
}
