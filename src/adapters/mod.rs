//! How each outside thing speaks.

pub mod app_hosting;
pub mod clock;
pub mod fake;
pub mod firestore;
pub mod http;
pub mod notify;
pub mod probe;
pub mod process;
pub mod program;
pub mod run_log;
