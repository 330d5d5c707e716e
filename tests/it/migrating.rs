//! The migration engine on real emulators, ours and Google's: exactly once despite kills, lost replies and competing
//! runners.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::firestore::Firestore;
use pointsman::domain::document::{Document, Fields, Value};
use pointsman::domain::error::Problem;
use pointsman::domain::migration::{
    Direction, Head, Holder, LockState, Migration, Pick, RowState, Schema, down, lock_document,
    nothing_applied, rows, up,
};
use pointsman::engine::database::{
    Asked, DatabaseLock, Migrated, NotLocked, NotMigrated, dry_run, lock_seen, migrate, schema,
};
use pointsman::ports::clock::Clock;
use pointsman::ports::database::{
    Answered, Changes, Database, DatabaseError, Expected, Pages, Reading, Refused, Write,
};
use serde_json::json;

use super::firestore::{Emulator, block_on};
use super::world::programs;

pub(crate) fn migration(
    version: &str,
    up: &serde_json::Value,
    down: &serde_json::Value,
) -> Migration {
    serde_json::from_value(json!({
        "version": version, "description": format!("to {version}"), "phase": "expand", "undo": "yes",
        "up": up, "down": down,
    }))
    .unwrap()
}

/// Adds one to `n` of every user; down subtracts it. A document that is processed twice shows a wrong count.
fn counting(version: &str) -> Migration {
    let by = |by: i64| json!([{ "increment": { "scope": { "collection": "users" }, "field": "n", "by": by } }]);
    migration(version, &by(1), &by(-1))
}

fn holder(id: &str) -> Holder {
    Holder { id: id.to_owned(), actor: id.to_owned(), host: "here".to_owned(), ..Holder::default() }
}

async fn lock(database: &Arc<dyn Database>, id: &str) -> Result<DatabaseLock, NotLocked> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    DatabaseLock::acquire(database.clone(), clock, &holder(id), &|_| false).await
}

struct Way<'a> {
    direction: Direction,
    batch: u32,
    stopping: &'a (dyn Fn() -> bool + Send + Sync),
}

const UP: Way<'static> = Way { direction: Direction::Up, batch: 300, stopping: &|| false };
const DOWN: Way<'static> = Way { direction: Direction::Down, batch: 300, stopping: &|| false };

async fn run(
    database: &Arc<dyn Database>,
    lock: &DatabaseLock,
    migration: &Migration,
    way: &Way<'_>,
) -> Result<Migrated, NotMigrated> {
    let clock = SystemClock::start();
    let asked = Asked {
        database: database.as_ref(),
        lock,
        clock: &clock,
        programs: &programs(),
        folder: ".",
        environment: &[("PROJECT".to_owned(), "demo".to_owned())],
        migration,
        direction: way.direction,
        by: "ana",
        batch: way.batch,
        per_second: None,
        restore_point: None,
        progress: &|_| {},
        heard: &|_| {},
        stopping: way.stopping,
    };
    migrate(&asked).await
}

async fn fill(database: &dyn Database, users: u64) {
    for from in (0..users).step_by(500) {
        let write = |n: u64| {
            let fields = [("n".to_owned(), Value::Integer(0))].into_iter().collect();
            Write::whole(format!("users/u{n:06}"), Expected::Anything, fields)
        };
        let writes: Vec<_> = (from..(from + 500).min(users)).map(write).collect();
        database.commit(&writes).await.unwrap();
    }
}

pub(crate) async fn all(database: &dyn Database, collection: &str) -> Vec<Document> {
    let (mut found, mut after): (Vec<Document>, Option<String>) = (Vec::new(), None);
    loop {
        let of = Pages { collection, group: false, until: None };
        let page = database.page(of, after.as_deref(), 5000).await.unwrap();
        let Some(last) = page.last() else { return found };
        after = Some(last.path.clone());
        found.extend(page);
    }
}

fn on_both(work: &impl AsyncFn(Arc<dyn Database>, &str)) {
    for emulator in Emulator::both() {
        let database: Arc<dyn Database> = Arc::new(emulator.client(&Emulator::project()));
        block_on(work(database, emulator.name));
    }
}

