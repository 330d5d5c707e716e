//! Pointsman: blue-green deploys and rollbacks of services on Firebase App Hosting, from a terminal.
//!
//! # The map of the house
//!
//! One path runs through it: *fact → `domain::run::transition` → appended and synced → shown.* The
//! live engine, replay, headless output and tests all call the same function.
//!
//! | room | what it holds | may use |
//! |---|---|---|
//! | [`domain`] | what is true: facts, plan, state machine, rules. No IO, no clock | – |
//! | [`config`] | what the user wrote, and everything that is wrong with it | domain |
//! | [`git`] | git as a program, without the caller's environment and settings | – |
//! | [`source`] | the files of a folder as a build gets them | git |
//! | [`ports`] | what we need from outside, one trait a file | domain |
//! | [`engine`] | what happens and when: supervisor, executor, one file per step kind | domain, ports |
//! | [`store`] | the journal in SQLite | domain, ports |
//! | [`adapters`] | how each outside thing speaks: App Hosting, HTTP probes, the clock, processes | domain, ports |
//! | [`emulator`] | the local platform: App Hosting's API, slots, the traffic proxy, the sample service | domain, ports |
//! | [`propose`] | from an intent to a plan that may begin, or why it may not; and looking | domain, config, ports, app |
//! | [`tui`] | what a person sees and presses: model, update, view, and the driver that joins them | domain; the driver also config, ports, engine, app, propose |
//! | [`cli`] | the same without a screen: one file a verb | domain, config, ports, engine, app, propose |
//! | [`app`] | the composition root: alone names adapters, store, emulator and the real clock | all |
//!
//! `tests/it/house.rs` fails on a broken wall.

pub mod adapters;
pub mod app;
pub mod cli;
pub mod config;
pub mod emulator;
pub mod engine;
pub mod git;
pub mod propose;
pub mod source;
pub mod store;
pub mod tui;

pub use pointsman_core as domain;
pub use pointsman_core::ports;
