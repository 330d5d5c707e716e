//! The integration tests: one binary, so that they link once.

#![expect(clippy::disallowed_methods, reason = "tests wait for real processes")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that panics has failed")]

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
mod exits;
mod finding;
mod firestore;
mod freezing;
mod golden;
mod google;
mod google_hosting;
mod health;
mod hostile;
mod house;
mod invariants;
mod journeys;
mod leaks;
mod leases;
mod linting;
mod load;
mod log_colours;
mod migrating;
mod misbehaving;
mod motion;
mod picture;
mod pipeline;
mod planning;
mod printed;
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
mod truth;
mod windows;
mod world;
