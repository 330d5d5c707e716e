//! The messages to `update`: keys, time and the driver's observations.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effect::Ticket;
use super::keys::Key;
use super::model::arrangement::Border;
use super::model::environments::RunSnapshot;
use super::panes::Pane;
use super::panes::alerts::model::Queue;
use super::panes::deploy::model::Progress;
use super::panes::history::model::PastRuns;
use super::panes::logs::model::{Extent, Line, Mark};
use super::panes::pipeline::model::JobLog;
use crate::config::schema::Motion;
use crate::domain::changes::Changes;
use crate::domain::checklist::Tick;
use crate::domain::custom_command::CustomCommandRun;
use crate::domain::error::Problem;
use crate::domain::guard::Refused;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::pipeline::PipelineRun;
use crate::domain::plan::Plan;
use crate::domain::probe::{ProbeChange, ProbeSnapshot};
use crate::domain::readiness::Target;
use crate::domain::recover::Doubt;
use crate::domain::release::ReleaseLabel;
use crate::domain::runtime_figures::FigureReading;
use crate::domain::snapshot::EnvironmentSnapshot;
use crate::domain::time::Timestamp;
use crate::ports::journal::Damage;

/// The stored state of one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub environment: EnvironmentName,
    /// Its latest run, ended or not.
    pub run: Option<RunSnapshot>,
    /// People's actions on that run's checklists.
    pub ticks: Vec<Tick>,
    /// The holder and reason of its lock.
    pub lock: Option<String>,
}

/// The `ui` section of a saved config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UiChange {
    pub mouse: bool,
    pub motion: Motion,
    /// The config's key bindings; `None` if they cannot be used.
    pub keys: Option<BTreeMap<String, Vec<String>>>,
}

/// Messages to the update loop: keys, observations, results of effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Msg {
    Key(Key),
    /// As whom this process acts, once its account is known.
    Actor(String),
    /// A complete paste.
    Paste(String),
    /// The current size of the window: columns and rows.
    Resize(u16, u16),
    /// The mouse was pressed on a pane; on a row of its list: the key of the row.
    Click(Pane, Option<String>),
    /// The mouse was pressed on the names of the columns of a pane's list.
    ClickHeader(Pane),
    /// The mouse was pressed on a key of the key line.
    ClickKey(String),
    /// The mouse was pressed on a border between columns of panes; `None`: it was released.
    Hold(Option<Border>),
    /// The mouse was moved to a column while it was pressed.
    Drag(u16),
    /// The mouse wheel was turned over a pane, by this many lines.
    Wheel(Pane, isize),
    /// Whether the terminal has the focus.
    Focus(bool),
    /// A tick: the wall clock, and the time since the start of the screen.
    Tick(Timestamp, Duration),
    /// The current content of the store, or the error.
    Stored(Result<Vec<Stored>, Problem>),
    /// The queue of alerts.
    Alerts(Queue),
    /// The snapshot of an environment.
    Looked(EnvironmentName, EnvironmentSnapshot),
    /// The probe states of an environment, and recent changes, newest first.
    Probed(EnvironmentName, Vec<ProbeSnapshot>, Vec<ProbeChange>),
    /// The size of the followed log, for the query of this number, and its last lines.
    Logged(RunNumber, u64, Extent, Vec<Line>),
    /// The progress of a run's current step, as reported by its runner.
    Progress(RunNumber, Vec<Progress>),
    /// Lines of the followed log, starting at a line number.
    LogWindow(u64, usize, Vec<Line>),
    /// The result of a jump: the line, and its ordinal among the marked lines.
    LogFound(u64, Mark, Option<(usize, usize)>),
    /// A text to copy, with its number of lines.
    Clip(String, usize),
    /// A text for the terminal's clipboard, and the message to show.
    ToClipboard(String, String),
    /// The state of an environment's pipeline.
    Pipeline(EnvironmentName, Result<Option<PipelineRun>, Problem>),
    /// The platform's figures of the live builds of an environment.
    Figures(EnvironmentName, Vec<FigureReading>),
    /// The log of a pipeline job.
    JobLog(Result<JobLog, Problem>),
    /// The latest runs of custom commands.
    CustomCommands(Vec<CustomCommandRun>),
    /// The output of a custom command, and whether it is the first output of that run.
    CustomCommandLog(JobLog, bool),
    /// The runs of every environment.
    Past(Result<PastRuns, Problem>),
    /// Damaged runs that would otherwise be the latest of their environments.
    Damaged(Vec<Damage>),
    /// A failure, shown until dismissed.
    Alarm(String),
    /// The observed state of a run in doubt.
    Observed(RunNumber, Result<Doubt, Problem>),
    /// The rollback targets.
    Targets(Ticket, Result<Vec<Target>, Problem>),
    /// What was pushed while automatic rollouts were disabled, in lines for the question.
    Pushed(Ticket, Vec<String>),
    /// The releases on offer, for the open picker of a deploy.
    Offered(Ticket, Vec<String>),
    /// The commits that the live release lacks; `None` unless releases are commits.
    Compared(Ticket, ReleaseLabel, Result<Option<Changes>, Problem>),
    /// A plan and its description, or why it may not start.
    Proposed(Ticket, Result<(Box<Plan>, String), Refused>),
    /// The `ui` section after the config was saved.
    Configured(UiChange),
    /// The abilities of this terminal, by name.
    Terminal(Vec<(String, String)>),
    /// What is wrong with the saved config; `None`: it is right again.
    ConfigProblem(Option<String>),
    /// An informational message, shown for a while.
    Tell(String),
    /// The result of an action: the message to show, or the problem.
    Done(Ticket, Result<String, Problem>),
}
