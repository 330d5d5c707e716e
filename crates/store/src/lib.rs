//! One SQLite database per host and user: runs, their facts, and the commands sent to them. WAL and
//! `synchronous=FULL`: an acknowledged fact survives a kill and a power cut.

mod chains;
mod facts;
mod journal;
mod leases;
mod ledger;
mod memory;
mod open;
mod outbox;
mod reading;
mod samples;
mod ticks;

pub use chains::Chains;
pub use memory::MemoryJournal;
pub use open::SqliteStore;
pub use samples::Samples;
