//! Implementations of the ports: clients for external systems, and access to this machine.

pub mod app_hosting;
pub mod auth;
pub mod clock;
pub mod cloud_run;
pub mod command;
pub mod custom_commands;
pub mod firestore;
pub mod github;
pub mod google;
pub mod google_api;
pub mod group;
pub mod http;
pub mod local_pipeline;
pub mod notify;
pub mod probe;
pub mod process;
pub mod program;
pub mod proxy;
mod retry;
pub mod run_log;
pub mod run_logs;
mod tls;
