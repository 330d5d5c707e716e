//! A store that a team shares: what of a run it holds, and what only this machine has so far.

use std::time::Duration;

use super::BoxFuture;
use crate::alert::{Alert, Channel};
use crate::error::Problem;
use crate::event::Fact;
use crate::ids::RunNumber;
use crate::time::Timestamp;

/// Whether the shared store holds a fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    Yes,
    /// Another machine has taken the run over.
    TakenOver,
    /// Not yet, and why.
    NotYet(Problem),
}

/// How a machine stands with the shared store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its name for people: `toto-ops/pointsman`.
    pub name: String,
    /// Server time of the last complete reading. Whatever happened later is unknown here.
    pub as_of: Option<Timestamp>,
    /// Why the last attempt to reach it failed; `None` if it succeeded.
    pub unreachable: Option<Problem>,
    /// Facts, ticks and mutes of this machine that the shared store lacks.
    pub unshared: u64,
}

/// Facts that a machine wrote after another one had taken its run over. They are kept, and are no part of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Branch {
    /// The machine's name.
    pub host: String,
    pub facts: Vec<Fact>,
}

/// Which machine sends an alert that each one raises.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announce {
    /// This one.
    Here,
    /// Another one has sent it: its name.
    Elsewhere(String),
    /// Another one is about to send it. Ask again after this long.
    Later(Duration),
}

/// The connection of a machine to the shared store.
pub trait Sharing: Send + Sync {
    /// Waits until the shared store holds a fact and the lease was proven a moment ago, another machine has the run, or
    /// an attempt fails.
    fn shared(&self, run: RunNumber, seq: u64) -> BoxFuture<'_, Shared>;
    /// Asks which machine sends an alert. Without an answer it is this one: an alert twice is better than none.
    fn announce(&self, alert: &Alert, channel: &Channel) -> BoxFuture<'_, Announce>;
    /// Records whether an alert that this machine was to send was sent.
    fn announced(&self, alert: &Alert, channel: &Channel, sent: bool) -> BoxFuture<'_, ()>;
}
