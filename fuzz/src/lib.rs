//! What a fuzzer feeds: everything that reads what others wrote. Each module has `run`, which must neither panic nor hang,
//! whatever its input. `cargo test` runs each on its corpus and on small changes of it (`tests/it/corpus.rs`);
//! `cargo fuzz run NAME` finds more from there (CONTRIBUTING.md).

pub mod answers;
pub mod apphosting;
pub mod config;
pub mod journal;
pub mod keys;
pub mod log_text;
pub mod migrations;
