//! Stores of 10, 1,000 and 10,000 runs.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use pointsman::adapters::process::ThisMachine;
use pointsman::domain::event::{Fact, Recorded};
use pointsman::domain::ids::RunNumber;
use pointsman::domain::plan::Plan;
use pointsman::ports::journal::{Entry, Journal as _};
use pointsman::store::SqliteStore;

use super::figure::{Goal, judged, median, seen};
use super::sandbox::Sandbox;

const ROUNDS: usize = 7;
/// Runs that are added by one opening of the store.
const PART: usize = 200;

/// Adds copies of runs, one after the other, until the store has this many.
fn fill(store: &mut SqliteStore, copied: &[(Plan, Vec<Fact>)], runs: u64) {
    let mut number = store.runs(None, 1).unwrap()[0].view.number.0;
    for (plan, facts) in copied.iter().cycle() {
        if number >= runs {
            break;
        }
        let mut run = None;
        for fact in facts {
            let Recorded::Known(event) = &fact.event else { continue };
            let (actor, at, elapsed_ms) = (fact.actor.as_str(), fact.at, fact.elapsed_ms);
            let entry = Entry { actor, at, elapsed_ms, step: fact.step.as_ref(), event };
            match run {
                None => run = Some(store.create(plan, entry, false).unwrap().number),
                Some(run) => drop(store.append(run, entry).unwrap()),
            }
        }
        number = run.unwrap().0;
    }
}

fn copied(from: &Path, to: &Path) {
    for name in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = fs::remove_file(to.join(name));
        if from.join(name).exists() {
            fs::copy(from.join(name), to.join(name)).unwrap();
            // Otherwise the disk is written while something else is measured.
            fs::File::open(to.join(name)).unwrap().sync_all().unwrap();
        }
    }
}

fn command(sandbox: &Sandbox, arguments: &[&str]) -> f64 {
    let once = || {
        let began = Instant::now();
        let _ = sandbox.run(arguments).exits(0);
        began.elapsed().as_secs_f64() * 1000.0
    };
    median((0..ROUNDS).map(|_| once()).collect())
}

fn first_frame(sandbox: &Sandbox) -> f64 {
    let once = || {
        let (took, mut terminal) = super::first_frame(sandbox);
        terminal.kill();
        took
    };
    median((0..ROUNDS).map(|_| once()).collect())
}

/// Measures what a person waits for, with each store.
pub(super) fn measure() {
    let sandbox = Sandbox::new();
    // Two deploys that each replace what the other one has, so that there is always something to roll back to.
    for release in ["1.0.0", "1.1.0", "1.0.0"] {
        sandbox.deploy(release).exits(0);
    }
    // On a memory disk: filling needs no durability, and a sync for each fact would take hours.
    let memory = Path::new("/dev/shm");
    let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let folder = tempfile::tempdir_in(root).unwrap();
    copied(&sandbox.state(), folder.path());
    fs::copy(sandbox.state().join("store-id"), folder.path().join("store-id")).unwrap();
    let open = || SqliteStore::open(folder.path(), Arc::new(ThisMachine)).unwrap();
    let copied_runs: Vec<_> = [3, 2]
        .map(|run| {
            let run = RunNumber(run);
            (open().run(run).unwrap().view.plan, open().facts(run, 0).unwrap())
        })
        .into();
    let mut small = None;
    for runs in [10, 1_000, 10_000] {
        let began = Instant::now();
        // A store keeps the runs that it has read. What the bench itself keeps, it copies when it starts a terminal, which
        // would be measured as the program's first frame.
        for part in (0..=runs).step_by(PART).chain([runs]) {
            fill(&mut open(), &copied_runs, part);
        }
        copied(folder.path(), &sandbox.state());
        println!(
            "{runs} runs of {} facts, filled in {:.0} s",
            copied_runs[0].1.len(),
            began.elapsed().as_secs_f64()
        );
        let found = [
            ("`status`", command(&sandbox, &["status", "development", "--json"])),
            ("`history`", command(&sandbox, &["history", "--json"])),
            ("first frame", first_frame(&sandbox)),
        ];
        let Some(few) = small else {
            for (what, ms) in found {
                seen(&format!("{what} with 10 runs in the store"), ms, "ms", "");
            }
            small = Some(found);
            continue;
        };
        for ((what, ms), (_, few)) in found.into_iter().zip(few) {
            let what = format!("{what} with {runs} runs beside 10");
            let of = format!("{ms:.0} ms : {few:.0} ms, median of {ROUNDS}");
            judged(&what, ms / few, "×", Goal::AtMost(1.5), &of);
        }
    }
}
