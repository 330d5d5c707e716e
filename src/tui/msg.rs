//! What reaches `update`: keys, time, and what the driver has seen outside.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::effect::Ticket;
use super::keys::Key;
use super::model::environments::RunSnapshot;
use super::panes::Pane;
use super::panes::alerts::model::Queue;
use super::panes::deploy::model::Progress;
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
use crate::domain::snapshot::EnvironmentSnapshot;
use crate::domain::time::Timestamp;
use crate::domain::view::RunView;

/// The stored state of one environment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub environment: EnvironmentName,
    /// Its latest run, over or not.
    pub run: Option<RunSnapshot>,
    /// People's actions on that run's checklists.
    pub ticks: Vec<Tick>,
    /// The holder and reason of its lock.
    pub lock: Option<String>,
}

/// The `ui` of a saved config.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UiChange {
    pub mouse: bool,
    pub motion: Motion,
    /// The config's keys instead of the table's; none where they cannot be used.
    pub keys: Option<BTreeMap<String, Vec<String>>>,
}

/// Messages to the update loop: keys, observations, results of effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Msg {
    Key(Key),
    /// Text that was pasted, as a whole.
    Paste(String),
    /// The window has this size now.
    Resize(u16, u16),
    /// The mouse was pressed on a pane.
    Click(Pane),
    /// The wheel over a pane, in lines.
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
    /// How much of the log that is followed there is, for a query, and its last lines.
    Logged(RunNumber, u64, Extent, Vec<Line>),
    /// How far the step under way of a run is, as its runner says.
    Progress(RunNumber, Vec<Progress>),
    /// Lines of it, from a number on.
    LogWindow(u64, usize, Vec<Line>),
    /// The next line of a kind, and how many there are like it up to it.
    LogFound(u64, Mark, Option<(usize, usize)>),
    /// A text to copy, with its number of lines.
    Clip(String, usize),
    /// A text for the terminal's clipboard, and what to tell about it.
    ToClipboard(String, String),
    /// The state of an environment's pipeline.
    Pipeline(EnvironmentName, Result<Option<PipelineRun>, Problem>),
    /// The log of a job of it.
    JobLog(Result<JobLog, Problem>),
    /// The newest runs of the team's commands.
    CustomCommands(Vec<CustomCommandRun>),
    /// What one of them says, and whether it is the first that is heard of it.
    CustomCommandLog(JobLog, bool),
    /// The runs of every environment, newest first.
    Past(Result<Vec<RunView>, Problem>),
    /// Something that failed, to be told until it is taken away.
    Alarm(String),
    /// The observed state of a run in doubt.
    Observed(RunNumber, Result<Doubt, Problem>),
    /// The rollback targets.
    Targets(Ticket, Result<Vec<Target>, Problem>),
    /// The commits that the live release lacks; empty unless releases are commits.
    Compared(Ticket, ReleaseLabel, Result<Option<Changes>, Problem>),
    /// A plan and its question, or why it may not begin.
    Proposed(Ticket, Result<(Box<Plan>, String), Refused>),
    /// The config was saved: what it says about the screen.
    Configured(UiChange),
    /// The abilities of this terminal, by name.
    Terminal(Vec<(String, String)>),
    /// Something to tell for a while.
    Tell(String),
    /// How an act came out: what to tell.
    Done(Ticket, Result<String, Problem>),
}
