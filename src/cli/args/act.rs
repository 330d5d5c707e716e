//! The arguments of acts: `plan`, `deploy`, `rollback`, `cleanup`, and how each is confirmed.

use clap::Args;
use clap_complete::ArgValueCandidates;

use super::OverrideWord;
use crate::cli::complete;
use crate::domain::ids::ServiceName;
use crate::domain::release::{ReleaseLabel, SchemaVersion};

/// How an act is confirmed.
#[derive(Debug, Args)]
pub struct Confirmation {
    /// Confirm without a prompt
    #[arg(long)]
    pub yes: bool,
    /// The environment's name; needed where its protection is `typed`
    #[arg(long, value_name = "ENV")]
    pub confirm: Option<String>,
    /// Reason, recorded in the run
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Override one guard, with its own reason or --reason; repeatable
    #[arg(long = "override", value_name = "GUARD[=REASON]")]
    pub overrides: Vec<OverrideWord>,
    /// Maximum wait for the current run to end: 90s, 10m
    #[arg(long, value_name = "TIME", value_parser = crate::domain::time::parse_duration)]
    pub lock_wait: Option<std::time::Duration>,
    /// Take over the environment from a run whose lease expired
    #[arg(long, requires = "reason")]
    pub take_over: bool,
    /// With --take-over: ask the current holder to stop, and wait until it has or its lease expires
    #[arg(long, requires = "take_over")]
    pub force: bool,
}

/// `plan`.
#[derive(Debug, Args)]
pub struct PlanArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Release: a label of the config, or a tag, branch or commit
    #[arg(long, short, add = ArgValueCandidates::new(complete::releases))]
    pub release: ReleaseLabel,
    /// Only this service; repeatable
    #[arg(long = "service", value_name = "SERVICE", add = ArgValueCandidates::new(complete::services))]
    pub services: Vec<ServiceName>,
    /// Plan for `deploy --detach`, whose run waits for an open checklist instead of being refused
    #[arg(long)]
    pub detach: bool,
    /// Plan for `deploy --at-once`
    #[arg(long)]
    pub at_once: bool,
    /// Reason
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Override one guard, with its own reason or --reason; repeatable
    #[arg(long = "override", value_name = "GUARD[=REASON]")]
    pub overrides: Vec<OverrideWord>,
}

/// `deploy`.
#[derive(Debug, Args)]
pub struct DeployArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Release: a label of the config, or a tag, branch or commit
    #[arg(long, short, add = ArgValueCandidates::new(complete::releases))]
    pub release: ReleaseLabel,
    /// Only this service; repeatable
    #[arg(long = "service", value_name = "SERVICE", add = ArgValueCandidates::new(complete::services))]
    pub services: Vec<ServiceName>,
    /// Deploy only the reviewed plan with this hash, or a prefix of it
    #[arg(long, value_name = "HASH")]
    pub plan: Option<String>,
    /// Return once the run's background process has started
    #[arg(long)]
    pub detach: bool,
    /// Move all traffic at once, whatever shares the config names: for a fix of what is live
    #[arg(long)]
    pub at_once: bool,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Target release [default: the one that the live release replaced, else the last stable one]
    #[arg(long, value_name = "RELEASE", add = ArgValueCandidates::new(complete::releases))]
    pub to: Option<ReleaseLabel>,
    /// Only this service; repeatable
    #[arg(long = "service", value_name = "SERVICE", add = ArgValueCandidates::new(complete::services))]
    pub services: Vec<ServiceName>,
    /// Also undo migrations down to this version, where safe
    #[arg(long, value_name = "VERSION")]
    pub undo_schema: Option<SchemaVersion>,
    /// Database to undo migrations of, if there are several
    #[arg(long, requires = "undo_schema", add = ArgValueCandidates::new(complete::databases))]
    pub database: Option<String>,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}

/// `cleanup`.
#[derive(Debug, Args)]
pub struct CleanupArguments {
    /// Environment
    #[arg(add = ArgValueCandidates::new(complete::environments))]
    pub environment: String,
    /// Confirmation
    #[command(flatten)]
    pub confirmation: Confirmation,
}
