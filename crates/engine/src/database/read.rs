//! Reads the version and the migration records of a database, and corrects them when a person knows better.

use super::lock::{DatabaseLock, NotWritten};
use pointsman_core::document::{Document, FieldPath, Fields, Value};
use pointsman_core::error::Problem;
use pointsman_core::hash::Hash;
use pointsman_core::migration::{
    COLLECTION, Direction, Half, Migration, Record, RecordState, Schema, head_document, record_path,
};
use pointsman_core::ports::database::{
    Act, Database, DatabaseError, Expected, Pages, Refused, Write,
};
use pointsman_core::release::SchemaVersion;

/// Reads the version and all migration records of a database.
pub async fn schema(database: &dyn Database) -> Result<Schema, DatabaseError> {
    // Skip the history: it sorts before the records, and only grows.
    let before = format!("{COLLECTION}/run-");
    let (mut documents, mut after) = (Vec::new(), Some(before));
    loop {
        let of = Pages { collection: COLLECTION, group: false, until: None };
        let page: Vec<Document> = database.page(of, after.as_deref(), 300).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.path.clone());
        documents.extend(page);
    }
    let unread = |problem| DatabaseError { refused: Refused::Invalid, problem };
    Schema::read(&documents, database.collections().await?).map_err(unread)
}

/// The write of a record.
pub(super) fn record_write(record: &Record) -> Write {
    Write::whole(record_path(&record.version), Expected::Anything, record.fields())
}

/// Like `record_write`, with the server's time in the field `at`.
pub(super) fn ended_write(record: &Record) -> Write {
    let mut write = record_write(record);
    if let Act::Update { server_time, .. } = &mut write.act {
        server_time.push(FieldPath::field("at"));
    }
    write
}

/// The write of the version. Only this field: the guide's own code keeps no other, and neither do we.
pub(super) fn head_write(version: &SchemaVersion) -> Write {
    let field = FieldPath::field("version");
    let mut fields = Fields::new();
    field.put(&mut fields, Value::text(version.to_string()));
    let (mask, increments, server_time) = (Some(vec![field]), Vec::new(), Vec::new());
    Write {
        path: head_document(),
        expected: Expected::Anything,
        act: Act::Update { fields, mask, increments, server_time },
    }
}

/// The write of one entry in the history, which only grows.
pub(super) fn history_write(fence: u64, act: &str, record: &Record, note: &str) -> Write {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let path = format!("{COLLECTION}/history-{fence:08}-{}-{act}-{}", record.version, &random[..8]);
    let fields: Fields = [
        ("version", Value::text(record.version.to_string())),
        ("act", Value::text(act)),
        ("by", Value::text(&record.by)),
        ("checksum", Value::text(&record.checksum.0)),
        ("documents", Value::count(record.half.processed)),
        ("tookMs", Value::count(record.took_ms)),
        ("note", Value::text(note)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    let mut write = Write::whole(path, Expected::NotThere, fields);
    if let Act::Update { server_time, .. } = &mut write.act {
        server_time.push(FieldPath::field("at"));
    }
    write
}

/// Records that these migrations were done earlier by other means, and the version that results.
pub(crate) async fn baseline(
    lock: &DatabaseLock,
    schema: &Schema,
    done: &[Migration],
    to: &SchemaVersion,
    by: &str,
    note: &str,
) -> Result<(), NotWritten> {
    let fence = lock.fence();
    let first = schema.records.values().map(|r| r.rank).max().unwrap_or(0) + 1;
    let unknown = done.iter().filter(|m| !schema.applied().any(|r| r.version == m.version));
    for (rank, migration) in (first..).zip(unknown) {
        let mut record = Record::begin(migration, Direction::Up, by, 0);
        // Without a record of what was done, there is nothing to compare the file with.
        (record.state, record.rank) = (RecordState::Applied, rank);
        (record.content, record.checksum) = (String::new(), Hash::zero());
        let history = history_write(fence, "baseline", &record, note);
        lock.commit(vec![ended_write(&record), history]).await?;
    }
    lock.commit(vec![head_write(to)]).await
}

/// A person's statement about a half-done migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repaired {
    /// Nothing of it was done.
    Not,
    /// Part of it was done: it continues where it stopped, and a program in progress runs again.
    Half,
    /// All of it was done.
    Fully,
}

/// Records what a person found out about a migration that is half done, or whose file was edited.
pub(crate) async fn repair(
    lock: &DatabaseLock,
    schema: &Schema,
    file: &Migration,
    as_is: Repaired,
    by: &str,
    note: &str,
) -> Result<SchemaVersion, Problem> {
    let version = &file.version;
    let before = schema.records.get(version).cloned().ok_or_else(|| {
        Problem::new(format!("{version} never started, so there is nothing to repair"))
    })?;
    let edited = before.state == RecordState::Applied && as_is == Repaired::Fully;
    if !(before.is_dirty() || edited) {
        return Err(Problem::new(format!(
            "{version} is not half done: it is {}",
            before.state.label()
        )));
    }
    let touched = before.half.processed > 0 || before.half.operation > 0;
    if as_is == Repaired::Not && touched {
        let Half { processed, operation, .. } = before.half;
        return Err(Problem::new(format!("{version} did start"))
            .because(format!(
                "{operation} of its operations are done, and {processed} documents were processed"
            ))
            .try_this("continue it, or undo it: --as half, then pointsman migrate up or down"));
    }
    let up = before.half.direction == Direction::Up;
    let mut record = Record {
        by: by.to_owned(),
        checksum: file.checksum(),
        content: file.content(),
        error: None,
        ..before.clone()
    };
    record.half.program = false;
    record.state = match as_is {
        Repaired::Half => RecordState::Failed,
        Repaired::Fully if up => RecordState::Applied,
        Repaired::Not if !up => RecordState::Applied,
        Repaired::Fully | Repaired::Not => RecordState::RolledBack,
    };
    if record.state == RecordState::Applied && record.rank == 0 {
        record.rank = schema.records.values().map(|r| r.rank).max().unwrap_or(0) + 1;
    }
    let head = match record.state {
        RecordState::Applied => {
            schema.applied().map(|r| &r.version).chain([version]).max().cloned()
        }
        RecordState::RolledBack => {
            schema.applied().map(|r| &r.version).filter(|v| *v != version).max().cloned()
        }
        _ => schema.version(),
    };
    let head = head.unwrap_or(SchemaVersion::ZERO);
    let history = history_write(lock.fence(), "repair", &record, note);
    let writes = vec![ended_write(&record), head_write(&head), history];
    lock.commit(writes).await.map_err(NotWritten::problem)?;
    Ok(head)
}
