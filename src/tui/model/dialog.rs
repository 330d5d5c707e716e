//! The dialog on top of the screen.

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

/// An open dialog. Only one is open at a time, and it receives all keys.
#[derive(Debug, Clone)]
pub struct Dialog {
    pub kind: Kind,
    /// Matches results to this dialog.
    pub ticket: Ticket,
    /// The key that opened the dialog, which never confirms it.
    pub opened_with: Option<Key>,
    /// Time of opening, since the screen started.
    pub opened: Duration,
    /// The last key pressed in the dialog and its time, to detect auto-repeat.
    pub last_key: Option<(Key, Duration)>,
}

/// The content of a dialog.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A choice from a list, with a reason.
    Pick(Box<Picker>),
    Confirm(Box<Confirm>),
    /// A problem: why something could not be done.
    Tell(Problem),
    /// The question whether to quit while a run is under way.
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
    /// No list, only a reason.
    Cleanup,
    /// The version to migrate a database up to.
    Migrate,
    /// The version to undo a database's migrations down to.
    Undo,
    /// No list, only a required reason.
    Skip,
    /// A note for a tick.
    Note,
    /// The override of a checklist item, with its reason.
    Override,
    /// Duration of a mute, and its reason.
    Mute,
}

impl Purpose {
    /// The title of the confirmation.
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

/// What a rollback leaves as it is.
pub const NOT_UNDONE: &str =
    "Not undone: what was written to databases, config, secrets, and what was sent meanwhile.";

/// An item of a picker's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub value: String,
    pub note: String,
    /// The reason, if it cannot be picked.
    pub refused: Option<String>,
}

impl Item {
    /// An item that can be picked.
    pub fn new(value: impl Into<String>, note: impl Into<String>) -> Self {
        Self { value: value.into(), note: note.into(), refused: None }
    }
}

/// A list to choose from, with the inputs beside it.
#[derive(Debug, Clone)]
pub struct Picker {
    pub purpose: Purpose,
    pub environment: EnvironmentName,
    /// The subject of the picker, such as a checklist item, a probe or a database: its id and its description.
    pub about: Option<(String, String)>,
    /// The choices.
    pub items: Vec<Item>,
    pub live: Option<ReleaseLabel>,
    /// The commits that the live release lacks, with the release they were read for. `None` until they are read.
    pub changes: Option<(ReleaseLabel, Result<Changes, Problem>)>,
    /// The rollback targets, with the database changes that each needs.
    pub targets: Vec<Target>,
    /// On the second page of a rollback, per item: the database, and the version to undo its migrations down to.
    pub ways: Vec<Option<(String, SchemaVersion)>>,
    pub selected: usize,
    /// Whether the row of the typed text is selected instead of an item.
    pub as_typed: bool,
    /// The value to select once the list is loaded.
    pub preferred: Option<String>,
    /// The input that narrows the list, and names a release that is not in it.
    pub other: Input,
    pub reason: Input,
    /// The focused field.
    pub field: Field,
    /// A label for the pending work, if any.
    pub waits: Option<&'static str>,
    /// Why the chosen intent was refused, if it was.
    pub problem: Option<Problem>,
    /// The guards that refused the intent, and whether the user overrides each.
    pub guards: Vec<(GuardHit, bool)>,
    /// The guard under the cursor.
    pub guard: usize,
}

/// A row of a picker's list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Picked {
    /// The item at this index.
    Item(usize),
    /// What was typed, which no item is.
    Typed,
}

/// A field of a picker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    List,
    /// The input for a release.
    Other,
    /// The list of guards, each with a line to override it.
    Guards,
    /// The input for the reason.
    Reason,
}

impl Picker {
    /// An empty picker. Its first field has the focus.
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
            as_typed: false,
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

