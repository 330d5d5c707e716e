//! Ports: the traits for everything outside of this crate. Adapters, the store and the emulator implement them, and
//! `app` connects them. Futures are boxed, since native async functions cannot be called through `dyn`.

pub mod clock;
pub mod database;
pub mod database_admin;
pub mod hosting;
pub mod journal;
pub mod log;
pub mod mutes;
pub mod outbox;
pub mod pipeline;
pub mod platforms;
pub mod previews;
pub mod prober;
pub mod processes;
pub mod programs;
pub mod runtime;
pub mod samples;
pub mod shares;
pub mod sharing;
pub mod stores;

pub use futures_util::future::BoxFuture;