fn without_times(documents: Vec<Document>) -> Vec<(String, String)> {
    let one = |d: Document| (d.path, serde_json::to_string(&d.fields).unwrap());
    documents.into_iter().map(one).collect()
}

#[test]
fn up_down_up_equals_up_once() {
    let odd = migration(
        "1.0.0",
        &json!([
            { "set_missing": { "scope": { "collection": "users" }, "fields": [["role", { "stringValue": "user" }]] } },
            { "rename": { "scope": { "collection": "users" }, "from": "`odd-name`", "to": "plain" } },
            { "increment": { "scope": { "collection": "orders", "group": true }, "field": "seen.often", "by": 2 } },
            { "create": { "document": "settings/roles", "fields": { "list": { "arrayValue": {} } } } },
        ]),
        &json!([
            { "delete": { "document": "settings/roles" } },
            { "increment": { "scope": { "collection": "orders", "group": true }, "field": "seen.often", "by": -2 } },
            { "rename": { "scope": { "collection": "users" }, "from": "plain", "to": "`odd-name`" } },
            { "remove": { "scope": { "collection": "users" }, "fields": ["role"] } },
        ]),
    );
    on_both(&async |database, name| {
        fill(database.as_ref(), 700).await;
        let every: Fields = serde_json::from_value(json!({
            "null": { "nullValue": null }, "big": { "integerValue": "-9223372036854775808" },
            "odd": { "doubleValue": 0.1 }, "inf": { "doubleValue": "-Infinity" },
            "at": { "timestampValue": "2026-01-02T03:04:05.123456Z" }, "bytes": { "bytesValue": "AP8=" },
            "geo": { "geoPointValue": { "latitude": 1.5, "longitude": -2.0 } },
            "map": { "mapValue": { "fields": { "a.b": { "stringValue": "é😀\u{1}" } } } },
            "odd-name": { "stringValue": "kept" }, "n": { "integerValue": "1" },
        }))
        .unwrap();
        let odd_ids = ["users/a:b", "users/ü %2F+?#", "users/.x", "users/u000001/orders/1"];
        let writes = odd_ids.map(|id| Write::whole(id, Expected::NotThere, every.clone()));
        database.commit(&writes).await.unwrap();
        let lock = lock(&database, "ana").await.unwrap();
        let before = without_times(all(database.as_ref(), "users").await);
        run(&database, &lock, &odd, &UP).await.unwrap();
        let once = without_times(all(database.as_ref(), "users").await);
        let order = without_times(all(database.as_ref(), "users/u000001/orders").await);
        assert_ne!(before, once, "{name}");
        assert!(once.iter().all(|(_, fields)| fields.contains("role")), "{name}");
        run(&database, &lock, &odd, &DOWN).await.unwrap();
        assert_eq!(without_times(all(database.as_ref(), "users").await), before, "{name}");
        let nothing = schema(database.as_ref()).await.unwrap();
        assert_eq!(nothing.head, Head::At(nothing_applied()), "{name}");
        run(&database, &lock, &odd, &UP).await.unwrap();
        assert_eq!(without_times(all(database.as_ref(), "users").await), once, "{name}");
        let again = without_times(all(database.as_ref(), "users/u000001/orders").await);
        assert_eq!(again, order, "{name}");
    });
}

/// Applies each version under a separate lock, as separate runs would.
async fn go(database: &Arc<dyn Database>, chosen: &[Migration], way: &Way<'_>) {
    for migration in chosen {
        let lock = lock(database, "ana").await.unwrap();
        run(database, &lock, migration, way).await.unwrap();
    }
}

