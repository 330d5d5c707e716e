//! The integration tests: one binary, so that they link once.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod alerts;
mod chain;
mod checklist;
mod checks;
mod command_platform;
mod config;
mod deploy;
mod dying;
mod emulator_api;
mod emulator_life;
mod engine;
mod finding;
mod firestore;
mod freezing;
mod google;
mod health;
mod house;
mod invariants;
mod journeys;
mod leases;
mod linting;
mod load;
mod log_colours;
mod migrating;
mod misbehaving;
mod picture;
mod pipeline;
mod planning;
mod probing;
mod read_only;
mod real_clients;
mod recovery;
mod sandbox;
mod schema;
mod schema_pane;
mod screen;
mod sick;
mod stand_in;
mod team;
mod terminal;
mod themes;
mod tools;
mod transitions;
mod world;
