//! Plays the simulation with a million seeds, and counts the states that were reached. A seed that breaks what must hold is
//! printed, and belongs into `tests/it/simulating.rs`.
//!
//! `cargo bench --bench simulate`, or with another number of seeds: `SEEDS=10000 FROM=0 cargo bench --bench simulate`

#![expect(
    clippy::disallowed_methods,
    reason = "a bench measures time, and takes its size from the environment"
)]
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "a bench is a program for a terminal"
)]

#[path = "../tests/it/dying.rs"]
mod dying;
#[expect(dead_code, reason = "other benches use the rest")]
mod figure;
#[path = "../tests/it/simulation/mod.rs"]
mod simulation;
#[path = "../tests/it/world.rs"]
#[expect(dead_code, unused_imports, clippy::panic, reason = "the tests use all of it")]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Instant;

/// Seeds between two lines of progress.
const STEP: u64 = 10_000;

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |number| number.parse().unwrap())
}

fn main() {
    let (from, seeds) = (number("FROM", 0), number("SEEDS", 1_000_000));
    let (states, broken) = (Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let counts = Mutex::new(BTreeMap::<_, u64>::new());
    let began = Instant::now();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    world::side_by_side(threads, from..from + seeds, |seed| {
        let played = simulation::play(seed);
        if !played.broken.is_empty() {
            println!("seed {seed}: {:?}\n{}", played.broken, played.story.join("\n"));
            broken.lock().unwrap().push(seed);
        }
        for (what, times) in played.counts {
            *counts.lock().unwrap().entry(what).or_default() += u64::from(times);
        }
        let mut states = states.lock().unwrap();
        states.extend(played.states);
        if (seed + 1).is_multiple_of(STEP) {
            let (states, took) = (states.len(), began.elapsed().as_secs());
            println!("{} seeds, {states} states, {took} s", seed + 1 - from);
        }
    });
    let (states, broken) = (states.into_inner().unwrap(), broken.into_inner().unwrap());
    println!("{:#?}", counts.into_inner().unwrap());
    let took = began.elapsed().as_secs_f64();
    let as_number = |count: usize| f64::from(u32::try_from(count).unwrap());
    let of = format!("from seed {from}");
    let played = f64::from(u32::try_from(seeds).unwrap());
    figure::judged("seeds played", played, "", figure::Goal::AtLeast(1e6), &of);
    figure::judged(
        "seeds that broke an invariant",
        as_number(broken.len()),
        "",
        figure::Goal::AtMost(0.0),
        "",
    );
    figure::seen("distinct states reached", as_number(states.len()), "", "");
    figure::seen("seeds per second", played / took, "", "");
    assert!(broken.is_empty(), "{broken:?}");
}
