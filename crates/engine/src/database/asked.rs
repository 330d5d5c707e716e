//! The request to migrate, and its result.

use super::lock::{DatabaseLock, NotWritten};
use pointsman_core::error::Problem;
use pointsman_core::migration::{Direction, Migration};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::database::Database;
use pointsman_core::ports::programs::Programs;

/// The migration and its resources.
pub struct Asked<'a> {
    pub database: &'a dyn Database,
    pub lock: &'a DatabaseLock,
    pub clock: &'a dyn Clock,
    /// Runs the team's own programs.
    pub programs: &'a dyn Programs,
    pub folder: &'a str,
    /// The environment variables of those programs.
    pub environment: &'a [(String, String)],
    pub migration: &'a Migration,
    pub direction: Direction,
    pub by: &'a str,
    /// The time to restore the database to if this goes wrong.
    pub restore_point: Option<String>,
    /// Maximum documents per commit.
    pub batch: u32,
    /// Maximum documents per second.
    pub per_second: Option<u32>,
    /// Receives progress messages.
    pub progress: &'a (dyn Fn(String) + Send + Sync),
    /// Receives the output of programs.
    pub heard: &'a (dyn Fn(&str) + Send + Sync),
    /// Whether to stop before the next batch.
    pub stopping: &'a (dyn Fn() -> bool + Send + Sync),
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("version", &self.migration.version).finish_non_exhaustive()
    }
}

/// The result of a finished migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migrated {
    pub documents: u64,
    /// Documents added during the migration. Those that sort before its position at the time were not seen.
    pub came_meanwhile: u64,
    /// Whether the migration was complete before it was requested.
    pub already: bool,
}

/// The reason why a migration is incomplete.
#[derive(Debug)]
pub enum NotMigrated {
    /// Stopped on request; the problem says at which point.
    Stopped(Problem),
    /// Another run holds the lock.
    LockLost(Problem),
    /// It cannot continue from its current state.
    Failed(Problem),
    /// No answer; a retry may help.
    Unreachable(Problem),
}

impl NotMigrated {
    /// The message for people.
    pub fn problem(&self) -> &Problem {
        match self {
            Self::Stopped(problem)
            | Self::LockLost(problem)
            | Self::Failed(problem)
            | Self::Unreachable(problem) => problem,
        }
    }
}

impl From<NotWritten> for NotMigrated {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::LockLost(problem) => Self::LockLost(problem),
            NotWritten::Unreachable(error) => Self::Unreachable(error.problem),
            NotWritten::Overtaken(problem) => Self::Unreachable(problem),
            NotWritten::Conflict(error) | NotWritten::Refused(error) => Self::Failed(error.problem),
        }
    }
}
