//! What people add to an environment's numbered collections: commands, ticks, and facts of branches; and to
//! the team's, mutes.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::super::prepared::Prepared as _;
use super::documents::{self, Change, Entries, numbered};
use super::remote::{Remote, SharedError};
use crate::journal::text;
use crate::open::{Sql as _, SqliteStore, immediate};
use crate::ticks;
use pointsman_core::checklist::Tick;
use pointsman_core::command::Command;
use pointsman_core::document::{Document, Value};
use pointsman_core::ids::{EnvironmentName, RunNumber};
use pointsman_core::ports::database::{Act, Expected, Write};
use pointsman_core::ports::journal::JournalError;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::time::Timestamp;

/// Attempts to add an entry beside other writers.
const ATTEMPTS: u32 = 20;
/// Ids of commands of one run begin at a multiple of this: the same command has the same id on every machine.
const COMMANDS_OF_A_RUN: u64 = 1_000_000;
/// Commands that a machine sends to its own runner, without the shared store.
const COMMANDS_HERE: u64 = COMMANDS_OF_A_RUN / 2;

/// A command to a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CommandEntry {
    pub(crate) run: RunNumber,
    pub(crate) actor: String,
    pub(crate) seen: u64,
    pub(crate) command: Command,
    pub(crate) at: Timestamp,
}

/// A person's action on a checklist item.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TickEntry {
    pub(super) release: ReleaseLabel,
    pub(super) tick: Tick,
}

/// A fact that a machine wrote to a run that another one had taken over.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct BranchEntry {
    pub(super) run: RunNumber,
    pub(super) host: String,
    pub(super) fact: String,
}

/// The id of a command that was sent through the shared store.
pub(crate) fn command_id(run: RunNumber, number: u64) -> u64 {
    run.0 * COMMANDS_OF_A_RUN + number % COMMANDS_HERE
}

/// The run and the number of a command that was sent through the shared store, from its id.
pub(crate) fn sent_as(id: u64) -> Option<(RunNumber, u64)> {
    let (run, number) = (RunNumber(id / COMMANDS_OF_A_RUN), id % COMMANDS_OF_A_RUN);
    (run.0 > 0 && number < COMMANDS_HERE).then_some((run, number))
}

/// Withdraws a command. `false`: its runner has taken it.
pub(super) async fn withdraw(
    remote: &Remote,
    environment: &EnvironmentName,
    number: u64,
) -> Result<bool, SharedError> {
    let path = numbered(&Entries::Commands.of(environment.as_str()), number);
    let (documents, _) = remote.read(&[path]).await?;
    let Some(document) = documents.into_iter().flatten().next() else { return Ok(false) };
    mark(remote, document, Mark::Withdrawn).await
}

/// What becomes of a command: its runner's machine takes it, or its sender withdraws it. Never both.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mark {
    Taken,
    Withdrawn,
}

impl Mark {
    fn name(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Withdrawn => "withdrawn",
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Taken => Self::Withdrawn,
            Self::Withdrawn => Self::Taken,
        }
    }
}

