//! `logs`.

use clap::{Args, ValueEnum};
use clap_complete::ArgValueCandidates;

use super::RunWord;
use crate::cli::complete;
use crate::domain::log_level::LogLevel;

/// `logs`.
#[derive(Debug, Args)]
pub struct LogsArguments {
    /// Run: 128, last, or @ENVIRONMENT for its latest run
    #[arg(add = ArgValueCandidates::new(complete::runs), required_unless_present = "live")]
    pub run: Option<RunWord>,
    /// Runtime logs of this environment's live builds, and of those of its run
    #[arg(long, value_name = "ENV", conflicts_with = "run", add = ArgValueCandidates::new(complete::environments))]
    pub live: Option<String>,
    /// Only this service
    #[arg(long, requires = "live", add = ArgValueCandidates::new(complete::services))]
    pub service: Option<String>,
    /// Lowest level
    #[arg(long, requires = "live", value_enum, default_value = "trace", hide_default_value = true)]
    pub level: LevelWord,
    /// Continue with new entries until interrupted
    #[arg(long, requires = "live")]
    pub follow: bool,
}

/// A level of log entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelWord {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

impl From<LevelWord> for LogLevel {
    fn from(word: LevelWord) -> Self {
        match word {
            LevelWord::Trace => Self::Trace,
            LevelWord::Debug => Self::Debug,
            LevelWord::Info => Self::Info,
            LevelWord::Warn => Self::Warn,
            LevelWord::Error => Self::Error,
        }
    }
}
