//! The box over everything. One at a time.

use std::time::Duration;

use tui_input::Input;

use crate::domain::changes::Changes;
use crate::domain::command::Command;
use crate::domain::custom_command::CustomCommand;
use crate::domain::error::Problem;
use crate::domain::guard::{GuardHit, Justification};
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::plan::{Plan, RunKind};
use crate::domain::policy::Protection;
use crate::domain::readiness::Target;
use crate::domain::recover::Choice;
use crate::domain::release::{ReleaseLabel, SchemaVersion};
use crate::domain::step::Side;
use crate::tui::effect::Ticket;
use crate::tui::keys::Key;
use crate::tui::panes::pipeline::model::PipelineAct;

/// An open box. Only one is open at a time, and it takes all keys.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub kind: Kind,
    /// Ties answers to it.
    pub ticket: Ticket,
    /// The key that opened it does nothing inside it.
    pub opened_with: Option<Key>,
    /// Time of opening, since the start.
    pub opened: Duration,
    /// The last key inside it, and when.
    pub last_key: Option<(Key, Duration)>,
}

/// The question of a box.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The release and the reason.
    Pick(Box<Picker>),
    Confirm(Box<Confirm>),
    /// Nothing: it tells why something could not be done.
    Tell(Problem),
    /// Whether to leave while a run is under way.
    Quit,
}

/// The purpose of a picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A release to deploy.
    Deploy,
    Rollback,
    /// The effect of a rollback on a database.
    RollbackSchema,
    /// Nothing to pick, only a reason.
    Cleanup,
    /// The version to bring a database to.
    Migrate,
    /// The version to take a database back to.
    Undo,
    /// Nothing to pick, only a reason that must be given.
    Skip,
    /// A note to a tick.
    Note,
    /// The override of a checklist item, with its reason.
    Override,
    /// Duration of a mute, and its reason.
    Mute,
    /// One of the team's commands.
    CustomCommands,
}

impl Purpose {
    /// The title of its run in the question.
    pub fn act(self) -> &'static str {
        match self {
            Self::Deploy => "Deploy",
            Self::Rollback | Self::RollbackSchema => "Roll back",
            Self::Migrate => "Migrate the database",
            Self::Undo => "Undo migrations",
            _ => "Clean up BLUE",
        }
    }
}

/// One line to pick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub value: String,
    /// A note about it.
    pub note: String,
    /// The reason, if it cannot be picked.
    pub refused: Option<String>,
}

impl Item {
    /// One that can be picked.
    pub fn new(value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { value: value.into(), note: note.into(), refused: None }
    }
}

/// A list and a reason.
#[derive(Debug, Clone)]
pub struct Picker {
    pub purpose: Purpose,
    pub environment: EnvironmentName,
    /// The item or the probe that it is about: its id and its words.
    pub about: Option<(String, String)>,
    /// The choices.
    pub items: Vec<Item>,
    pub live: Option<ReleaseLabel>,
    /// The commits that the live release lacks, once they were read.
    pub changes: Option<(ReleaseLabel, Result<Changes, Problem>)>,
    /// The rollback targets, with the database changes that each needs.
    pub targets: Vec<Target>,
    /// On its second page: what each item undoes.
    pub ways: Vec<Option<(String, SchemaVersion)>>,
    pub selected: usize,
    /// The choice to take once its check is complete.
    pub preferred: Option<String>,
    /// Another release than the listed ones.
    pub other: Input,
    pub reason: Input,
    /// The focused field.
    pub field: Field,
    /// The pending work, if any.
    pub waits: Option<&'static str>,
    /// The refusal of the picked intent.
    pub problem: Option<Problem>,
    /// The guards that it met, and whether each is accepted to be overridden.
    pub guards: Vec<(GuardHit, bool)>,
    /// The guard under the cursor.
    pub guard: usize,
}

/// A field of a picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    List,
    /// The line for another release.
    Other,
    /// The guards, each a line to accept.
    Guards,
    /// The line for the reason.
    Reason,
}

impl Picker {
    /// One in which nothing is chosen or typed yet. Its first field has the keys.
    pub fn new(purpose: Purpose, environment: EnvironmentName, items: Vec<Item>) -> Self {
        let mut picker = Self {
            purpose,
            environment,
            about: None,
            items,
            live: None,
            changes: None,
            targets: Vec::new(),
            ways: Vec::new(),
            selected: 0,
            preferred: None,
            other: Input::default(),
            reason: Input::default(),
            field: Field::Reason,
            waits: None,
            problem: None,
            guards: Vec::new(),
            guard: 0,
        };
        picker.field = picker.fields()[0];
        picker
    }

