//! The chain of facts: each record holds the hash of the one before it, and the run's row holds the
//! last hash, so an edited, torn, missing or cut-off record is always found and always named.

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use serde_json::Value;

use super::journal::unreadable;
use super::open::Sql as _;
use super::prepared::Prepared as _;
use pointsman_core::event::{Fact, Recorded};
use pointsman_core::hash::Hash;
use pointsman_core::ids::{RunNumber, StepId};
use pointsman_core::ports::journal::{Entry, JournalError};
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// The last record of a run, as stored in the run's row.
pub(super) struct Head {
    pub(super) seq: u64,
    pub(super) hash: Hash,
    pub(super) ended: bool,
}

pub(super) fn head(connection: &Connection, run: RunNumber) -> Result<Head, JournalError> {
    connection
        .first("SELECT head_seq, head_hash, ended FROM runs WHERE number = ?1", [run.0], |row| {
            Ok(Head { seq: row.get(0)?, hash: Hash(row.get(1)?), ended: row.get(2)? })
        })
        .optional()
        .sql()?
        .ok_or(JournalError::NoSuchRun(run))
}

/// Appends after the head, inside the caller's transaction.
pub(super) fn append(
    transaction: &Transaction<'_>,
    run: RunNumber,
    entry: &Entry<'_>,
) -> Result<Fact, JournalError> {
    let head = head(transaction, run)?;
    let stored = Stored::after(run, (head.seq, head.hash), entry)?;
    insert(transaction, run, &stored)?;
    Ok(stored.fact)
}

/// A fact with its kind and content as they were stored: fields that were added later are missing there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stored {
    pub(super) fact: Fact,
    pub(super) kind: String,
    pub(super) data: Value,
}

impl Stored {
    /// The fact after another one of a run, given that one's number and hash.
    pub(super) fn after(
        run: RunNumber,
        (seq, prev): (u64, Hash),
        entry: &Entry<'_>,
    ) -> Result<Self, JournalError> {
        let mut fact = Fact {
            seq: seq + 1,
            at: entry.at,
            elapsed_ms: entry.elapsed_ms,
            actor: entry.actor.to_owned(),
            step: entry.step.cloned(),
            event: Recorded::Known(entry.event.clone()),
            prev,
            hash: Hash::zero(),
        };
        let (kind, data) = fact.event.to_stored().map_err(unreadable)?;
        fact.hash = fact.expected_hash(run);
        Ok(Self { fact, kind, data })
    }

    /// Why this is not the fact after another one of the run, given that one's number and hash.
    pub(super) fn follows(&self, run: RunNumber, seq: u64, hash: &Hash) -> Result<(), String> {
        let because = if self.fact.seq != seq + 1 {
            "it is missing"
        } else if self.fact.prev != *hash {
            "it does not continue the record before it"
        } else if self.fact.hash != self.fact.hash_with(run, &self.kind, &self.data) {
            "its content was changed after it was written"
        } else {
            return Ok(());
        };
        Err(because.to_owned())
    }

    /// The JSON of `events --json`, with the content as stored.
    pub(super) fn json(&self) -> Value {
        let mut json = self.fact.to_json();
        json["data"] = self.data.clone();
        json
    }

    /// Parses the form of [`Self::json`].
    pub(super) fn parse(text: &str) -> Result<Self, JournalError> {
        #[derive(serde::Deserialize)]
        struct Parts {
            seq: u64,
            at: Timestamp,
            elapsed_ms: u64,
            kind: String,
            step: Option<StepId>,
            actor: String,
            data: Value,
            prev: Hash,
            hash: Hash,
        }
        let parts: Parts = serde_json::from_str(text).map_err(unreadable)?;
        let Parts { seq, at, elapsed_ms, kind, step, actor, data, prev, hash } = parts;
        let event = Recorded::from_parts(&kind, &data);
        let fact = Fact { seq, at, elapsed_ms, actor, step, event, prev, hash };
        Ok(Self { fact, kind, data })
    }
}

/// Writes a fact, and makes it the head of its run.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    run: RunNumber,
    stored: &Stored,
) -> Result<(), JournalError> {
    let Stored { fact, kind, data } = stored;
    transaction
        .prepare_cached("INSERT INTO facts VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")
        .sql()?
        .execute(params![
            run.0,
            fact.seq,
            fact.at.to_string(),
            fact.elapsed_ms,
            fact.actor,
            fact.step.as_ref().map(StepId::as_str),
            kind,
            data.to_string(),
            fact.prev.0,
            fact.hash.0,
        ])
        .sql()?;
    let sql = "UPDATE runs SET head_seq = ?2, head_hash = ?3 WHERE number = ?1";
    transaction.run(sql, params![run.0, fact.seq, fact.hash.0]).sql()?;
    Ok(())
}

/// The facts of a run after a number, as stored and not verified.
pub(super) fn stored_after(
    connection: &Connection,
    run: RunNumber,
    after: u64,
) -> Result<Vec<Stored>, JournalError> {
    let decoded = |(record, seq): (rusqlite::Result<Row>, u64)| {
        record.sql()?.decoded().map_err(|because| JournalError::Damaged { run, seq, because })
    };
    let mut statement = connection.prepare_cached(SELECT).sql()?;
    let records = statement.query_map(params![run.0, after], |row| Ok(Row::of(row))).sql()?;
    records.zip(after + 1..).map(decoded).collect()
}

