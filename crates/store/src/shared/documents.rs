//! The documents of the shared store.
//!
//! | document | holds |
//! |---|---|
//! | `store/runs` | the number of the last run, and the format |
//! | `environments/ENV` | lease, head, lock, and how many commands, ticks and branch facts there are |
//! | `runs/N` | the run's row; of an ended run also its whole chain |
//! | `runs/N/facts/SEQ` | a fact, created once |
//! | `runs/N/logs/MACHINE` | the last lines that a machine logged while it drove the run, and those before each failure |
//! | `alerts/HASH` | which machine sends, or has sent, an alert about a subject to a channel |
//! | `watchers/MACHINE` | who has which runs under way on the screen of a machine; nothing depends on it |
//! | `environments/~team` | how many mutes there are: it changes as environments do, and is found with them |
//! | `environments/~team/mutes/K` | a mute of a probe, or a silence; numbered from 1, created once |
//! | `environments/ENV/commands/K`, `environments/ENV/ticks/K`, `environments/ENV/branches/K` | numbered from 1, created once |

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::packed::{packed, unpacked};
use crate::facts::Stored;
use crate::journal::{text, unreadable};
use crate::mirror::{Known, Lease, RunRow};
use pointsman_core::document::{Document, FieldPath, Fields, Value};
use pointsman_core::error::Problem;
use pointsman_core::hash::Hash;
use pointsman_core::ids::RunNumber;
use pointsman_core::ports::database::{Act, Expected, Write};
use pointsman_core::ports::journal::{HumanLock, JournalError};
use pointsman_core::time::Timestamp;

/// The version of these documents.
const FORMAT: u64 = 1;
/// The document with the number of the last run.
pub(super) const COUNTER: &str = "store/runs";
/// The collection of environments, and its field with the server time of the last change.
pub(super) const ENVIRONMENTS: &str = "environments";
pub(super) const CHANGED: &str = "changed";
/// The collection of runs.
pub(super) const RUNS: &str = "runs";
/// The collection of alerts that one machine sends for all.
pub(super) const ANNOUNCEMENTS: &str = "alerts";
/// The collection of watchers.
pub(super) const WATCHERS: &str = "watchers";
/// A chain that is larger than this stays in its facts: a document has at most 1 `MiB`.
const CHAIN_FITS: usize = 900_000;

/// What the whole team shares, beside the environments. No environment can have this name.
pub(super) const TEAM: &str = "~team";

pub(super) fn environment_path(place: &str) -> String {
    format!("{ENVIRONMENTS}/{place}")
}

pub(super) fn run_path(run: RunNumber) -> String {
    numbered(RUNS, run.0)
}

/// The collection with the last lines of a run's log, a document for each machine that drove it.
pub(super) fn logs_of(run: RunNumber) -> String {
    format!("{}/logs", run_path(run))
}

pub(super) fn facts_of(run: RunNumber) -> String {
    format!("{}/facts", run_path(run))
}

/// The numbered collections of an environment, and of the team.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    Commands,
    Ticks,
    Branches,
    /// Of the team.
    Mutes,
}

impl Entries {
    /// The collection's name, which is also that of its count in the environment's document.
    fn name(self) -> &'static str {
        match self {
            Self::Commands => "commands",
            Self::Ticks => "ticks",
            Self::Branches => "branches",
            Self::Mutes => "mutes",
        }
    }

    /// How many entries there are.
    pub(super) fn count(self, known: &Known) -> u64 {
        match self {
            Self::Commands => known.commands,
            Self::Ticks => known.ticks,
            Self::Branches => known.branches,
            Self::Mutes => known.mutes,
        }
    }

    /// The path of the collection.
    pub(super) fn of(self, place: &str) -> String {
        format!("{}/{}", environment_path(place), self.name())
    }
}

/// A path in a numbered collection. Names sort as their numbers.
pub(super) fn numbered(collection: &str, number: u64) -> String {
    format!("{collection}/{number:010}")
}

/// The last fact of the environment's last run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    pub(super) run: RunNumber,
    pub(super) seq: u64,
    pub(super) hash: Hash,
}

/// An environment in the shared store.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Environment {
    pub(super) known: Known,
    pub(super) head: Option<Head>,
    pub(super) lock: Option<HumanLock>,
    /// Server time of the last change, of any kind.
    pub(super) changed: String,
    /// The document's update time, exactly as the server wrote it. Empty: there is no document.
    pub(super) updated: String,
}

