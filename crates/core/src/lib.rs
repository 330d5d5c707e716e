//! What is true: the vocabulary of a run and the rules that decide. Pure: no tokio, no IO, no clock.

// A new fact, step or state must be thought of wherever one is read.
#![deny(clippy::wildcard_enum_match_arm)]

pub mod alert;
pub mod apphosting;
pub mod card;
pub mod changes;
pub mod checklist;
pub mod command;
pub mod document;
pub mod drift;
pub mod error;
pub mod event;
pub mod figures;
pub mod freeze;
pub mod gate;
pub mod guard;
pub mod handover;
pub mod hash;
pub mod health;
pub mod ids;
pub mod job_log;
pub mod linted;
pub mod log_level;
mod markdown;
pub mod migration;
pub mod old_clients;
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
pub mod seen;
pub mod step;
pub mod tape;
pub mod team;
pub mod text;
pub mod time;
pub mod tint;
pub mod usual;
pub mod view;
mod waiting;
pub mod words;
