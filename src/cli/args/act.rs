//! The arguments of acts: `plan`, `deploy`, `rollback`, `cleanup`, and how each is confirmed.

use clap::Args;

use super::OverrideWord;
use crate::domain::ids::ServiceName;
use crate::domain::release::{ReleaseLabel, SchemaVersion};

/// How an act is confirmed.
#[derive(Debug, Args)]
pub struct Confirmation {
    /// Answer the question before the act with yes
    #[arg(long)]
    pub yes: bool,
    /// The environment's own name, where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
    /// Why; kept in the run
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Override one guard, with --reason or its own reason; may be repeated
    #[arg(long = "override", value_name = "GUARD[=REASON]")]
    pub overrides: Vec<OverrideWord>,
    /// Wait up to this long for the current run to end: 90s, 10m
    #[arg(long, value_name = "TIME", value_parser = crate::domain::time::parse_duration)]
    pub lock_wait: Option<std::time::Duration>,
    /// Take the environment over from a run whose lease ran out
    #[arg(long, requires = "reason")]
    pub take_over: bool,
    /// With --take-over: ask a live holder of a database lock to stop, and wait for its answer or the end of its
    /// lease
    #[arg(long, requires = "take_over")]
    pub force: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Where
    pub environment: String,
    /// What
    #[arg(long, short)]
    pub release: ReleaseLabel,
    /// Only this service; may be repeated
    #[arg(long = "service")]
    pub services: Vec<ServiceName>,
    /// As for a run with people at its gates
    #[arg(long)]
    pub detach: bool,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Override one guard, with --reason or its own reason; may be repeated
    #[arg(long = "override", value_name = "GUARD[=REASON]")]
    pub overrides: Vec<OverrideWord>,
}

/// `deploy`.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// Where
    pub environment: String,
    /// What
    #[arg(long, short)]
    pub release: ReleaseLabel,
    /// Only this service; may be repeated
    #[arg(long = "service")]
    pub services: Vec<ServiceName>,
    /// Refuse any other plan than the one reviewed: its hash, or the beginning of it
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
    /// Return once the run's own process drives it
    #[arg(long)]
    pub detach: bool,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// Where
    pub environment: String,
    /// To this release [default: what the live one replaced, else the last stable one]
    #[arg(long, value_name = "RELEASE")]
    pub to: Option<ReleaseLabel>,
    /// Only this service; may be repeated
    #[arg(long = "service")]
    pub services: Vec<ServiceName>,
    /// Also undo migrations, down to this version, where that is safe
    #[arg(long, value_name = "VERSION")]
    pub undo_schema: Option<SchemaVersion>,
    /// Of this database, where the environment has several
    #[arg(long, requires = "undo_schema")]
    pub database: Option<String>,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `cleanup`.
#[derive(Debug, Args)]
pub struct CleanupArguments {
    /// Where
    pub environment: String,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}
