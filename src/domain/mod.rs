//! What is true: the vocabulary of a run and the rules that decide. Pure: no tokio, no IO, no clock.

pub mod apphosting;
pub mod command;
pub mod error;
pub mod event;
pub mod gate;
pub mod hash;
pub mod health;
pub mod ids;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod project;
pub mod readiness;
pub mod recover;
pub mod redact;
pub mod release;
pub mod retry;
pub mod run;
pub mod seen;
pub mod step;
pub mod text;
pub mod time;
pub mod view;
pub mod words;
