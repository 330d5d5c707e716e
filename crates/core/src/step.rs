//! The steps of a plan, and their states.

use serde::{Deserialize, Serialize};

use super::checklist::List;
use super::error::Problem;
use super::ids::{ServiceName, StepId};
use super::migration::Direction;
use super::release::SchemaVersion;

/// The two builds of a service in a run. The roles are fixed for the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The live build when the run started.
    Blue,
    /// The candidate.
    Green,
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if *self == Self::Blue { "blue" } else { "green" })
    }
}

/// The kind of a step. `engine/steps/` has one file for each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum StepKind {
    /// Checks the identity of the target, the live builds and the rollback target.
    Preflight,
    /// Builds the candidates of all services in parallel, without traffic.
    Build,
    /// Probes the candidate at its preview address.
    ProbeGreen,
    /// The human gate before traffic moves.
    GateSwitch,
    /// The gate that opens automatically when every required item of a list holds.
    GateChecklist { list: List },
    /// Switches the traffic of one service to a build. The target is absolute, so that repeating the step is harmless.
    Switch { service: ServiceName, to: Side },
    /// Sends a share of the traffic of one service to the candidate, in per cent; the live build keeps the rest.
    Shift { service: ServiceName, percent: u8 },
    /// Monitors the public address and the candidate's own while both builds have traffic.
    SoakShare { percent: u8 },
    /// Verifies which build answers at the public address (N1).
    Attest { side: Side },
    /// Monitors the public address after the switch.
    Soak,
    /// Checks the health of the public address after a rollback.
    ProbePublic { side: Side },
    /// Records the release as stable.
    MarkStable,
    /// Records the release that a rollback left as bad.
    MarkBad,
    /// Moves a database from one schema version to the next, or back.
    Migrate { database: String, version: SchemaVersion, direction: Direction },
    /// Records which migrations were applied before there were any records.
    Baseline {
        database: String,
        /// The current version of the database.
        to: SchemaVersion,
    },
    /// Records the actual state of a half-done migration.
    Repair { database: String, version: SchemaVersion, as_is: RepairAs },
    /// Stops the builds of one service that have no traffic.
    StopBlue { service: ServiceName },
    /// Deletes builds of one service that no stable release needs.
    Prune { service: ServiceName },
}

impl StepKind {
    /// Whether the step is a gate.
    pub fn is_gate(&self) -> bool {
        matches!(self, Self::GateSwitch | Self::GateChecklist { .. })
    }

    /// The checklist that guards the step.
    pub fn guarded_by(&self) -> Option<List> {
        match self {
            Self::GateSwitch => Some(List::Deploy),
            Self::GateChecklist { list } => Some(*list),
            Self::Preflight
            | Self::Build
            | Self::ProbeGreen
            | Self::Switch { .. }
            | Self::Shift { .. }
            | Self::SoakShare { .. }
            | Self::Attest { .. }
            | Self::Soak
            | Self::ProbePublic { .. }
            | Self::MarkStable
            | Self::MarkBad
            | Self::Migrate { .. }
            | Self::Baseline { .. }
            | Self::Repair { .. }
            | Self::StopBlue { .. }
            | Self::Prune { .. } => None,
        }
    }

    /// What the step does, in a sentence.
    pub fn explains(&self) -> String {
        let whole = match self {
            Self::Preflight => {
                "Reads the target, the live builds and the rollback target, and checks that the run may start."
            }
            Self::Build => "Builds the candidate of every service, without traffic.",
            Self::ProbeGreen => {
                "Asks the candidate's own address until it was healthy several times in a row."
            }
            Self::GateSwitch => "Waits for a person. No traffic moves before.",
            Self::GateChecklist { .. } => {
                "Opens by itself once every required item of the list holds."
            }
            Self::Switch { service, to } => {
                let to = to.to_string().to_uppercase();
                return format!(
                    "Sends all traffic of {service} to {to}, and reads back where it is."
                );
            }
            Self::Shift { service, percent } => {
                return format!(
                    "Sends {percent} % of the traffic of {service} to GREEN, and reads back where it is."
                );
            }
            Self::SoakShare { percent } => {
                return format!(
                    "Watches the public address and GREEN's own while GREEN has {percent} % of the traffic."
                );
            }
            Self::Attest { .. } => "Asks the public address which build answers.",
            Self::Soak => {
                "Watches the public address for as long as the plan says, before the release counts as stable."
            }
            Self::ProbePublic { .. } => {
                "Asks the public address until it was healthy several times in a row."
            }
            Self::MarkStable => "Records the release as one that a rollback may go to.",
            Self::MarkBad => "Records the release as bad, which excludes it from rollbacks.",
            Self::Migrate { database, version, .. } => {
                return format!(
                    "Moves {database} to schema version {version}, and reads back what was applied."
                );
            }
            Self::Baseline { database, to } => {
                return format!(
                    "Records that {database} was at {to} before migrations were recorded."
                );
            }
            Self::Repair { database, version, .. } => {
                return format!("Records how much of {version} was applied to {database}.");
            }
            Self::StopBlue { service } => {
                return format!("Stops the builds of {service} that have no traffic.");
            }
            Self::Prune { service } => {
                return format!("Deletes the builds of {service} that no rollback needs.");
            }
        };
        whole.to_owned()
    }

    /// Whether the step moves traffic.
    pub fn moves_traffic(&self) -> bool {
        matches!(self, Self::Switch { .. } | Self::Shift { .. })
    }

    /// Whether the step only watches customers' answers.
    pub fn soaks(&self) -> bool {
        matches!(self, Self::Soak | Self::SoakShare { .. })
    }
}

/// A person's finding about a half-done migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RepairAs {
    /// None of it was applied.
    Not,
    /// Continues where it stopped; a program in progress runs again.
    Half,
    /// All of it was applied.
    Fully,
}

impl RepairAs {
    pub fn label(self) -> &'static str {
        match self {
            Self::Not => "not",
            Self::Half => "half",
            Self::Fully => "fully",
        }
    }
}

/// A step inside a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Its name, unique in the plan.
    pub id: StepId,
    #[serde(flatten)]
    pub kind: StepKind,
    /// One line for people.
    pub title: String,
}

/// The class of a step's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Failure {
    /// Transient: retried.
    Passing,
    Lasting,
    /// Unknown. Never counts as a pass, and alone never as a failure of the release.
    Inconclusive,
    /// A person or a signal ended it.
    Cancelled,
    /// Traffic is not where this run put it: it was moved outside of the run, and the release is not to blame.
    Drift,
}

/// The state of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum StepState {
    Pending,
    Running {
        /// Attempt number, from 1.
        attempt: u32,
    },
    /// A gate that waits for an answer.
    Waiting,
    /// Done and verified.
    Ok,
    /// Done, with something a person should know.
    Warning,
    Failed {
        problem: Problem,
        class: Failure,
    },
    /// Skipped on purpose.
    Skipped {
        /// Actor and reason.
        reason: String,
    },
    /// Will not run.
    NotRun {
        because: String,
    },
    /// Was running when its process died. Readers derive this state; it is never a fact.
    InDoubt,
    /// Done, and then undone.
    Undone,
}

impl StepState {
    /// One word for lists and JSON.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running { .. } => "running",
            Self::Waiting => "waiting",
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Failed { .. } => "failed",
            Self::Skipped { .. } => "skipped",
            Self::NotRun { .. } => "not_run",
            Self::InDoubt => "in_doubt",
            Self::Undone => "undone",
        }
    }
}
