//! One SQLite database per host and user: runs, their facts, and the commands sent to them. WAL and
//! `synchronous=FULL`: a fact that was answered survives a kill and a power cut (stack.md §2.5).

mod facts;
mod journal;
mod ledger;
mod memory;
mod open;
mod outbox;
mod reading;
mod samples;
mod ticks;

pub use memory::MemoryJournal;
pub use open::SqliteStore;
pub use samples::Samples;
