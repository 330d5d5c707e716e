//! A document database modelled on Firestore: reads by name, pages in name order, and atomic commits in
//! which each write has a precondition.

use std::fmt;

use super::BoxFuture;
use super::database_admin::DatabaseAdmin;
use crate::document::{Document, FieldPath, Fields};
use crate::error::Problem;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A required document does not exist.
    NotFound,
    /// A document exists that must not.
    AlreadyExists,
    /// A document does not match the precondition of its write.
    Changed,
    Contended,
    /// The request is larger than the database allows.
    TooLarge,
    /// The request is invalid, and a retry cannot help.
    Invalid,
    Denied,
    /// The server has no such method, as Google's emulator has no Admin API.
    NotServed,
    /// No answer, or a server error: whether the call took effect is unknown.
    Lost,
}

/// The failure of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatabaseError {
    pub refused: Refused,
    /// The message for people.
    pub problem: Problem,
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl std::error::Error for DatabaseError {}

/// The result of a call.
pub type Answered<'a, T> = BoxFuture<'a, Result<T, DatabaseError>>;

/// The precondition of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    Anything,
    There,
    /// The document does not exist.
    NotThere,
    /// The document did not change since this update time, exactly as the server wrote it.
    Unchanged(String),
}

/// A write with its precondition.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The document: `users/u1`.
    pub path: String,
    pub expected: Expected,
    pub act: Act,
}

/// A change to a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Delete,
    /// Sets the fields of the mask to their values in `fields`, and removes those that `fields` lacks.
    Update {
        fields: Fields,
        /// The fields that change. None: the document is replaced.
        mask: Option<Vec<FieldPath>>,
        /// Increments that the server applies.
        increments: Vec<(FieldPath, i64)>,
        /// Fields that the server sets to its current time.
        server_time: Vec<FieldPath>,
    },
}

impl Write {
    /// Replaces the whole document with these fields.
    pub fn whole(path: impl Into<String>, expected: Expected, fields: Fields) -> Self {
        let (mask, increments, server_time) = (None, Vec::new(), Vec::new());
        let act = Act::Update { fields, mask, increments, server_time };
        Self { path: path.into(), expected, act }
    }
}

/// Some documents, and when the server read them.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The documents in the requested order; `None` for missing ones.
    pub documents: Vec<Option<Document>>,
    /// Server time of the read.
    pub at: String,
}

/// The documents of a collection that changed, and when the server looked.
#[derive(Debug, Clone, PartialEq)]
pub struct Changes {
    pub documents: Vec<Document>,
    /// Server time of the read.
    pub at: String,
}

/// The documents to page through or to count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages<'a> {
    /// The collection: `users`, `users/u1/orders`. In a group, only its name.
    pub collection: &'a str,
    /// Whether every collection of that name is included.
    pub group: bool,
    /// The last document by name that is included; it need not exist. None: no limit.
    pub until: Option<&'a str>,
}

/// A Firestore database.
pub trait Database: Send + Sync {
    /// Reads documents by name.
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading>;
    /// The next documents in name order, strictly after `after`.
    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>>;
    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64>;
    /// The documents of a top-level collection whose timestamp in the top-level field `field` is not before `since`. One
    /// that finds nothing is billed as one read.
    fn since<'a>(
        &'a self,
        collection: &'a str,
        field: &'a str,
        since: &'a str,
    ) -> Answered<'a, Changes>;
    /// Applies every write or none. Returns the update time of each document.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>>;
    /// Its administration, where this kind of database has one.
    fn admin(&self) -> Option<&dyn DatabaseAdmin> {
        None
    }
    /// The collections that are not empty.
    fn collections(&self) -> Answered<'_, Vec<String>>;
    /// Host and port of the emulator, in the format of Google's tools. None for a real database.
    fn emulator_host(&self) -> Option<String>;
    /// Its name for people: `demo-toto/(default)`.
    fn name(&self) -> String;
}
