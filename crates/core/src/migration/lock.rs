//! The lock document of a database: who changes its environment, from which machine, and until when
//! (`docs/internals/firestore.md`, Documents of Pointsman). All times come from the server, never from a local clock.

use super::COLLECTION;
use crate::document::{Document, Fields, Value};
use crate::time::Timestamp;

/// The path of the lock document.
pub fn lock_document() -> String {
    format!("{COLLECTION}/lock")
}

/// The path of the document that carries a stop request to a holder.
pub fn stop_request_document() -> String {
    format!("{COLLECTION}/lock-request")
}

/// Duration of a lease without renewal.
pub const LEASE_SECONDS: u64 = 60;

/// The holder of a database lock.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holder {
    /// Identifies one run of one store. The run's next process is the same holder.
    pub id: String,
    pub host: String,
    pub pid: u64,
    pub actor: String,
    /// For example `deploy 1.2.0 on staging`.
    pub purpose: String,
    /// The run's number in the holder's store.
    pub run: u64,
}

/// A lock as it was read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LockState {
    /// The holder. The lock is free if its id is empty.
    #[serde(flatten)]
    pub holder: Holder,
    /// The fencing number: it grows with every holder and never decreases.
    pub fence: u64,
    /// The current step of its run.
    pub step: String,
    /// The outcome of its last run.
    pub outcome: String,
    /// Identifies the last write.
    #[serde(skip)]
    pub beat: String,
    /// Time of the last write as reported by the server. The holder's precondition for its next write.
    #[serde(skip)]
    pub updated: String,
    /// Seconds since the last write, by the server's clock.
    pub age_seconds: u64,
    pub lease_seconds: u64,
}

impl LockState {
    /// Parses the document, read at the server time `at`. Without a holder, the lock is free.
    pub fn read(document: &Document, at: &str) -> Self {
        let text = |field: &str| document.text(field).unwrap_or_default().to_owned();
        let count = |field: &str| document.count(field).unwrap_or_default();
        let moment = |text: &str| text.parse::<Timestamp>().ok();
        let age = moment(at).zip(moment(&document.updated));
        let age = age.map_or(0, |(now, then)| now.duration_since(then).as_secs());
        Self {
            holder: Holder {
                id: text("holder"),
                host: text("host"),
                pid: count("pid"),
                actor: text("actor"),
                purpose: text("purpose"),
                run: count("run"),
            },
            fence: count("fence"),
            step: text("step"),
            outcome: text("outcome"),
            beat: text("beat"),
            updated: document.updated.clone(),
            age_seconds: u64::try_from(age).unwrap_or_default(),
            lease_seconds: document.count("leaseSeconds").unwrap_or(LEASE_SECONDS),
        }
    }

    /// Whether a holder has an unexpired lease.
    pub fn held(&self) -> bool {
        !self.holder.id.is_empty() && self.age_seconds < self.lease_seconds
    }

    /// The fields of the document.
    pub fn fields(&self) -> Fields {
        let holder = &self.holder;
        [
            ("holder", Value::text(&holder.id)),
            ("host", Value::text(&holder.host)),
            ("pid", Value::count(holder.pid)),
            ("actor", Value::text(&holder.actor)),
            ("purpose", Value::text(&holder.purpose)),
            ("run", Value::count(holder.run)),
            ("fence", Value::count(self.fence)),
            ("step", Value::text(&self.step)),
            ("outcome", Value::text(&self.outcome)),
            ("beat", Value::text(&self.beat)),
            ("leaseSeconds", Value::count(self.lease_seconds)),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
    }
}

impl std::fmt::Display for LockState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Holder { host, actor, purpose, run, .. } = &self.holder;
        write!(f, "{actor} on {host}: {purpose}, run #{run}")?;
        if !self.step.is_empty() {
            write!(f, ", in {}", self.step)?;
        }
        write!(f, ", seen {} s ago", self.age_seconds)
    }
}
