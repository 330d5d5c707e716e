//! Facts: the permanent, ordered record of what happened in a run.
//!
//! Fact kinds are versioned by name. A kind, once written, keeps its meaning and its fields; a change becomes a
//! new kind (`switch-requested-2`). A kind that this version does not know is kept unchanged and shown, and
//! prevents this version from continuing the run.

use serde::de::value::MapDeserializer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::build_config::ConfigChange;
use super::checklist::{ItemStatus, List};
use super::command::Command;
use super::error::Problem;
use super::hash::Hash;
use super::health::Verdict;
use super::ids::{BuildId, RolloutId, RunNumber, ServiceName, StepId};
use super::migration::Direction;
use super::plan::{Plan, Source};
use super::recover::Choice;
use super::release::{ReleaseLabel, SchemaVersion};
use super::serving::ServingReport;
use super::step::{Failure, PlannedStep};
use super::time::Timestamp;

pub use super::outcome::Outcome;

/// The rule of [`Event::Judged`] that checks the candidate's health before its gate opens.
pub const GREEN_GATE: &str = "green gate";
/// The rule of [`Event::Judged`] that verifies the public address.
pub const ATTESTATION: &str = "attestation";

/// The actor who approved a gate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// `--yes`, or the confirmation before the run started.
    Beforehand,
    /// A person's command during the run, by its id.
    Command(u64),
    /// Every required item of its list is settled.
    Checklist,
    /// Required items are open, but the list is advisory in this environment.
    Advice,
    /// Required items are open, but the run overrides its checklists.
    Override,
}

/// The mark of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// It was live and passed its soak.
    Stable,
    /// It was rolled back, and is not offered again.
    Bad,
    /// A person gave a reason to allow it again.
    Cleared,
}

/// The share of the traffic that one build gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    pub build: BuildId,
    pub percent: u8,
}

/// The actor who started a rollback inside a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecidedBy {
    /// `on_failure: rollback`.
    Rule,
    Person,
}

