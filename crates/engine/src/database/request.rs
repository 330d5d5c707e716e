//! Requests to the holder of a database lock to stop. The holder reads them with each renewal, leaves its run at the
//! next safe point, and releases the lock. A holder that is dead, or does not support requests, lets its lease expire.

use pointsman_core::document::{Fields, Value};
use pointsman_core::migration::stop_request_document;
use pointsman_core::ports::database::{Database, DatabaseError, Expected, Write};

/// Asks the holder with this fencing number to stop, and shows it `by`.
pub async fn ask_to_stop(
    database: &dyn Database,
    fence: u64,
    by: &str,
) -> Result<(), DatabaseError> {
    let fields: Fields =
        [("fence".to_owned(), Value::count(fence)), ("by".to_owned(), Value::text(by))]
            .into_iter()
            .collect();
    let write = Write::whole(stop_request_document(), Expected::Anything, fields);
    database.commit(&[write]).await.map(drop)
}

/// The actor who requested a stop of the holder with that fence.
pub(super) async fn asked_by(
    database: &dyn Database,
    fence: u64,
) -> Result<Option<String>, DatabaseError> {
    let mut reading = database.read(&[stop_request_document()]).await?;
    let request = reading.documents.pop().flatten();
    let request = request.filter(|request| request.count("fence") == Some(fence));
    Ok(request.map(|request| request.text("by").unwrap_or("an unnamed user").to_owned()))
}
