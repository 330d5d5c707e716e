//! Requests to the driver. The result of a request with a ticket is a message with the same ticket.

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

/// Matches a result to the dialog that requested it.
pub type Ticket = u64;

/// The content that `y`, `Y` and `s` copy or save.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Take {
    /// The line, the selection, or the report of the run.
    Copy,
    /// Everything shown.
    CopyShown,
    /// Everything shown or the report of the run, saved to a file.
    Save,
}

/// The user's intent, before it is planned.
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
        /// The database whose migrations are undone too, and the version to undo down to.
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

/// A request to the log reader. `asked` is the number of the query: results of an older query are dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogAsk {
    /// Read the log of a run from its beginning.
    Follow {
        run: RunNumber,
        asked: u64,
        /// The filter and the search.
        query: Query,
    },
    /// Change the filter or the search.
    Query { asked: u64, query: Query },
    /// Send the lines around the reading position.
    Window {
        asked: u64,
        /// The first line to send.
        from: usize,
    },
    /// Find the next match or error.
    Find {
        asked: u64,
        mark: Mark,
        /// The line to start from. With `again`, the search starts from the last result instead.
        from: Option<usize>,
        /// Whether the result of the previous jump is still pending.
        again: bool,
        forward: bool,
    },
    /// Copy or save lines.
    Use {
        asked: u64,
        from: usize,
        /// The end of the range, exclusive.
        to: usize,
        what: LogUse,
    },
}

/// The use of a text: copy it to the clipboard, or save it to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogUse {
    Copy,
    Save,
}

/// The use of a theme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ThemeUse {
    /// Draw with it for now.
    Show(String),
    /// Draw with it until the screen closes.
    Keep(String),
    /// Draw with the theme of before.
    Back,
}

/// A request to the driver.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Find the rollback targets of an environment.
    FindTargets(Ticket, EnvironmentName),
    /// List the releases on offer: tags may have been added since the console started.
    Offer(Ticket),
    /// List the changes between two releases: from the first to the second.
    Compare(Ticket, ReleaseLabel, ReleaseLabel),
    /// Plan an intent, or report why it may not start.
    Propose(Ticket, Intent),
    /// Start a run, in a separate process.
    Start(Ticket, Box<Plan>),
    /// Send a command to a run, bound to the last fact seen, and wait for the response.
    Send(Ticket, RunNumber, u64, Command),
    /// Act on an item of a run's checklist, with a note.
    Tick(Ticket, RunNumber, String, Act, String),
    /// Take over a run whose runner died.
    TakeOver(Ticket, RunNumber, Choice),
    /// Take an offered run.
    Accept(Ticket, RunNumber),
    /// Read the platform's state for a run whose runner died.
    Observe(RunNumber),
    /// Send an action to an environment's pipeline.
    Pipeline(Ticket, EnvironmentName, PipelineAct),
    /// List what was pushed while automatic rollouts of an environment were disabled.
    AskPushed(Ticket, EnvironmentName),
    /// Enable automatic rollouts of an environment again.
    AllowRollouts(Ticket, EnvironmentName),
    /// Run or stop a custom command.
    CustomCommands(Ticket, EnvironmentName, CustomCommandAct),
    /// Fetch the log of a job, given its number and its name.
    JobLog(EnvironmentName, u64, String),
    /// Poll an environment now.
    Look(EnvironmentName),
    /// A request to the log reader.
    Log(LogAsk),
    /// Run every probe now.
    ProbeNow,
    /// Mute a probe for a duration, with a reason, or unmute it if `None`. The string is the key of the mute.
    Mute(Ticket, String, Option<(Duration, String)>),
    /// Read the runs of every environment.
    Past,
    /// Create the report of a run, and copy or save it.
    Report(RunNumber, LogUse),
    /// Copy a text. The number is its count of lines.
    Copy(String, usize),
    /// Draw with another theme.
    Theme(ThemeUse),
    /// Replay a run in this terminal.
    Replay(RunNumber),
    /// Capture the mouse, or release it to the terminal.
    Mouse(bool),
    /// Report the abilities of this terminal.
    Terminal,
    /// Send a text to the terminal's clipboard.
    ToClipboard(String),
    /// Notify a user whose attention is elsewhere.
    Ring(String),
    /// Restore the terminal and stop the process until the shell resumes it.
    Suspend,
    Redraw,
    /// Panic, in debug builds only: `:debug panic`.
    Panic,
    Quit,
}
