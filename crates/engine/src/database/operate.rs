//! Turns an operation and documents into the writes of one commit.

use pointsman_core::document::{Document, Fields, weight};
use pointsman_core::migration::{Change, Operation, Update, change};
use pointsman_core::ports::database::{Act, Expected, Write};

/// Maximum bytes of a request: Google's emulator accepts 4 `MiB`, production 10 `MiB`.
const MOST_REQUEST_BYTES: usize = 3_500_000;
/// Bytes of a write besides its path and fields.
const WRITE_OVERHEAD_BYTES: usize = 300;

/// The writes of some documents, as many as fit into one commit.
pub(super) struct Batch {
    pub(super) writes: Vec<Write>,
    /// Number of documents in the batch, including unchanged ones.
    pub(super) documents: usize,
}

/// The reason why a document cannot be changed.
pub(super) struct Cannot {
    pub(super) path: String,
    pub(super) why: String,
}

/// Builds the writes of as many of these documents as fit into one commit.
pub(super) fn batch(operation: &Operation, documents: &[Document]) -> Result<Batch, Cannot> {
    let (mut writes, mut bytes, mut taken) = (Vec::new(), 0, 0);
    for document in documents {
        let change = change(operation, document)
            .map_err(|why| Cannot { path: document.path.clone(), why })?;
        if let Some((write, size)) = write(document, &change) {
            if !writes.is_empty() && bytes + size > MOST_REQUEST_BYTES {
                break;
            }
            bytes += size;
            writes.push(write);
        }
        taken += 1;
    }
    Ok(Batch { writes, documents: taken })
}

fn write(document: &Document, change: &Change) -> Option<(Write, usize)> {
    let path = document.path.clone();
    match change {
        Change::Nothing => None,
        Change::Delete => {
            let size = WRITE_OVERHEAD_BYTES + path.len();
            Some((Write { path, expected: Expected::Anything, act: Act::Delete }, size))
        }
        Change::Update(update) => {
            let (fields, mask) = masked(update);
            let size = WRITE_OVERHEAD_BYTES + path.len() + weight(&fields);
            // A value derived from the document must not overwrite a later change by someone else; and
            // a document that was deleted meanwhile must not reappear.
            let expected = if update.depends {
                Expected::Unchanged(document.updated.clone())
            } else {
                Expected::There
            };
            let increments = update.increments.clone();
            let act = Act::Update { fields, mask: Some(mask), increments, server_time: Vec::new() };
            Some((Write { path, expected, act }, size))
        }
    }
}

fn masked(update: &Update) -> (Fields, Vec<pointsman_core::document::FieldPath>) {
    let mut fields = Fields::new();
    for (path, value) in &update.set {
        if let Some(value) = value {
            path.put(&mut fields, value.clone());
        }
    }
    (fields, update.set.iter().map(|(path, _)| path.clone()).collect())
}