#[test]
fn versions_sort_numerically_and_down_undoes_two() {
    let files: Vec<_> = ["1.8.0", "1.9.0", "1.10.0"].map(counting).into_iter().collect();
    on_both(&async |database, name| {
        fill(database.as_ref(), 40).await;
        let at = async || schema(database.as_ref()).await.unwrap();
        let first = Schema { collections: Vec::new(), ..at().await };
        let chosen = up(&files, &first, &Pick::default()).unwrap();
        let versions: Vec<_> = chosen.iter().map(|m| m.version.to_string()).collect();
        assert_eq!(versions, ["1.8.0", "1.9.0", "1.10.0"], "{name}");
        go(&database, &chosen, &UP).await;
        assert_eq!(at().await.head, Head::At("1.10.0".parse().unwrap()), "{name}");
        let chosen = down(&files, &at().await, &"1.8.0".parse().unwrap()).unwrap();
        assert_eq!(chosen.len(), 2, "{name}");
        go(&database, &chosen, &DOWN).await;
        assert_eq!(at().await.head, Head::At("1.8.0".parse().unwrap()), "{name}");
        let users = all(database.as_ref(), "users").await;
        assert!(users.iter().all(|d| d.fields["n"] == Value::Integer(1)), "{name}");
        // The guide's code reads `_migrations/version`, which holds only the version.
        let guide = database.read(&["_migrations/version".to_owned()]).await.unwrap();
        let guide = guide.documents[0].as_ref().unwrap();
        assert_eq!(guide.fields.keys().collect::<Vec<_>>(), ["version"], "{name}");
        // Applying again skips versions that are already applied.
        go(&database, &files[1..], &UP).await;
        let lock = lock(&database, "ana").await.unwrap();
        assert!(run(&database, &lock, &files[2], &UP).await.unwrap().already, "{name}");
        let states: Vec<_> = rows(&files, &at().await).into_iter().map(|r| r.state).collect();
        assert_eq!(states, [RowState::Applied, RowState::Applied, RowState::Applied], "{name}");
    });
}

/// A database that loses answers, before or after the request takes effect.
struct Faulty {
    inner: Firestore,
    calls: AtomicU64,
    /// One in this many calls fails.
    one_in: u64,
    /// Set at commit number `dies_at`; from then on, calls never return.
    dead: AtomicBool,
    dies_at: u64,
}

impl Faulty {
    fn lost() -> DatabaseError {
        DatabaseError { refused: Refused::Lost, problem: Problem::new("the answer got lost") }
    }

    /// Picks the fault of a call with a cheap hash, so that faults are spread and reproducible.
    fn fault(&self) -> u64 {
        let n = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let mixed = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33;
        if n == self.dies_at {
            self.dead.store(true, Ordering::Relaxed);
        }
        mixed % (2 * self.one_in)
    }
}

impl Database for Faulty {
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading> {
        Box::pin(async move {
            if self.dead.load(Ordering::Relaxed) {
                futures_util::future::pending::<()>().await;
            }
            self.inner.read(paths).await
        })
    }

    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>> {
        self.inner.page(of, after, limit)
    }

    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64> {
        self.inner.count(of)
    }

    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes> {
        self.inner.since(collection, field, since)
    }

    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>> {
        Box::pin(async move {
            let fault = self.fault();
            if self.dead.load(Ordering::Relaxed) {
                // As after a kill: some requests take effect without a reply.
                if fault.is_multiple_of(2) {
                    let _ = self.inner.commit(writes).await;
                }
                futures_util::future::pending::<()>().await;
            }
            match fault {
                0 => Err(Self::lost()),
                1 => {
                    let _ = self.inner.commit(writes).await;
                    Err(Self::lost())
                }
                _ => self.inner.commit(writes).await,
            }
        })
    }

    fn collections(&self) -> Answered<'_, Vec<String>> {
        self.inner.collections()
    }

    fn emulator_host(&self) -> Option<String> {
        self.inner.emulator_host()
    }

    fn name(&self) -> String {
        self.inner.name()
    }
}

