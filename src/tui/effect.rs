//! Requests to the driver. Each is answered by a message with the same ticket.

use std::time::Duration;

use crate::domain::checklist::Act;
use crate::domain::command::Command;
use crate::domain::guard::Justification;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::plan::Plan;
use crate::domain::recover::Choice;
use crate::domain::release::{ReleaseLabel, SchemaVersion};
use crate::tui::model::dialog::CustomCommandAct;
use crate::tui::panes::logs::model::{Mark, Query};
use crate::tui::panes::pipeline::model::PipelineAct;

/// Ties an answer to the box that asked.
pub type Ticket = u64;

/// The content that `y`, `Y` and `s` take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The line, the selection, or the report of the run.
    Copy,
    /// Everything that is shown.
    CopyShown,
    /// The same into a file.
    Save,
}

/// The user's intent, before there is a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    Deploy {
        environment: EnvironmentName,
        release: ReleaseLabel,
        /// The reason and overrides.
        why: Justification,
    },
    Rollback {
        environment: EnvironmentName,
        /// The target release; the default one if `None`.
        to: Option<ReleaseLabel>,
        /// Migrations of a database are undone too, down to a version.
        undo: Option<(String, SchemaVersion)>,
        /// The reason and overrides.
        why: Justification,
    },
    Migrate {
        environment: EnvironmentName,
        database: String,
        to: SchemaVersion,
        /// Whether migrations are undone.
        down: bool,
        /// The reason and overrides.
        why: Justification,
    },
    Cleanup {
        environment: EnvironmentName,
        /// The reason and overrides.
        why: Justification,
    },
}

/// A query for the log reader. `asked` is the query's number: an answer to an older one is
/// dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAsk {
    /// Read the log of a run from its beginning.
    Follow {
        run: RunNumber,
        asked: u64,
        /// The shown part.
        query: Query,
    },
    /// Show other lines of it.
    Query { asked: u64, query: Query },
    /// Hand over the lines around what is read.
    Window {
        asked: u64,
        /// From which line on.
        from: usize,
    },
    /// Find the next line of a kind.
    Find {
        asked: u64,
        mark: Mark,
        /// From which line; with `again` from the one that was found last.
        from: Option<usize>,
        /// Whether the answer to the one before is not here yet.
        again: bool,
        forward: bool,
    },
    /// Take lines out of it.
    Use {
        asked: u64,
        from: usize,
        /// Behind the last one.
        to: usize,
        what: LogUse,
    },
}

/// The role of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogUse {
    Copy,
    Save,
}

/// A piece of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Find out what a rollback of an environment could go to.
    FindTargets(Ticket, EnvironmentName),
    /// Find out what one release has that another has not: of the first, to the second.
    Compare(Ticket, ReleaseLabel, ReleaseLabel),
    /// Make a plan of an intent, or find out why it may not begin.
    Propose(Ticket, Intent),
    /// Start a run, in a separate process.
    Start(Ticket, Box<Plan>),
    /// Send a command to a run, bound to the last fact that was seen, and wait for its answer.
    Send(Ticket, RunNumber, u64, Command),
    /// Do something to an item of a run's checklist, with a note.
    Tick(Ticket, RunNumber, String, Act, String),
    /// Take over a run whose runner died.
    TakeOver(Ticket, RunNumber, Choice),
    /// Ask the world about a run whose runner died.
    Observe(RunNumber),
    /// Say something to an environment's pipeline.
    Pipeline(Ticket, EnvironmentName, PipelineAct),
    /// Run or stop a command of the team's.
    CustomCommands(Ticket, EnvironmentName, CustomCommandAct),
    /// Fetch the log of a job: its number and its name.
    JobLog(EnvironmentName, u64, String),
    /// Look at an environment now.
    Look(EnvironmentName),
    /// Something about the log that is followed.
    Log(LogAsk),
    /// Ask everything that is watched now.
    ProbeNow,
    /// Mute a probe for a time, with a reason, or unmute it; by the key of the mute.
    Mute(Ticket, String, Option<(Duration, String)>),
    /// Read the runs of every environment.
    Past,
    /// Write the report of a run, and use it.
    Report(RunNumber, LogUse),
    /// Copy a text with that number of lines.
    Copy(String, usize),
    /// Take the mouse from the terminal, or give it back.
    Mouse(bool),
    /// Find out what this terminal can do.
    Terminal,
    /// Hand a text to the terminal's clipboard.
    ToClipboard(String),
    /// Notify a user whose attention is elsewhere.
    Ring(String),
    /// Give the terminal back and stop, until the shell continues us.
    Suspend,
    Redraw,
    /// Fail, in builds that are not released: `:debug panic`.
    Panic,
    Quit,
}