/// The last fact of a run.
pub(super) fn last(
    connection: &Connection,
    run: RunNumber,
) -> Result<Option<Stored>, JournalError> {
    let head = head(connection, run)?;
    Ok(stored_after(connection, run, head.seq.saturating_sub(1))?.pop())
}

/// Selects the facts of a run after a number.
const SELECT: &str = "SELECT seq, at, elapsed_ms, actor, step, kind, data, prev, hash FROM facts
     WHERE run = ?1 AND seq > ?2 ORDER BY seq";

/// One state of the store for several reads: otherwise another process may append between a run's head and its records,
/// and the chain would look cut off. A transaction already is one.
pub(super) fn snapshot(connection: &Connection) -> Result<Option<Transaction<'_>>, JournalError> {
    connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose().sql()
}

/// Reads and verifies every fact of a run.
pub(super) fn read(connection: &Connection, run: RunNumber) -> Result<Vec<Fact>, JournalError> {
    let _snapshot = snapshot(connection)?;
    let head = head(connection, run)?;
    read_after(connection, run, (0, Hash::zero()), &head)
}

/// Reads and verifies the facts of a run that follow a verified one (its number and hash), up to the head.
pub(super) fn read_after(
    connection: &Connection,
    run: RunNumber,
    last: (u64, Hash),
    head: &Head,
) -> Result<Vec<Fact>, JournalError> {
    let mut statement = connection.prepare_cached(SELECT).sql()?;
    let records = statement.query_map(params![run.0, last.0], |row| Ok(Row::of(row))).sql()?;
    verified(records, run, last, head)
}

/// The records of a run as they are stored, unread: [`verified`] may read them on another thread.
pub(super) fn rows(connection: &Connection, run: RunNumber) -> Result<Vec<Row>, JournalError> {
    let mut statement = connection.prepare_cached(SELECT).sql()?;
    statement
        .query_map(params![run.0, 0], |row| Ok(Row::of(row)))
        .sql()?
        .collect::<Result<_, _>>()
        .sql()
}

/// Verifies the records of a run that follow a verified one, up to the head.
pub(super) fn verified(
    records: impl IntoIterator<Item = rusqlite::Result<Row>>,
    run: RunNumber,
    mut last: (u64, Hash),
    head: &Head,
) -> Result<Vec<Fact>, JournalError> {
    let mut facts: Vec<Fact> = Vec::new();
    for record in records {
        let expected = last.0 + 1;
        let damaged = |because| JournalError::Damaged { run, seq: expected, because };
        let stored = record.sql()?.decoded().map_err(damaged)?;
        stored.follows(run, last.0, &last.1).map_err(damaged)?;
        let fact = stored.fact;
        last = (fact.seq, fact.hash.clone());
        facts.push(fact);
    }
    if (last.0, &last.1) != (head.seq, &head.hash) {
        let because = "the records from here on are missing".to_owned();
        return Err(JournalError::Damaged { run, seq: last.0 + 1, because });
    }
    Ok(facts)
}

/// A record as it is stored.
struct Texts {
    seq: u64,
    at: String,
    elapsed_ms: u64,
    actor: String,
    step: Option<String>,
    kind: String,
    data: String,
    prev: String,
    hash: String,
}

/// A record as it is stored, or why it has values of other types.
pub(super) struct Row(Result<Texts, String>);

impl Row {
    fn of(row: &rusqlite::Row<'_>) -> Self {
        let read = || -> rusqlite::Result<Texts> {
            Ok(Texts {
                seq: row.get(0)?,
                at: row.get(1)?,
                elapsed_ms: row.get(2)?,
                actor: row.get(3)?,
                step: row.get(4)?,
                kind: row.get(5)?,
                data: row.get(6)?,
                prev: row.get(7)?,
                hash: row.get(8)?,
            })
        };
        Self(read().map_err(|error| format!("it cannot be read: {error}")))
    }

    fn decoded(self) -> Result<Stored, String> {
        let Texts { seq, at, elapsed_ms, actor, step, kind, data, prev, hash } = self.0?;
        let data: Value =
            serde_json::from_str(&data).map_err(|e| format!("its content is torn: {e}"))?;
        let at = at.parse::<Timestamp>().map_err(|e| format!("its time cannot be read: {e}"))?;
        let step = step.map(StepId::new).transpose().map_err(|e| e.to_string())?;
        let event = Recorded::from_parts(&kind, &data);
        let (prev, hash) = (Hash(prev), Hash(hash));
        let fact = Fact { seq, at, elapsed_ms, actor, step, event, prev, hash };
        Ok(Stored { fact, kind, data })
    }
}

/// The view of a run, folded from its verified facts.
pub(super) fn view(connection: &Connection, run: RunNumber) -> Result<RunView, JournalError> {
    folded(run, &read(connection, run)?)
}

/// Folds verified facts into a view.
pub(super) fn folded(run: RunNumber, facts: &[Fact]) -> Result<RunView, JournalError> {
    let seq = facts.last().map_or(0, |f| f.seq);
    match RunView::fold(run, facts) {
        Some(Ok(view)) => Ok(view),
        Some(Err(illegal)) => Err(JournalError::Damaged { run, seq, because: illegal.to_string() }),
        None => Err(JournalError::Damaged { run, seq: 1, because: "it is missing".to_owned() }),
    }
}