/// Three runners compete for the same migration. Each dies in the middle repeatedly, and answers get lost before and
/// after the commit. A runner with the same holder takes back its own lock immediately.
#[test]
fn documents_change_exactly_once_through_failures() {
    const USERS: u64 = 2000;
    let file = counting("1.0.0");
    for emulator in Emulator::both() {
        let project = Emulator::project();
        block_on(async {
            fill(&emulator.client(&project), USERS).await;
            let deaths = AtomicU64::new(0);
            let runner = async |id: u64| {
                let mut lives = 0;
                loop {
                    lives += 1;
                    let mortal = lives < 8;
                    let faulty = Faulty {
                        inner: emulator.client(&project),
                        calls: AtomicU64::new(id * 7919 + lives * 104_729),
                        one_in: 8,
                        dead: AtomicBool::new(false),
                        dies_at: if mortal { id * 7919 + lives * 104_729 + 3 + lives } else { 0 },
                    };
                    let faulty = Arc::new(faulty);
                    let database: Arc<dyn Database> = faulty.clone();
                    let life = async {
                        let lock = match lock(&database, &format!("r{id}")).await {
                            Ok(lock) => lock,
                            Err(NotLocked::Busy(_)) => return None,
                            Err(error) => panic!("{error:?}"),
                        };
                        let way = Way { batch: 50, ..UP };
                        Some(run(&database, &lock, &file, &way).await)
                    };
                    let died = async {
                        while !faulty.dead.load(Ordering::Relaxed) {
                            tokio::task::yield_now().await;
                            tokio::time::sleep(Duration::from_millis(5)).await;
                        }
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    };
                    let ended = tokio::select! {
                        ended = life => ended,
                        () = died => { deaths.fetch_add(1, Ordering::Relaxed); continue }
                    };
                    match ended {
                        Some(Ok(_)) => return,
                        // Another runner holds the lock. Stop if the migration is applied, otherwise try again.
                        None => {
                            let done = schema(&emulator.client(&project)).await.unwrap();
                            if done.applied().next().is_some() {
                                return;
                            }
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        Some(Err(NotMigrated::LockLost(_))) => {}
                        Some(Err(error)) => panic!("{}: {}", emulator.name, error.problem()),
                    }
                }
            };
            tokio::join!(runner(0), runner(1), runner(2));
            let users = all(&emulator.client(&project), "users").await;
            assert_eq!(users.len() as u64, USERS, "{}", emulator.name);
            let wrong = users.iter().filter(|d| d.fields["n"] != Value::Integer(1)).count();
            assert_eq!(wrong, 0, "{}", emulator.name);
            assert!(deaths.load(Ordering::Relaxed) >= 5, "{}", emulator.name);
        });
    }
}

#[test]
fn lock_race_has_one_winner_and_growing_fences() {
    race(12);
}

#[test]
#[ignore = "takes its time"]
fn hundred_lock_races_have_one_winner_each() {
    race(100);
}

fn race(rounds: u64) {
    for emulator in Emulator::both() {
        let project = Emulator::project();
        let clients: Vec<Arc<dyn Database>> =
            (0..24).map(|_| Arc::new(emulator.client(&project)) as _).collect();
        block_on(async {
            for round in 1..=rounds {
                let racers = clients
                    .iter()
                    .enumerate()
                    .map(async |(n, database)| lock(database, &format!("r{n}")).await);
                let ended = futures_util::future::join_all(racers).await;
                let mut won: Vec<_> = ended.into_iter().filter_map(Result::ok).collect();
                assert_eq!(won.len(), 1, "{} round {round}", emulator.name);
                assert_eq!(won.pop().unwrap().fence(), round, "{}", emulator.name);
                run_out(&emulator.client(&project)).await;
            }
        });
    }
}

/// Expires the lease of the lock, because a test cannot wait a minute.
async fn run_out(database: &dyn Database) {
    let seen = lock_seen(database).await.unwrap().unwrap();
    let lock = LockState { lease_seconds: 0, ..seen };
    let write = Write::whole(lock_document(), Expected::There, lock.fields());
    database.commit(&[write]).await.unwrap();
}

#[test]
fn expired_holder_cannot_write() {
    on_both(&async |database, name| {
        fill(database.as_ref(), 30).await;
        let late = lock(&database, "late").await.unwrap();
        run_out(database.as_ref()).await;
        let next = lock(&database, "next").await.unwrap();
        let ended = run(&database, &late, &counting("1.0.0"), &UP).await;
        assert!(matches!(ended, Err(NotMigrated::LockLost(_))), "{name}");
        let users = all(database.as_ref(), "users").await;
        assert!(users.iter().all(|d| d.fields["n"] == Value::Integer(0)), "{name}");
        assert!(schema(database.as_ref()).await.unwrap().records.is_empty(), "{name}");
        run(&database, &next, &counting("1.0.0"), &UP).await.unwrap();
    });
}

#[test]
fn stopped_migration_continues_in_its_direction() {
    on_both(&async |database, name| {
        fill(database.as_ref(), 200).await;
        let file = counting("1.0.0");
        let held = lock(&database, "ana").await.unwrap();
        let batches = AtomicU64::new(0);
        let stopping = || batches.fetch_add(1, Ordering::Relaxed) >= 3;
        let way = Way { batch: 25, stopping: &stopping, ..UP };
        let stopped = run(&database, &held, &file, &way).await;
        let Err(NotMigrated::Stopped(problem)) = stopped else { panic!("{name}: {stopped:?}") };
        assert!(problem.what.contains("of 200 documents"), "{name}: {problem}");
        let half = schema(database.as_ref()).await.unwrap();
        let files = [file.clone()];
        assert_eq!(rows(&files, &half)[0].state, RowState::Dirty, "{name}");
        assert!(down(&files, &half, &nothing_applied()).is_err(), "{name}");
        let edited = [counting_by_two()];
        assert!(up(&edited, &half, &Pick::default()).is_err(), "{name}");
        run(&database, &held, &file, &UP).await.unwrap();
        let users = all(database.as_ref(), "users").await;
        assert!(users.iter().all(|d| d.fields["n"] == Value::Integer(1)), "{name}");
    });
}

fn counting_by_two() -> Migration {
    let by =
        json!([{ "increment": { "scope": { "collection": "users" }, "field": "n", "by": 2 } }]);
    migration("1.0.0", &by, &json!([]))
}

/// Another client writes and deletes during the migration. Derived values do not overwrite its writes, and documents
/// that it deletes do not come back.
#[test]
fn concurrent_writes_are_not_lost() {
    let copy = migration(
        "1.0.0",
        &json!([{ "copy": { "scope": { "collection": "users" }, "from": "n", "to": "copy" } }]),
        &json!([]),
    );
    on_both(&async |database, name| {
        fill(database.as_ref(), 400).await;
        let lock = lock(&database, "ana").await.unwrap();
        let over = AtomicBool::new(false);
        let other = async {
            let mut n = 0_u64;
            while !over.load(Ordering::Relaxed) {
                n += 1;
                let path = format!("users/u{:06}", n * 37 % 400);
                let fields = [("n".to_owned(), Value::count(n))].into_iter().collect();
                let write = if n.is_multiple_of(11) {
                    Write {
                        path,
                        expected: Expected::Anything,
                        act: pointsman::ports::database::Act::Delete,
                    }
                } else {
                    Write::whole(path, Expected::There, fields)
                };
                let _ = database.commit(&[write]).await;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        let migrating = async {
            let way = Way { batch: 40, ..UP };
            let ended = run(&database, &lock, &copy, &way).await;
            over.store(true, Ordering::Relaxed);
            ended.unwrap()
        };
        let ((), done) = tokio::join!(other, migrating);
        assert!(done.documents > 0, "{name}");
        for user in all(database.as_ref(), "users").await {
            // If the other client wrote last, it replaced the document and there is no copy. A copy is never wrong.
            let copy = user.fields.get("copy");
            assert!(copy.is_none_or(|copy| *copy == user.fields["n"]), "{name}: {}", user.path);
        }
    });
}

#[test]
fn unchangeable_document_is_named() {
    let grow = |by: usize| {
        migration(
            "1.0.0",
            &json!([{ "set": { "scope": { "collection": "users" }, "fields": [["more", { "stringValue": "x".repeat(by) }]] } }]),
            &json!([]),
        )
    };
    on_both(&async |database, name| {
        let lock = lock(&database, "ana").await.unwrap();
        let large = |n: usize, size: usize| {
            let fields = [("s".to_owned(), Value::text("x".repeat(size)))].into_iter().collect();
            Write::whole(format!("users/u{n}"), Expected::Anything, fields)
        };
        for n in 0..8 {
            database.commit(&[large(n, 900_000)]).await.unwrap();
        }
        // Together the documents exceed the size limit of a request.
        run(&database, &lock, &grow(100_000), &UP).await.unwrap();
        let convert = migration(
            "1.1.0",
            &json!([{ "convert": { "scope": { "collection": "users" }, "field": "s", "to": "integer" } }]),
            &json!([]),
        );
        let refused = run(&database, &lock, &convert, &UP).await.unwrap_err();
        let said = refused.problem().to_string();
        assert!(
            said.contains("users/u0") && said.contains("which is not an integer"),
            "{name}: {said}"
        );
        let half = schema(database.as_ref()).await.unwrap();
        assert!(half.dirty().unwrap().error.as_ref().unwrap().contains("users/u0"), "{name}");
        let counted = dry_run(database.as_ref(), &[convert], Direction::Up, 20).await.unwrap();
        assert_eq!(
            (counted[0].documents, counted[0].changes, counted[0].cannot.len()),
            (Some(8), 0, 3)
        );
    });
}

/// A collection is read in parallel parts. No document is missed at the borders.
#[test]
fn partitioned_counts_are_exact() {
    let ids = [
        "-", "0", "9z", "F", "G", "G0", "V~", "W", "W ", "_x", "a", "l", "l0", "m", "~", "é", "火",
    ];
    on_both(&async |database, name| {
        let fields: Fields = [("n".to_owned(), Value::Integer(0))].into_iter().collect();
        let user =
            |id: &&str| Write::whole(format!("users/{id}"), Expected::Anything, fields.clone());
        let users: Vec<_> = ids.iter().map(user).collect();
        database.commit(&users).await.unwrap();
        for batch in [1, 3, 100] {
            let counted = dry_run(database.as_ref(), &[counting("1.0.0")], Direction::Up, batch)
                .await
                .unwrap();
            assert_eq!(
                (counted[0].documents, counted[0].changes),
                (Some(17), 17),
                "{name} {batch}"
            );
        }
    });
}

/// A dry run counts the same changes as the run, over a collection, a collection group and documents that the
/// migration creates or deletes.
#[test]
fn dry_run_counts_match_the_run() {
    on_both(&async |database, name| {
        let fields: Fields = [("n".to_owned(), Value::Integer(0))].into_iter().collect();
        let write = |path: &str| Write::whole(path.to_owned(), Expected::Anything, fields.clone());
        let paths = ["users/a", "users/b", "teams/t/users/c", "users/gone"];
        database.commit(&paths.map(write)).await.unwrap();
        let users = json!({ "collection": "users", "group": true });
        let marked = json!({ "collection": "users", "filter": [{ "equals": ["m", { "integerValue": 1 }] }] });
        let steps = migration(
            "1.0.0",
            &json!([
                { "delete": { "document": "users/gone" } },
                { "create": { "document": "users/new", "fields": { "n": { "integerValue": 5 } } } },
                { "set": { "scope": users, "fields": [["m", { "integerValue": 1 }]] } },
                { "increment": { "scope": marked, "field": "n", "by": 1 } },
            ]),
            &json!([]),
        );
        let migrations = std::slice::from_ref(&steps);
        let planned = dry_run(database.as_ref(), migrations, Direction::Up, 2).await.unwrap();
        let changes: Vec<_> = planned.iter().map(|c| c.changes).collect();
        assert_eq!(changes, [1, 1, 4, 3], "{name}: {planned:?}");
        let lock = lock(&database, "one").await.unwrap();
        run(&database, &lock, &steps, &UP).await.unwrap();
        let users = all(database.as_ref(), "users").await;
        let counts: Vec<_> =
            users.iter().map(|d| (d.path.as_str(), d.count("n").unwrap())).collect();
        assert_eq!(counts, [("users/a", 1), ("users/b", 1), ("users/new", 6)], "{name}");
        let again = dry_run(database.as_ref(), migrations, Direction::Up, 2).await.unwrap();
        assert_eq!(again[1].cannot, ["users/new: it already exists"], "{name}");
    });
}
