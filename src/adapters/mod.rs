//! How each outside thing speaks.

pub mod app_hosting;
pub mod clock;
pub mod fake;
pub mod http;
pub mod notify;
pub mod probe;
pub mod process;
pub mod run_log;
