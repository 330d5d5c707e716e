//! Pointsman: blue-green deploys and rollbacks of services on Firebase App Hosting, from a terminal.
//!
//! # The map of the house
//!
//! One path runs through it: *fact → `domain::run::transition` → appended and synced → shown.* The
//! live engine, replay, headless output and tests all call the same function.
//!
//! | crate | what it holds | uses |
//! |---|---|---|
//! | [`pointsman_core`] | the vocabulary and the rules: facts, plans, the state machine; and the ports. No IO, no clock | – |
//! | [`pointsman_source`] | git as a program, and the files of a folder as a build gets them | – |
//! | [`pointsman_config`] | what people write, and everything that is wrong with it | core, source |
//! | [`pointsman_engine`] | what happens and when: proposals (from an intention to a plan, or the reason against it), supervisor, executor, one file for each kind of step | core, config |
//! | [`pointsman_store`] | the journal in SQLite | core |
//! | [`pointsman_platform`] | App Hosting, Firestore, GitHub, probes, alerts, processes, the clock | core, source |
//! | [`pointsman_rehearsal`] | one scripted world, for demos and for tests | core |
//! | [`pointsman_emulator`] | the local platform: App Hosting's API, builds, the traffic proxy, the sample service | core, source |
//!
//! | module | what it holds | uses |
//! |---|---|---|
//! | [`app`] | the composition root: builds `Services` for the engine; the only module that names platforms, stores, the emulator and the clock | all crates |
//! | [`tui`] | the screen: model, update, view, and the driver that joins them | core; the driver also config, engine, app |
//! | [`cli`] | the same without a screen: one file for each verb | core, config, engine, app, init |
//! | [`init`] | what a folder holds, and the files that a first deploy needs | core, source |
//!
//! `tests/it/house.rs` fails where a module or a crate uses what it may not.

pub mod app;
pub mod cli;
pub mod init;
pub mod tui;

pub use pointsman_config as config;
pub use pointsman_core as domain;
pub use pointsman_core::ports;
pub use pointsman_emulator as emulator;
pub use pointsman_engine as engine;
pub use pointsman_platform as adapters;
pub use pointsman_rehearsal as rehearsal;
pub use pointsman_source as source;
pub use pointsman_source::git;
pub use pointsman_store as store;
