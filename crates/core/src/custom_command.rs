//! The team's own commands (the guide's §9): what may be run where, and what became of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ids::EnvironmentName;
use super::time::Timestamp;

/// A command of the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommand {
    pub name: String,
    pub argv: Vec<String>,
    pub folder: PathBuf,
    /// The only environment it may run for.
    pub environment: Option<EnvironmentName>,
    /// Whether it runs until it is stopped.
    pub long: bool,
    /// The port it listens at, as far as that is known: that of the service whose folder it runs in.
    pub port: Option<u16>,
}

impl CustomCommand {
    /// Whether it may run for an environment.
    pub fn fits(&self, environment: &EnvironmentName) -> Result<(), String> {
        match &self.environment {
            Some(only) if only != environment => {
                Err(format!("{} is for {only} alone, not for {environment}", self.name))
            }
            _ => Ok(()),
        }
    }
}

/// The state of a custom command's run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomCommandState {
    Running,
    /// It ended with 0.
    Ok,
    /// It did not, and said last.
    Failed(String),
    /// Stopped by a person.
    Stopped,
    /// Its process is gone without a recorded end.
    Lost,
}

impl CustomCommandState {
    /// One word, or a few.
    pub fn label(&self) -> String {
        match self {
            Self::Running => "running".to_owned(),
            Self::Ok => "ok".to_owned(),
            Self::Failed(why) => format!("failed: {why}"),
            Self::Stopped => "stopped".to_owned(),
            Self::Lost => "lost: its result is unknown".to_owned(),
        }
    }
}

/// A run of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommandRun {
    /// Counted from 1 in a store.
    pub id: u64,
    pub name: String,
    pub argv: Vec<String>,
    pub folder: PathBuf,
    pub environment: EnvironmentName,
    pub actor: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    pub state: CustomCommandState,
}
