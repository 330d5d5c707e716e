//! Everything the screen shows, and nothing else. Draws are a function of this.

pub mod deploy;
pub mod dialog;
pub mod environments;
pub mod logs;

use std::time::Duration;

use self::deploy::DeployPane;
use self::dialog::Dialog;
use self::environments::Environment;
use self::logs::LogsPane;
use super::effect::Ticket;
use crate::domain::error::Problem;
use crate::domain::time::Timestamp;

/// A pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pane {
    /// Every environment and its services.
    Environments,
    /// The run of the selected environment.
    Deploy,
    /// Its log.
    Logs,
}

impl Pane {
    /// In the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Environments, Self::Deploy, Self::Logs];

    /// Its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::Environments => "1 Environments",
            Self::Deploy => "2 Deploy",
            Self::Logs => "3 Logs",
        }
    }
}

/// A line that is shown for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Toast {
    /// What.
    pub text: String,
    /// Until when, since the screen began.
    pub until: Duration,
}

/// The size below which nothing that needs reading can be confirmed.
pub const SMALLEST: (u16, u16) = (60, 16);

/// The model.
#[derive(Debug, Clone)]
pub struct Model {
    /// Of the window.
    pub size: (u16, u16),
    /// The wall clock, once it was told.
    pub now: Option<Timestamp>,
    /// Since the screen began.
    pub elapsed: Duration,
    /// Who acts.
    pub actor: String,
    /// The environments, in the config's order.
    pub environments: Vec<Environment>,
    /// The selected one.
    pub selected: usize,
    /// What a deploy's picker offers.
    pub offered: Vec<String>,
    /// The pane that has the keys.
    pub focus: Pane,
    /// Whether that pane is alone on the screen.
    pub zoom: bool,
    /// Of the Deploy pane.
    pub deploy: DeployPane,
    /// Of the Logs pane.
    pub logs: LogsPane,
    /// The box over everything, if there is one.
    pub dialog: Option<Dialog>,
    /// Whether help is shown.
    pub help: bool,
    /// What is told for a while.
    pub toast: Option<Toast>,
    /// Why the store cannot be read, if it cannot: what is shown is old then.
    pub blind: Option<Problem>,
    /// When Ctrl-C was pressed once.
    pub interrupted: Option<Duration>,
    /// The last ticket that was given out.
    pub tickets: Ticket,
}

impl Model {
    /// A screen that has seen nothing yet.
    pub fn new(environments: Vec<Environment>, offered: Vec<String>, actor: String) -> Self {
        Self {
            size: (0, 0),
            now: None,
            elapsed: Duration::ZERO,
            actor,
            environments,
            selected: 0,
            offered,
            focus: Pane::Deploy,
            zoom: false,
            deploy: DeployPane::default(),
            logs: LogsPane::default(),
            dialog: None,
            help: false,
            toast: None,
            blind: None,
            interrupted: None,
            tickets: 0,
        }
    }

    /// The selected environment. None only where the config has none.
    pub fn here(&self) -> Option<&Environment> {
        self.environments.get(self.selected)
    }

    /// Whether the window is too small to act safely.
    pub fn too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    /// Tells something for a while.
    pub fn tell(&mut self, text: impl Into<String>) {
        self.toast =
            Some(Toast { text: text.into(), until: self.elapsed + Duration::from_secs(6) });
    }

    /// A new ticket.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }
}
