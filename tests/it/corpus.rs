//! What a fuzzer found worth keeping, on the stable toolchain: each reader of foreign text runs on its corpus
//! (`fuzz/corpus/`) and on small changes of it. It must neither panic nor hang.

use std::fs;
use std::path::PathBuf;

#[path = "../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "a fuzzer has it as a crate")]
mod readers;

/// The files of a corpus, in the order of their names.
fn corpus(of: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(of);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// A number that follows from the one before, for the same changes in each run (`SplitMix64`).
fn next(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    usize::try_from((z ^ (z >> 31)) & 0xFFFF_FFFF).unwrap()
}

/// One input with a part of it left out, repeated, changed, or replaced by a part of another one.
fn changed(input: &[u8], other: &[u8], state: &mut u64) -> Vec<u8> {
    let mut all = input.to_vec();
    let at = |state: &mut u64, length: usize| if length == 0 { 0 } else { next(state) % length };
    let from = at(state, all.len());
    let to = (from + 1 + at(state, 16)).min(all.len());
    match next(state) % 5 {
        0 => all.truncate(from),
        1 => drop(all.drain(from.min(to)..to)),
        2 => all.extend_from_slice(&input[from.min(to)..to]),
        3 if !all.is_empty() => all[from] = u8::try_from(next(state) % 256).unwrap(),
        _ => {
            let start = at(state, other.len());
            let end = (start + 32).min(other.len());
            drop(all.splice(from.min(to)..to, other[start..end].iter().copied()));
        }
    }
    all
}

/// Runs a reader on its corpus, and on this many changes of each file.
fn fed(of: &str, changes: usize, run: fn(&[u8])) {
    let (all, mut state) = (corpus(of), 24);
    for input in &all {
        run(input);
        for _ in 0..changes {
            let other = &all[next(&mut state) % all.len()];
            let input = changed(input, other, &mut state);
            if std::panic::catch_unwind(|| run(&input)).is_err() {
                let file = std::env::temp_dir().join(format!("pointsman-{of}"));
                fs::write(&file, &input).unwrap();
                panic!("{of} panics on {}: add it to fuzz/corpus/{of}", file.display());
            }
        }
    }
}

#[test]
fn config_is_read_or_refused() {
    fed("config", 20, readers::config::run);
}

#[test]
fn apphosting_yaml_is_read_or_refused() {
    fed("apphosting", 100, readers::apphosting::run);
}

#[test]
fn migrations_are_read_or_refused() {
    fed("migrations", 100, readers::migrations::run);
}

#[test]
fn records_are_folded_or_refused() {
    fed("journal", 20, readers::journal::run);
}

#[test]
fn answers_are_read_or_refused() {
    fed("answers", 10, readers::answers::run);
}

#[test]
fn log_text_is_harmless() {
    fed("log_text", 300, readers::log_text::run);
}

#[test]
fn keys_in_any_order_are_drawn() {
    fed("keys", 2, readers::keys::run);
}