    /// The fields in tab order. Guards come just before the reason.
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
            Purpose::Cleanup | Purpose::Skip | Purpose::Note => &[Field::Reason],
        }
    }

    /// The rows to choose from: the items that contain the typed release, then the typed text itself unless an item
    /// is exactly that.
    pub fn choices(&self) -> Vec<Picked> {
        let typed = self.typed().to_lowercase();
        let contains = |at: &usize| self.items[*at].value.to_lowercase().contains(&typed);
        let exact = self.items.iter().any(|item| item.value == self.typed());
        let own = (!typed.is_empty() && !exact).then_some(Picked::Typed);
        (0..self.items.len()).filter(contains).map(Picked::Item).chain(own).collect()
    }

    /// The row that Enter takes.
    pub fn choice(&self) -> Picked {
        if self.as_typed { Picked::Typed } else { Picked::Item(self.selected) }
    }

    /// Moves the cursor to a row.
    pub fn select(&mut self, choice: Picked) {
        self.as_typed = choice == Picked::Typed;
        if let Picked::Item(at) = choice {
            self.selected = at;
        }
    }

    /// Selects the best row for what was typed: the item of exactly that name, else the first that contains it.
    /// What is only typed is never taken while the list has something that contains it, so that half of a name does
    /// not become a release.
    pub fn narrow(&mut self) {
        if self.typed().is_empty() {
            return self.select(Picked::Item(self.selected));
        }
        let exact = self.items.iter().position(|item| item.value == self.typed());
        let best = exact.map(Picked::Item).or_else(|| self.choices().first().copied());
        self.select(best.unwrap_or(Picked::Item(0)));
    }

    /// The release that Enter takes, if there is one.
    pub fn value(&self) -> Option<&str> {
        match self.choice() {
            Picked::Typed => Some(self.typed()).filter(|typed| !typed.is_empty()),
            Picked::Item(at) => self.items.get(at).map(|item| item.value.as_str()),
        }
    }

    /// The text typed as a release.
    pub fn typed(&self) -> &str {
        self.other.value().trim()
    }

    /// The reason, if one was typed.
    pub fn reason(&self) -> Option<String> {
        let text = self.reason.value().trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The reason and the overrides. An override needs a reason.
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

    /// Clears guards and problem after the choice changed: they belong to the previous choice.
    pub fn forget_guards(&mut self) {
        (self.guards, self.guard, self.problem) = (Vec::new(), 0, None);
    }
}

/// The effect of a confirmation.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    Start(Box<Plan>),
    /// Sends a command to a run, bound to the last fact seen.
    Send(RunNumber, u64, Command),
    /// Takes over a run whose runner died.
    TakeOver(RunNumber, Choice),
    /// Take an offered run.
    Accept(RunNumber),
    /// Sends an action to the environment's pipeline.
    Pipeline(PipelineAct),
    /// Runs or stops a custom command.
    CustomCommands(CustomCommandAct),
    /// Enables automatic rollouts again.
    AllowRollouts,
}

/// Actions on custom commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomCommandAct {
    Run(CustomCommand),
    /// Stops the run with this number.
    Stop(u64),
}

impl Confirm {
    /// The text to type, if the confirmation is typed.
    pub fn label(&self) -> String {
        match &self.action {
            Action::Start(plan) => plan.typed(),
            Action::Send(..)
            | Action::TakeOver(..)
            | Action::Accept(_)
            | Action::Pipeline(_)
            | Action::CustomCommands(_)
            | Action::AllowRollouts => self.environment.to_string(),
        }
    }
}

/// The phase of a confirmation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Waiting for the user's answer.
    Asks,
    /// The user confirmed, and the result is pending.
    Works,
    /// Something changed while the dialog was open, so it can no longer be confirmed. Holds the new state.
    Blocked(String),
}

impl Action {
    /// The sides from which and to which the action moves all traffic; `None` if it moves no traffic.
    pub fn moves(&self) -> Option<(Side, Side)> {
        match self {
            Self::Send(_, _, Command::Approve(_)) => Some((Side::Blue, Side::Green)),
            Self::Send(_, _, Command::Rollback) => Some((Side::Green, Side::Blue)),
            _ => None,
        }
    }

    /// Whether the action takes a new risk and needs fresh data about the environment. A
    /// rollback does not: only the confirmation guards it.
    pub fn is_new_risk(&self) -> bool {
        match self {
            Self::Start(plan) => plan.kind == RunKind::Deploy,
            Self::Send(_, _, command) => matches!(command, Command::Approve(_)),
            Self::TakeOver(..)
            | Self::Accept(_)
            | Self::Pipeline(_)
            | Self::CustomCommands(_)
            | Self::AllowRollouts => false,
        }
    }
}

/// A confirmation, bound to the facts seen when it opened.
#[derive(Debug, Clone)]
pub struct Confirm {
    pub environment: EnvironmentName,
    /// How strict the confirmation is: open, confirm or typed.
    pub tier: Protection,
    pub title: String,
    /// The text that describes the effect and its consequences.
    pub lines: Vec<String>,
    pub action: Action,
    /// The environment's run when the dialog opened: its number and the last fact that changed its state.
    pub bound: Option<(RunNumber, u64)>,
    pub input: Input,
    pub phase: Phase,
    /// The reason why the last key had no effect.
    pub hint: Option<String>,
}