/// The content of a fact. Kinds are added, never changed: an old store must stay readable.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "data", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// The first fact: the whole plan and its hash.
    RunStarted { plan: Box<Plan>, plan_hash: Hash },
    /// A step started. `attempt` counts from 1.
    StepStarted { attempt: u32 },
    /// A step finished, and its result was read back. Names the next step.
    StepFinished { next: Option<StepId>, summary: String, warning: bool },
    /// A step failed.
    StepFailed { problem: Problem, class: Failure },
    /// A step was skipped.
    StepSkipped { reason: String, next: Option<StepId> },
    /// A gate waits for approval.
    GateOpened { question: String },
    /// A gate was approved, and how.
    GateAnswered { by: AnsweredBy, next: Option<StepId> },
    /// People were reminded that a gate is due at a time. `ends`: the run ends then.
    GateDue { at: Timestamp, ends: bool },
    /// The live build of a service when the run started.
    BlueObserved {
        service: ServiceName,
        build: Option<BuildId>,
        release: Option<ReleaseLabel>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// Its traffic, where several builds have a part of it: then none is blue.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        splits: Vec<Split>,
    },
    /// About to disable automatic rollouts. `policy` is what they are set to before.
    RolloutsHeld { service: ServiceName, policy: String },
    /// Automatic rollouts are enabled again, or the reason why they are not.
    RolloutsReleased { service: ServiceName, problem: Option<Problem> },
    /// The scripts and styles that pages of the live build load before the switch.
    FilesSeen { service: ServiceName, files: Vec<String> },
    /// About to create a build, with the id and request id that the call will carry.
    BuildRequested {
        service: ServiceName,
        build: BuildId,
        request_id: String,
        release: ReleaseLabel,
        source: Source,
    },
    /// The candidate exists without traffic. `preview` is its address, if the platform reports one.
    GreenReady { service: ServiceName, build: BuildId, preview: Option<String> },
    /// The target of a rollback was checked and can become live.
    CandidateReady { service: ServiceName, build: BuildId },
    /// About to make a build active. Absolute: names the build, never "the other one".
    SwitchRequested {
        service: ServiceName,
        from: Option<BuildId>,
        to: BuildId,
        rollout: RolloutId,
        request_id: String,
    },
    /// About to send a share of the traffic to GREEN, in per cent, and the rest to BLUE.
    ShiftRequested { service: ServiceName, blue: BuildId, green: BuildId, percent: u8 },
    /// The traffic as the platform reports it, read back.
    TrafficObserved { service: ServiceName, splits: Vec<Split> },
    /// A rule judged samples: candidate health, verification, soak or public health.
    Judged { service: ServiceName, verdict: Verdict, rule: String, evidence: String },
    /// How a build differs from the live one, besides its code.
    ConfigCompared { service: ServiceName, build: BuildId, changes: Vec<ConfigChange> },
    /// What each layer said about the live build after a verification that did not pass.
    ServingReported { service: ServiceName, reports: Vec<ServingReport> },
    /// Evidence that the release itself is bad, not its platform or its traffic.
    ReleaseFaulted { service: ServiceName, evidence: String },
    /// The states of the checklist items that guard a gate.
    ChecklistSeen { list: List, items: Vec<ItemStatus> },
    /// The run rolls back from here on. These steps replace the remaining ones.
    UndoPlanned { steps: Vec<PlannedStep>, first: StepId, because: Problem, by: DecidedBy },
    /// A release was marked stable, bad or usable again, with the build of each service.
    ReleaseMarked {
        release: ReleaseLabel,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        mark: Mark,
        builds: Vec<(ServiceName, BuildId)>,
        because: String,
    },
    /// The run holds the lock of a database.
    DatabaseLocked { database: String, fence: u64 },
    /// The version of a database, and its half-done migration if there is one.
    SchemaSeen { database: String, version: Option<SchemaVersion>, dirty: Option<SchemaVersion> },
    /// About to apply or undo a migration.
    MigrationRequested { database: String, version: SchemaVersion, direction: Direction },
    /// A migration ended. `head` is the version of the database after it.
    MigrationEnded {
        database: String,
        version: SchemaVersion,
        direction: Direction,
        documents: u64,
        head: SchemaVersion,
    },
    /// The processes of a build are stopped. The build can be started again.
    BuildStopped { service: ServiceName, build: BuildId },
    /// A build was deleted.
    BuildDeleted { service: ServiceName, build: BuildId },
    /// A person's command was accepted.
    CommandAccepted { id: u64, command: Command },
    /// A person's command was refused, and why.
    CommandRefused { id: u64, command: Command, because: String },
    /// The run is paused between two steps.
    RunPaused { because: String },
    /// The run continues.
    RunResumed {},
    /// The process that drives the run, after an offer, lets the person who accepted it take it.
    RunHandedOver { to: String },
    /// A process took the run that was handed over, or took it back since no one came.
    RunTakenOn {},
    /// The last fact.
    RunEnded { outcome: Outcome, because: Option<Problem> },
    /// The run's process died. A person saw what was observed and chose how to continue.
    RunnerLost { observed: String, choice: Choice },
    /// Another run replaced this one, whose process was gone.
    RunSuperseded { by: RunNumber },
}

/// The topic of an event: which part of a run it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The progress of a step.
    Step,
    /// The builds, traffic and health of a service.
    Service,
    /// The lock, schema and migrations of a database.
    Database,
    /// A gate, a command, or a decision about the run.
    Decision,
    /// The run as a whole.
    Run,
}

impl Event {
    /// A new kind must be given a topic here, and a sentence in `describe`.
    pub fn topic(&self) -> Topic {
        match self {
            Self::StepStarted { .. }
            | Self::StepFinished { .. }
            | Self::StepFailed { .. }
            | Self::StepSkipped { .. } => Topic::Step,
            Self::BlueObserved { .. }
            | Self::RolloutsHeld { .. }
            | Self::FilesSeen { .. }
            | Self::BuildRequested { .. }
            | Self::GreenReady { .. }
            | Self::CandidateReady { .. }
            | Self::SwitchRequested { .. }
            | Self::ShiftRequested { .. }
            | Self::TrafficObserved { .. }
            | Self::Judged { .. }
            | Self::ReleaseFaulted { .. }
            | Self::ServingReported { .. }
            | Self::ConfigCompared { .. }
            | Self::BuildStopped { .. }
            | Self::BuildDeleted { .. } => Topic::Service,
            Self::DatabaseLocked { .. }
            | Self::SchemaSeen { .. }
            | Self::MigrationRequested { .. }
            | Self::MigrationEnded { .. } => Topic::Database,
            Self::GateOpened { .. }
            | Self::GateAnswered { .. }
            | Self::GateDue { .. }
            | Self::ChecklistSeen { .. }
            | Self::CommandAccepted { .. }
            | Self::CommandRefused { .. }
            | Self::RunPaused { .. }
            | Self::RunResumed {}
            | Self::RunHandedOver { .. }
            | Self::RunTakenOn {}
            | Self::RunnerLost { .. } => Topic::Decision,
            Self::RunStarted { .. }
            | Self::UndoPlanned { .. }
            | Self::ReleaseMarked { .. }
            | Self::RolloutsReleased { .. }
            | Self::RunEnded { .. }
            | Self::RunSuperseded { .. } => Topic::Run,
        }
    }
}

