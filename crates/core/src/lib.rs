//! The domain of Pointsman: the vocabulary of a run and its decision rules. Pure: no tokio, no IO, no clock.

// Code that matches on facts, steps or states must handle each new one explicitly.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod alert;
pub mod ansi_style;
pub mod apphosting;
pub mod changes;
pub mod checklist;
pub mod code;
pub mod command;
pub mod custom_command;
pub mod describe;
pub mod document;
pub mod dora;
pub mod drift;
pub mod endpoint;
pub mod error;
pub mod event;
pub mod freeze;
pub mod gate;
pub mod guard;
pub mod handover;
pub mod hash;
pub mod health;
pub mod ids;
pub mod incident_card;
pub mod job_log;
pub mod lint_report;
pub mod log_level;
mod markdown;
pub mod migration;
pub mod pipeline;
pub mod plan;
pub mod planner;
pub mod platform;
pub mod policy;
pub mod ports;
pub mod probe;
pub mod project;
pub mod promoted;
pub mod readiness;
pub mod recover;
pub mod redact;
pub mod release;
pub mod report;
pub mod retry;
pub mod run;
pub mod run_replay;
pub mod snapshot;
pub mod stale_assets;
pub mod step;
pub mod step_durations;
pub mod text;
pub mod time;
pub mod verdict;
pub mod view;
mod waiting;
