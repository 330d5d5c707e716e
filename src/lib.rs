//! The map of the house.
pub mod cli;
pub mod config;
pub mod domain;
pub mod ports;
pub mod emulator;
pub mod engine;
pub mod store;
pub mod adapters;
pub mod app;
