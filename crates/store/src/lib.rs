//! One SQLite database per host and user: runs, their facts, and the commands sent to them. WAL and
//! `synchronous=FULL`: an acknowledged fact survives a kill and a power cut.

mod chains;
mod facts;
mod journal;
mod leases;
mod ledger;
mod linked;
mod listing;
mod memory;
mod mirror;
mod mutes;
mod open;
mod outbox;
mod prepared;
mod reading;
mod runner;
mod samples;
mod shared;
mod ticks;

pub use chains::Chains;
pub use memory::MemoryJournal;
pub use open::SqliteStore;
pub use runner::Machine;
pub use samples::Samples;
pub use shared::{Link, LinkParts};
