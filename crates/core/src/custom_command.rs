//! The team's custom commands (the guide's §9): where each may run, and the state of its runs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::ids::EnvironmentName;
use super::time::Timestamp;

/// A custom command of the config.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommand {
    pub name: String,
    pub argv: Vec<String>,
    pub folder: PathBuf,
    /// The only environment it may run for. None: any.
    pub environment: Option<EnvironmentName>,
    /// Whether it runs until it is stopped.
    pub long: bool,
    /// The port it listens on, if known: that of the service whose folder it runs in.
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
    /// It exited with 0.
    Ok,
    /// It failed; the text has its last output.
    Failed(String),
    /// Stopped by a person.
    Stopped,
    /// Its process disappeared without a recorded result.
    Lost,
}

impl CustomCommandState {
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

/// A run of a custom command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomCommandRun {
    /// The number in the store, from 1.
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
