//! Opening the journal.

use super::journal::{Journal, JournalError};
use super::outbox::Outbox;

/// Opens connections to one store. Each call makes a separate one, since a connection is not shared between tasks.
pub trait Stores: Send + Sync {
    /// Opens the journal to read and write it.
    fn open(&self) -> Result<Box<dyn Journal>, JournalError>;
    /// Opens the journal to read it, also where it cannot be written: on a full disk, in a read-only folder.
    /// What is read may then be old; [`Journal::behind`] tells.
    fn open_readable(&self) -> Result<Box<dyn Journal>, JournalError>;
    /// Opens the queue of alerts.
    fn outbox(&self) -> Result<Box<dyn Outbox>, JournalError>;
}