/// A person's lock, as stored.
#[derive(Serialize, Deserialize)]
struct Lock {
    actor: String,
    reason: String,
    since: Timestamp,
}

impl Environment {
    pub(super) fn read(document: Option<&Document>) -> Result<Self, JournalError> {
        let Some(Document { fields, updated, .. }) = document else { return Ok(Self::default()) };
        let count = |name: &str| fields.get(name).and_then(Value::as_count).unwrap_or_default();
        let time = |name: &str| fields.get(name).and_then(Value::as_text).unwrap_or_default();
        let known = Known {
            lease: parsed(fields, "lease")?,
            beat: time("beat").to_owned(),
            commands: count("commands"),
            ticks: count("ticks"),
            branches: count("branches"),
            mutes: count("mutes"),
        };
        let lock = parsed::<Lock>(fields, "lock")?;
        Ok(Self {
            known,
            head: parsed(fields, "head")?,
            lock: lock.map(|Lock { actor, reason, since }| HumanLock { actor, reason, since }),
            changed: time(CHANGED).to_owned(),
            updated: updated.clone(),
        })
    }

    /// The precondition that it is unchanged since it was read.
    pub(super) fn unchanged(&self) -> Expected {
        match self.updated.as_str() {
            "" => Expected::NotThere,
            time => Expected::Unchanged(time.to_owned()),
        }
    }
}

/// How many mutes the team's document counts, and when it changed. Whatever else a later version keeps there is passed
/// over.
pub(super) fn of_team(document: &Document) -> (u64, String) {
    let count = document.fields.get("mutes").and_then(Value::as_count).unwrap_or_default();
    let changed = document.fields.get(CHANGED).and_then(Value::as_text).unwrap_or_default();
    (count, changed.to_owned())
}

/// A field that holds JSON.
fn parsed<T: DeserializeOwned>(fields: &Fields, name: &str) -> Result<Option<T>, JournalError> {
    match fields.get(name).and_then(Value::as_text) {
        None | Some("") => Ok(None),
        Some(json) => serde_json::from_str(json).map(Some).map_err(unreadable),
    }
}

/// A change of an environment's document.
#[derive(Debug, Default)]
pub(super) struct Change {
    fields: Fields,
    increments: Vec<(FieldPath, i64)>,
    beats: bool,
}

impl Change {
    pub(super) fn lease(mut self, lease: &Lease) -> Result<Self, JournalError> {
        self.fields.insert("lease".into(), Value::text(text(lease)?));
        Ok(self.beat())
    }

    pub(super) fn head(mut self, head: &Head) -> Result<Self, JournalError> {
        self.fields.insert("head".into(), Value::text(text(head)?));
        Ok(self)
    }

    /// Sets or releases the lock of a person.
    pub(super) fn lock(mut self, lock: Option<&HumanLock>) -> Result<Self, JournalError> {
        let stored = lock.map(|HumanLock { actor, reason, since }| Lock {
            actor: actor.clone(),
            reason: reason.clone(),
            since: *since,
        });
        let lock = stored.as_ref().map_or(Ok(String::new()), text)?;
        self.fields.insert("lock".into(), Value::text(lock));
        Ok(self)
    }

    /// Renews the lease.
    pub(super) fn beat(mut self) -> Self {
        self.beats = true;
        self
    }

    /// Counts one more entry.
    pub(super) fn one_more(mut self, of: Entries) -> Self {
        self.increments.extend(of.name().parse().map(|path| (path, 1)));
        self
    }

    pub(super) fn write(self, place: &str, expected: Expected) -> Write {
        let path = |name: &str| name.parse::<FieldPath>().ok();
        let mask = self.fields.keys().filter_map(|name| path(name)).collect();
        let beat = self.beats.then_some("beat");
        let server_time = [Some(CHANGED), beat].into_iter().flatten().filter_map(path).collect();
        let (fields, increments) = (self.fields, self.increments);
        let act = Act::Update { fields, mask: Some(mask), increments, server_time };
        Write { path: environment_path(place), expected, act }
    }
}