/// Marks a command, unless it has the other mark: then `false`. A mark that is there counts: it is of a request that
/// arrived twice, or of another process of this machine.
pub(super) async fn mark(
    remote: &Remote,
    mut document: Document,
    mark: Mark,
) -> Result<bool, SharedError> {
    for attempt in 1.. {
        let has = |mark: Mark| document.fields.contains_key(mark.name());
        if has(mark) || has(mark.other()) {
            return Ok(has(mark));
        }
        match remote.commit(&[marked(&document, mark.name())]).await {
            Ok(_) => return Ok(true),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                remote.step_aside(attempt).await;
                let (documents, _) = remote.read(std::slice::from_ref(&document.path)).await?;
                let Some(now) = documents.into_iter().flatten().next() else { break };
                document = now;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// A change of one field of an entry, if the entry is unchanged since it was read.
fn marked(document: &Document, field: &str) -> Write {
    let fields = [(field.to_owned(), Value::Boolean(true))].into_iter().collect();
    let mask = Some(field.parse().into_iter().collect());
    let (increments, server_time) = (Vec::new(), Vec::new());
    let act = Act::Update { fields, mask, increments, server_time };
    let expected = Expected::Unchanged(document.updated.clone());
    Write { path: document.path.clone(), expected, act }
}

/// Adds an entry of an environment or of the team after the last one, and returns its number.
pub(super) async fn add<T: Serialize + DeserializeOwned>(
    remote: &Remote,
    place: &str,
    of: Entries,
    entry: &T,
) -> Result<u64, SharedError> {
    let wanted = text(entry)?;
    let collection = of.of(place);
    // The number of an entry that may be there: its reply was lost, or said only that something is there.
    let (mut attempt, mut unanswered) = (0, None);
    loop {
        attempt += 1;
        if let Some(number) = unanswered {
            let (documents, _) = remote.read(&[numbered(&collection, number)]).await?;
            let there = documents.into_iter().flatten().next();
            let there = there.map(|document| documents::read_entry::<T>(&document)).transpose()?;
            if there.is_some_and(|there| text(&there).is_ok_and(|there| there == wanted)) {
                return Ok(number);
            }
        }
        let (now, _) = remote.place(place).await?;
        let last = of.count(&now.known);
        let path = numbered(&collection, last + 1);
        let change = Change::default().one_more(of).write(place, Expected::Anything);
        let writes = [documents::entry(path, entry)?, change];
        match remote.commit(&writes).await {
            Ok(_) => return Ok(last + 1),
            // It took effect if the entry is there with our content. After a conflict too: the request may have arrived
            // twice.
            Err(error) if error.is_lost() && attempt < ATTEMPTS => unanswered = Some(last + 1),
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                unanswered = Some(last + 1);
                remote.step_aside(attempt).await;
            }
            Err(error) => return Err(error),
        }
    }
}

impl SqliteStore {
    /// Keeps a command that came through the shared store.
    pub(super) fn keep_command(
        &self,
        number: u64,
        entry: &CommandEntry,
    ) -> Result<(), JournalError> {
        insert_command(&self.connection, command_id(entry.run, number), entry)
    }

    /// Keeps a command that this machine sends to its own runner.
    pub(crate) fn keep_command_here(&mut self, entry: &CommandEntry) -> Result<u64, JournalError> {
        let first = entry.run.0 * COMMANDS_OF_A_RUN + COMMANDS_HERE;
        let sql = "SELECT coalesce(max(id), ?1) + 1 FROM commands WHERE id BETWEEN ?1 AND ?2";
        let last = first + COMMANDS_HERE - 1;
        // In one transaction: another sender must not get the same id.
        let transaction = immediate(&mut self.connection).sql()?;
        let id: u64 = transaction.first(sql, [first, last], |row| row.get(0)).sql()?;
        insert_command(&transaction, id, entry)?;
        transaction.commit().sql()?;
        Ok(id)
    }

    /// Keeps a tick that came through the shared store, unless it is there already.
    pub(super) fn keep_tick(
        &self,
        environment: &EnvironmentName,
        release: &ReleaseLabel,
        tick: &Tick,
    ) -> Result<(), JournalError> {
        if ticks::read(&self.connection, environment, release)?.contains(tick) {
            return Ok(());
        }
        ticks::keep(&self.connection, environment, release, tick)?;
        self.mark_tick(self.connection.last_insert_rowid())
    }

    /// Records that the shared store holds a tick.
    pub(super) fn mark_tick(&self, id: i64) -> Result<(), JournalError> {
        let sql = "INSERT OR IGNORE INTO shared_ticks VALUES (?1)";
        self.connection.run(sql, [id]).sql().map(drop)
    }

    /// The ticks of this machine that the shared store lacks.
    pub(super) fn unshared_ticks(
        &self,
    ) -> Result<Vec<(i64, EnvironmentName, TickEntry)>, JournalError> {
        ticks::unshared(&self.connection)?
            .into_iter()
            .map(|(id, environment, release, tick)| {
                let environment =
                    EnvironmentName::new(environment).map_err(JournalError::Unusable)?;
                let release = ReleaseLabel::new(release).map_err(JournalError::Unusable)?;
                Ok((id, environment, TickEntry { release, tick }))
            })
            .collect()
    }
}

fn insert_command(
    connection: &Connection,
    id: u64,
    entry: &CommandEntry,
) -> Result<(), JournalError> {
    let CommandEntry { run, actor, seen, command, at } = entry;
    let sql = "INSERT OR IGNORE INTO commands (id, run, at, actor, seen, command)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let row = params![id, run.0, at.to_string(), actor, seen, text(command)?];
    connection.run(sql, row).sql().map(drop)
}
