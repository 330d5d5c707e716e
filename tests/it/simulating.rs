//! Seeds of the simulation, in the order of their numbers, and those that once found a fault.

use super::simulation::play;

const SEEDS: u64 = 300;

#[allow(dead_code)]
fn holds(seed: u64) {
    let played = play(seed);
    assert!(
        played.broken.is_empty(),
        "seed {seed}: {:#?}\n{}",
        played.broken,
        played.story.join("\n")
    );
}

#[test]
fn seeds_hold() {
    let (mut states, mut broken) = (std::collections::BTreeSet::new(), Vec::new());
    for seed in 0..SEEDS {
        let played = play(seed);
        states.extend(played.states);
        if !played.broken.is_empty() {
            broken.push(format!("seed {seed}: {:?}", played.broken));
        }
    }
    println!("{} states", states.len());
    assert!(broken.is_empty(), "{}\n{}", broken.len(), broken.join("\n"));
}

/// Tells the story of a seed, for a person who looks for the reason of a failure.
#[test]
#[ignore = "prints the story of $SEED"]
fn story_of_a_seed() {
    let seed = std::env::var("SEED").unwrap_or_default().parse().unwrap_or_default();
    let played = play(seed);
    println!("{}\n{:#?}\n{} states", played.story.join("\n"), played.broken, played.states.len());
}
