//! Opening the journal.

use super::journal::{Journal, JournalError};
use super::mutes::Mutes;
use super::outbox::Outbox;

/// Opens connections to one store. Each call makes a separate one, since a connection is not shared between tasks.
pub trait Stores: Send + Sync {
    /// Opens the journal for reading and writing.
    fn open(&self) -> Result<Box<dyn Journal>, JournalError>;
    /// Opens the journal for reading, even if it cannot be written: on a full disk, in a read-only folder. Its content
    /// may then be outdated; see [`Journal::behind`].
    fn open_readable(&self) -> Result<Box<dyn Journal>, JournalError>;
    /// Opens the mutes, for reading even if the store cannot be written.
    fn mutes(&self) -> Result<Box<dyn Mutes>, JournalError>;
    /// Opens the delivery queue of alerts.
    fn outbox(&self) -> Result<Box<dyn Outbox>, JournalError>;
}