/// The number of the last run, from the counter's document.
pub(super) fn last_run(document: Option<&Document>) -> Result<u64, JournalError> {
    let Some(document) = document else { return Ok(0) };
    let count = |name: &str| document.fields.get(name).and_then(Value::as_count);
    match (count("format"), count("last")) {
        (Some(FORMAT), Some(last)) => Ok(last),
        (Some(format), _) if format > FORMAT => {
            let problem = Problem::new(format!("the shared store has format {format}"));
            let problem = problem.because(format!("this pointsman knows format {FORMAT}"));
            Err(JournalError::Unusable(problem.try_this("use the newer pointsman that wrote it")))
        }
        _ => {
            let problem = Problem::new(format!("{COUNTER} of the shared store cannot be read"));
            let problem = problem.because("its fields are not those that Pointsman writes");
            Err(JournalError::Unusable(problem.try_this("name another database under store:")))
        }
    }
}

pub(super) fn counter(last: u64, expected: Expected) -> Write {
    let fields = [("last", last), ("format", FORMAT)];
    let fields = fields.map(|(name, number)| (name.to_owned(), Value::count(number)));
    Write::whole(COUNTER, expected, fields.into_iter().collect())
}

/// The creation of a fact.
pub(super) fn fact(run: RunNumber, stored: &Stored) -> Write {
    let json = stored.json().to_string();
    let fields = [("fact", Value::text(json)), ("kind", Value::text(stored.kind.clone()))];
    let path = numbered(&facts_of(run), stored.fact.seq);
    Write::whole(path, Expected::NotThere, named(fields))
}

pub(super) fn read_fact(document: &Document) -> Result<Stored, JournalError> {
    document_text(document, "fact").and_then(Stored::parse)
}

/// The document of a run. An ended run's holds the whole chain, so that a machine that sees the run for the first time
/// reads one document and not each fact.
pub(super) fn run(
    row: &RunRow,
    chain: Option<&[Stored]>,
    expected: Expected,
) -> Result<Write, JournalError> {
    let mut fields = named([("run", Value::text(text(row)?))]);
    if let Some(chain) = chain
        .map(|chain| packed(chain.iter().map(|stored| stored.json().to_string())))
        .filter(|chain| chain.len() < CHAIN_FITS)
    {
        fields.insert("chain".into(), Value::Bytes(chain));
    }
    Ok(Write::whole(run_path(row.run), expected, fields))
}

/// Whether the document of a run holds its whole chain.
pub(super) fn holds_chain(write: &Write) -> bool {
    matches!(&write.act, Act::Update { fields, .. } if fields.contains_key("chain"))
}

/// A run's row, and its chain if the document holds it.
pub(super) fn read_run(document: &Document) -> Result<(RunRow, Vec<Stored>), JournalError> {
    let row = document_text(document, "run")?;
    let row: RunRow = serde_json::from_str(row).map_err(unreadable)?;
    let chain = match document.fields.get("chain") {
        Some(Value::Bytes(packed)) => chain_of(packed).unwrap_or_default(),
        _ => Vec::new(),
    };
    Ok((row, chain))
}

/// A document in a numbered collection.
pub(super) fn entry<T: Serialize>(path: String, value: &T) -> Result<Write, JournalError> {
    replaced_entry(path, value, Expected::NotThere)
}

/// The same in a document that may be there already.
pub(super) fn replaced_entry<T: Serialize>(
    path: String,
    value: &T,
    expected: Expected,
) -> Result<Write, JournalError> {
    Ok(Write::whole(path, expected, named([("entry", Value::text(text(value)?))])))
}

pub(super) fn read_entry<T: DeserializeOwned>(document: &Document) -> Result<T, JournalError> {
    serde_json::from_str(document_text(document, "entry")?).map_err(unreadable)
}

/// The number in the name of a document of a numbered collection.
pub(super) fn number_of(document: &Document) -> Option<u64> {
    document.path.rsplit('/').next()?.parse().ok()
}

fn named<const N: usize>(fields: [(&str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn document_text<'a>(document: &'a Document, name: &str) -> Result<&'a str, JournalError> {
    document.fields.get(name).and_then(Value::as_text).ok_or_else(|| {
        let problem = Problem::new(format!("{} of the shared store cannot be read", document.path));
        JournalError::Unusable(problem.because(format!("it has no text in `{name}`")))
    })
}

/// The facts of a packed chain; `None` if it cannot be read, and the facts themselves decide.
fn chain_of(packed: &str) -> Option<Vec<Stored>> {
    unpacked(packed)?.iter().map(|line| Stored::parse(line).ok()).collect()
}
