//! Compares a migration of every document in a collection with Google's client doing the same on Google's emulator,
//! in one run, as ratios. Needs the emulator from `gcloud` and the client (`pip install google-cloud-firestore`).
//!
//! `cargo bench --bench migrate`

#![expect(clippy::disallowed_methods, reason = "a bench measures time")]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a bench is a program for a terminal"
)]

mod figure;
#[path = "../tests/it/firestore.rs"]
#[expect(dead_code, reason = "the tests use all of it")]
mod firestore;
#[path = "../tests/it/sandbox.rs"]
#[expect(dead_code, clippy::panic, reason = "the tests use all of it, and fail by it")]
mod sandbox;

use std::process::Command;
use std::sync::Arc;
use std::time::Instant;

use figure::{Goal, judged, median, number, seen};
use firestore::{Emulator, block_on};
use pointsman::adapters::clock::SystemClock;
use pointsman::adapters::group::Groups;
use pointsman::adapters::program::MachinePrograms;
use pointsman::domain::document::Value;
use pointsman::domain::migration::{Direction, Holder, Migration};
use pointsman::engine::database::{Asked, DatabaseLock, migrate};
use pointsman::ports::clock::Clock;
use pointsman::ports::database::{Database, Expected, Write};
use serde_json::json;

const ROUNDS: usize = 3;
const DOCUMENTS: u64 = 20_000;
/// Fewer documents for the client that writes one at a time, because it is slow.
const SINGLE: u64 = 1_000;

async fn fill(database: &dyn Database) {
    for from in (0..DOCUMENTS).step_by(500) {
        let write = |n: u64| {
            let fields = [
                ("n".to_owned(), Value::Integer(0)),
                ("email".to_owned(), Value::text(format!("someone-{n}@example.com"))),
            ];
            Write::whole(format!("users/u{n:06}"), Expected::Anything, fields.into_iter().collect())
        };
        let writes: Vec<_> = (from..(from + 500).min(DOCUMENTS)).map(write).collect();
        database.commit(&writes).await.unwrap();
    }
}

/// Seconds that our whole migration takes, from before it is marked dirty to its history record.
async fn ours(database: Arc<dyn Database>) -> f64 {
    fill(database.as_ref()).await;
    let migration: Migration = serde_json::from_value(json!({
        "version": "1.0.0", "description": "counts", "phase": "expand", "undo": "no", "down": [],
        "up": [{ "increment": { "scope": { "collection": "users" }, "field": "n", "by": 1 } }],
    }))
    .unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    let holder = Holder { id: "bench".to_owned(), ..Holder::default() };
    let lock =
        DatabaseLock::acquire(database.clone(), clock.clone(), &holder, &|_| false).await.unwrap();
    let asked = Asked {
        database: database.as_ref(),
        lock: &lock,
        clock: clock.as_ref(),
        programs: &MachinePrograms { groups: Groups::of(env!("CARGO_TARGET_TMPDIR").into()) },
        folder: ".",
        environment: &[],
        migration: &migration,
        direction: Direction::Up,
        by: "bench",
        batch: 500,
        per_second: None,
        restore_point: None,
        progress: &|_| {},
        heard: &|_| {},
        stopping: &|| false,
    };
    let began = Instant::now();
    let migrated = migrate(&asked).await.unwrap();
    let took = began.elapsed();
    assert_eq!(migrated.documents, DOCUMENTS);
    took.as_secs_f64()
}

/// Seconds that Google's client takes for `count` documents.
fn peer(emulator: &Emulator, way: &str, count: u64) -> f64 {
    let project = Emulator::project();
    block_on(async { fill(&emulator.client(&project)).await });
    let host = emulator.base.trim_start_matches("http://");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/migrate_peer.py");
    let output = Command::new("python3")
        .args([script, &project, way, &count.to_string()])
        .env("FIRESTORE_EMULATOR_HOST", host)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    said.trim().parse().unwrap()
}

fn rate(documents: u64, seconds: f64) -> f64 {
    f64::from(u32::try_from(documents).unwrap()) / seconds
}

fn main() {
    let imported = Command::new("python3").args(["-c", "import google.cloud.firestore"]).output();
    if !imported.is_ok_and(|o| o.status.success()) {
        println!("skipped: Google's client is needed (pip install google-cloud-firestore)");
        return;
    }
    let Some(emulator) = Emulator::googles() else { return };
    // Warm up the emulator before anything is measured.
    block_on(ours(Arc::new(emulator.client(&Emulator::project()))));
    let mut all = Vec::new();
    for _ in 0..ROUNDS {
        let mine = block_on(ours(Arc::new(emulator.client(&Emulator::project()))));
        let bulk = peer(&emulator, "bulk", DOCUMENTS);
        let single = peer(&emulator, "single", SINGLE);
        all.push((rate(DOCUMENTS, mine), rate(DOCUMENTS, bulk), rate(SINGLE, single)));
    }
    let of = |pick: &dyn Fn(&(f64, f64, f64)) -> f64| median(all.iter().map(pick).collect());
    let rates = |theirs: f64| format!("{} : {} documents/s", number(of(&|f| f.0)), number(theirs));
    let what = "documents per second beside Google's BulkWriter";
    judged(what, of(&|f| f.0 / f.1), "×", Goal::AtLeast(1.0), &rates(of(&|f| f.1)));
    let what = "documents per second beside Google's client, one by one";
    seen(what, of(&|f| f.0 / f.2), "×", &rates(of(&|f| f.2)));
}
