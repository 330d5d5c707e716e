//! What the driver is asked to do. Each answers with a message that carries the same ticket.

use crate::domain::command::Command;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::plan::Plan;
use crate::domain::recover::Choice;
use crate::domain::release::ReleaseLabel;

/// Ties an answer to the box that asked.
pub type Ticket = u64;

/// What somebody wants, before there is a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// Deploy a release.
    Deploy {
        /// Where.
        environment: EnvironmentName,
        /// What.
        release: ReleaseLabel,
        /// Why, where somebody said so.
        reason: Option<String>,
    },
    /// Give traffic back.
    Rollback {
        /// Where.
        environment: EnvironmentName,
        /// To which release; the usual one if none is named.
        to: Option<ReleaseLabel>,
        /// Why, where somebody said so.
        reason: Option<String>,
    },
    /// Stop blue.
    Cleanup {
        /// Where.
        environment: EnvironmentName,
        /// Why, where somebody said so.
        reason: Option<String>,
    },
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Find out what a rollback of an environment could go to.
    FindTargets(Ticket, EnvironmentName),
    /// Make a plan of an intent, or find out why it may not begin.
    Propose(Ticket, Intent),
    /// Begin a run, in a process of its own.
    Start(Ticket, Box<Plan>),
    /// Send a command to a run, bound to the last fact that was seen, and wait for its answer.
    Send(Ticket, RunNumber, u64, Command),
    /// Take over a run whose runner died.
    TakeOver(Ticket, RunNumber, Choice),
    /// Ask the world about a run whose runner died.
    Observe(RunNumber),
    /// Look at an environment now.
    Look(EnvironmentName),
    /// Follow the log of a run.
    Follow(RunNumber),
    /// Give the terminal back and stop, until the shell continues us.
    Suspend,
    /// Draw everything anew.
    Redraw,
    /// Leave.
    Quit,
}