    /// Its fields, in the order of Tab. Guards come last but for the reason.
    pub fn fields(&self) -> Vec<Field> {
        let mut fields = self.own_fields().to_vec();
        if !self.guards.is_empty() {
            let at = fields.iter().position(|field| *field == Field::Reason);
            fields.insert(at.unwrap_or(fields.len()), Field::Guards);
        }
        fields
    }

    fn own_fields(&self) -> &'static [Field] {
        match self.purpose {
            Purpose::Deploy | Purpose::Rollback => &[Field::List, Field::Other, Field::Reason],
            Purpose::Override
            | Purpose::Mute
            | Purpose::Migrate
            | Purpose::Undo
            | Purpose::RollbackSchema => &[Field::List, Field::Reason],
            Purpose::CustomCommands => &[Field::List],
            Purpose::Cleanup | Purpose::Skip | Purpose::Note => &[Field::Reason],
        }
    }

    /// The reason, if one was typed.
    pub fn reason(&self) -> Option<String> {
        let text = self.reason.value().trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The reason and the guards that are accepted to be overridden. An override needs a reason.
    pub fn why(&self) -> Result<Justification, Problem> {
        let reason = self.reason();
        let accepted: Vec<_> = self.guards.iter().filter(|(_, yes)| *yes).collect();
        let mut why = Justification { reason: reason.clone(), ..Justification::default() };
        for (met, _) in accepted {
            let reason = reason.clone().ok_or_else(|| {
                Problem::new(format!("the override of {} needs a reason", met.guard))
                    .try_this("Tab goes to the reason; type it there")
            })?;
            why.overrides.insert(met.guard, reason);
        }
        Ok(why)
    }

    /// Another item is picked: what stood in the way of the one before says nothing about it.
    pub fn forget_guards(&mut self) {
        (self.guards, self.guard, self.problem) = (Vec::new(), 0, None);
    }
}

/// The effect of a confirmation.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Start(Box<Plan>),
    /// Sends a command to a run, bound to the last fact that was seen.
    Send(RunNumber, u64, Command),
    /// Takes over a run whose runner died.
    TakeOver(RunNumber, Choice),
    /// Says something to the environment's pipeline.
    Pipeline(PipelineAct),
    /// Runs or stops a command of the team's.
    CustomCommands(CustomCommandAct),
}

/// Actions on custom commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomCommandAct {
    Run(CustomCommand),
    /// A run of one is stopped.
    Stop(u64),
}

impl Confirm {
    /// The text to type as confirmation, if the environment is typed.
    pub fn label(&self) -> String {
        match &self.action {
            Action::Start(plan) => plan.typed(),
            Action::Send(..)
            | Action::TakeOver(..)
            | Action::Pipeline(_)
            | Action::CustomCommands(_) => self.environment.to_string(),
        }
    }
}

/// The phase of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// It waits for an answer.
    Asks,
    /// The answer was yes; the outcome is awaited.
    Works,
    /// The world changed under it, so that yes means nothing any more.
    Blocked(String),
}

impl Action {
    /// From where to where a yes moves all traffic.
    pub fn moves(&self) -> Option<(Side, Side)> {
        match self {
            Self::Send(_, _, Command::Approve) => Some((Side::Blue, Side::Green)),
            Self::Send(_, _, Command::Rollback) => Some((Side::Green, Side::Blue)),
            _ => None,
        }
    }

    /// Whether it takes a new risk, which needs a fresh look at the environment. A rollback takes
    /// none: only the confirmation guards it.
    pub fn is_new_risk(&self) -> bool {
        match self {
            Self::Start(plan) => plan.kind == RunKind::Deploy,
            Self::Send(_, _, command) => *command == Command::Approve,
            Self::TakeOver(..) | Self::Pipeline(_) | Self::CustomCommands(_) => false,
        }
    }
}

/// A confirmation, bound to the facts that were seen when it opened.
#[derive(Debug, Clone)]
pub struct Confirm {
    pub environment: EnvironmentName,
    /// How hard it is to say yes: tiers 1, 2 and 3.
    pub tier: Protection,
    pub title: String,
    /// Its effect and consequences.
    pub lines: Vec<String>,
    /// The effect of a confirmation.
    pub action: Action,
    /// The environment's run when the box opened: its number and last decision.
    pub bound: Option<(RunNumber, u64)>,
    pub input: Input,
    pub phase: Phase,
    /// The reason why the last key had no effect.
    pub hint: Option<String>,
}
