//! The administration of a Firestore database: what it could be restored from, its indexes, exports and rules. Each of
//! its answers is evidence; a server without it, as Google's emulator, says [`Refused::NotServed`].
//!
//! [`Refused::NotServed`]: super::database::Refused::NotServed

use super::BoxFuture;
use super::database::Answered;
use crate::export::Export;
use crate::index::{Expiry, FoundIndexes, Index};
use crate::restore::Restorable;
use crate::rules_test::{Records, RulesTest};

/// Firestore's Admin API.
pub trait DatabaseAdmin: Send + Sync {
    /// What it could be restored from. `None`: the server does not tell.
    fn restorable(&self) -> BoxFuture<'_, Option<Restorable>>;
    /// Every composite index and every expiry field, with their states.
    fn indexes(&self) -> Answered<'_, FoundIndexes>;
    /// Begins to create an index. One that exists is refused as such.
    fn create_index<'a>(&'a self, index: &'a Index) -> Answered<'a, ()>;
    /// Deletes an index by its resource name.
    fn delete_index<'a>(&'a self, name: &'a str) -> Answered<'a, ()>;
    /// Begins to let a field expire its documents, or stops that.
    fn expire<'a>(&'a self, expiry: &'a Expiry, on: bool) -> Answered<'a, ()>;
    /// Begins an export of every document to a folder of a bucket, `gs://bucket/folder`. Returns the name of its operation.
    fn export<'a>(&'a self, to: &'a str) -> Answered<'a, String>;
    /// The progress of an export, by the name of its operation.
    fn exported<'a>(&'a self, operation: &'a str) -> Answered<'a, Export>;
    /// Whether its released security rules let clients do with records what they must not.
    fn rules(&self, records: Records) -> Answered<'_, RulesTest>;
}
