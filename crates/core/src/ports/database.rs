//! A document database in the shape of Firestore: reads by name, pages by name, and commits that happen
//! whole or not at all, each write under a condition.

use std::fmt;

use super::BoxFuture;
use crate::document::{Document, FieldPath, Fields};
use crate::error::Problem;

/// The class of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A document that had to be there is not.
    NotFound,
    /// A document that had not to be there is.
    AlreadyExists,
    /// A document is not as the write expects it.
    Changed,
    Contended,
    /// More than fits into one request.
    TooLarge,
    /// It makes no sense, and never will.
    Invalid,
    Denied,
    /// No answer, or a server error: whether it happened is unknown.
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
    /// It is not there.
    NotThere,
    /// It did not change since; the text is the server's own.
    Unchanged(String),
}

/// A write with its precondition.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// The document: `users/u1`.
    pub path: String,
    /// The precondition.
    pub expected: Expected,
    /// The change.
    pub act: Act,
}

/// A change to a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    Delete,
    /// Changes the fields of the mask to what `fields` holds; a field that it does not hold is taken away.
    Update {
        fields: Fields,
        /// The fields that change. Without it the document has these fields and no others.
        mask: Option<Vec<FieldPath>>,
        /// Increments that the server applies.
        increments: Vec<(FieldPath, i64)>,
        /// Fields that the server sets to its own time.
        server_time: Vec<FieldPath>,
    },
}

impl Write {
    /// A document with these fields and no others.
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

/// The scope of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pages<'a> {
    /// The collection: `users`, `users/u1/orders`; in a group its name alone.
    pub collection: &'a str,
    /// Every collection of that name.
    pub group: bool,
    /// The last document by name that may be in it, whether it exists or not; all of them without one.
    pub until: Option<&'a str>,
}

/// A Firestore database.
pub trait Database: Send + Sync {
    /// Reads documents by name.
    fn read<'a>(&'a self, paths: &'a [String]) -> Answered<'a, Reading>;
    /// The next documents by name, strictly after one of them.
    fn page<'a>(
        &'a self,
        of: Pages<'a>,
        after: Option<&'a str>,
        limit: u32,
    ) -> Answered<'a, Vec<Document>>;
    /// The number of documents.
    fn count<'a>(&'a self, of: Pages<'a>) -> Answered<'a, u64>;
    /// Does every write or none. Answers when each document last changed.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> Answered<'a, Vec<String>>;
    /// The collections that hold anything.
    fn collections(&self) -> Answered<'_, Vec<String>>;
    /// The host and port of the emulator that it is of, as Google's tools want it; nothing for the real one.
    fn emulator_host(&self) -> Option<String>;
    /// Its name for people: `demo-toto/(default)`.
    fn name(&self) -> String;
}
