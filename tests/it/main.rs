//! The integration tests: one binary, so that they link once.

mod chain;
mod config;
mod deploy;
mod emulator_api;
mod engine;
mod house;
mod load;
mod planning;
mod sandbox;
mod transitions;
mod world;