/// An event of this version, or one of a newer version, kept unchanged.
#[derive(Debug, Clone, PartialEq)]
pub enum Recorded {
    /// A kind that this version knows.
    Known(Event),
    /// An unknown kind, or a known one with unknown fields.
    Unknown { kind: String, data: Value },
}

impl Recorded {
    /// Parses a fact's kind and content.
    pub fn from_parts(kind: &str, data: &Value) -> Self {
        // The kind comes first and the content is borrowed: from an object, whose keys are sorted, serde would copy the
        // content before it knows the kind, which is most of the time that a long history takes.
        let parts = [("kind", &Value::from(kind)), ("data", data)];
        let fields = MapDeserializer::<_, serde_json::Error>::new(parts.into_iter());
        match Event::deserialize(fields) {
            Ok(event) => Self::Known(event),
            Err(_) => Self::Unknown { kind: kind.to_owned(), data: data.clone() },
        }
    }

    /// The kind and the content, for storage.
    ///
    /// # Errors
    /// The event cannot be written as JSON. It must not be stored as an empty one.
    pub fn to_stored(&self) -> serde_json::Result<(String, Value)> {
        match self {
            Self::Unknown { kind, data } => Ok((kind.clone(), data.clone())),
            Self::Known(event) => {
                let mut whole = serde_json::to_value(event)?;
                let data = whole["data"].take();
                let kind = serde_json::from_value(whole["kind"].take())?;
                Ok((kind, data))
            }
        }
    }

    /// The kind and the content, for display.
    pub fn parts(&self) -> (String, Value) {
        self.to_stored().unwrap_or_else(|error| ("unreadable".to_owned(), error.to_string().into()))
    }
}

/// An event as recorded in the journal, with its time, its actor and its place in the hash chain.
#[derive(Debug, Clone, PartialEq)]
pub struct Fact {
    /// Counted from 1 inside the run.
    pub seq: u64,
    /// Wall clock time.
    pub at: Timestamp,
    /// Monotonic milliseconds since the runner started.
    pub elapsed_ms: u64,
    pub actor: String,
    pub step: Option<StepId>,
    pub event: Recorded,
    /// The hash of the previous fact.
    pub prev: Hash,
    pub hash: Hash,
}

impl Fact {
    /// The expected hash of this fact, over its content, its run and its predecessor.
    pub fn expected_hash(&self, run: RunNumber) -> Hash {
        let (kind, data) = self.event.parts();
        self.hash_with(run, &kind, &data)
    }

    /// The same hash, over the kind and content as stored. An earlier version may have written them differently:
    /// fields that were added later are missing there.
    #[expect(clippy::expect_used, reason = "writing JSON to memory fails for such maps alone")]
    pub fn hash_with(&self, run: RunNumber, kind: &str, data: &Value) -> Hash {
        let Self { seq, at, elapsed_ms, actor, step, prev, .. } = self;
        let canonical = (run, seq, at, elapsed_ms, actor, step, kind, data, prev);
        Hash::of(&serde_json::to_vec(&canonical).expect("it has no map with other keys than texts"))
    }

    /// The JSON line of `events --json`.
    pub fn to_json(&self) -> Value {
        let (kind, data) = self.event.parts();
        serde_json::json!({
            "seq": self.seq, "at": self.at, "kind": kind, "step": self.step, "actor": self.actor,
            "data": data, "elapsed_ms": self.elapsed_ms, "prev": self.prev, "hash": self.hash,
        })
    }
}
