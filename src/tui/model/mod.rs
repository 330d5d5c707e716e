//! The model: everything that the screen shows, and nothing else.

pub mod actions;
pub mod arrangement;
pub mod dialog;
pub mod environments;
pub mod messages;
mod motion;
pub mod overlay;
pub mod pattern;
pub mod remembered;

use std::time::Duration;

use self::arrangement::{Arrangement, Border};
use self::dialog::{Dialog, Kind};
use self::environments::Environment;
use self::messages::Messages;
use self::overlay::Overlay;
use super::effect::Ticket;
use super::keys::Key;
use super::keys::bindings::Bindings;
use super::keys::commands::Command;
use super::list::Lists;
use super::panes::{Pane, Panes};
use crate::config::schema::Motion;
use crate::domain::custom_command::{CustomCommand, CustomCommandRun};
use crate::domain::error::Problem;
use crate::domain::time::Timestamp;

/// Minimum columns and rows of the window. A smaller window cannot show
/// what a confirmation is about, so it allows none.
pub const SMALLEST: (u16, u16) = (60, 16);
/// Time for which keys are ignored after the window became large enough.
const UNREADABLE_FOR: Duration = Duration::from_millis(300);

/// Delay before the continuations of a key prefix are shown.
pub const POPUP_AFTER: Duration = Duration::from_millis(300);

/// Everything the screen shows. Rendering is a pure function of it.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about the screen")]
pub struct Model {
    pub size: (u16, u16),
    /// The wall clock, once known.
    pub now: Option<Timestamp>,
    /// The machine's time zone, for local times.
    pub zone: jiff::tz::TimeZone,
    /// Time since the screen started.
    pub elapsed: Duration,
    /// The command that starts this program from any folder.
    pub own: String,
    pub actor: String,
    /// The environments, in promotion order.
    pub environments: Vec<Environment>,
    pub selected: usize,
    pub custom_commands: Vec<CustomCommand>,
    /// The latest runs of custom commands.
    pub custom_command_runs: Vec<CustomCommandRun>,
    /// The names of the themes.
    pub themes: Vec<String>,
    /// The theme that is shown while it is chosen in the palette.
    pub shown_theme: Option<String>,
    /// The releases that a deploy offers.
    pub offered: Vec<String>,
    /// The focused pane, which receives the keys.
    pub focus: Pane,
    /// Whether the focused pane fills the screen.
    pub zoom: bool,
    /// How the panes are arranged.
    pub arrangement: Arrangement,
    /// The border that the mouse holds.
    pub held_border: Option<Border>,
    pub panes: Panes,
    /// The filters, orders and selections of the panes' lists.
    pub lists: Lists,
    /// The open dialog, if any.
    pub dialog: Option<Dialog>,
    /// The overlay, if any.
    pub overlay: Option<Overlay>,
    pub messages: Messages,
    pub bindings: Bindings,
    /// An incomplete key sequence, and the time when it started.
    pub pending: Option<(String, Duration)>,
    /// Recent palette commands, latest first.
    pub recent: Vec<Command>,
    /// Whether the terminal has the focus, if it reports that.
    pub focused: bool,
    /// Time when the window became large enough again, by `elapsed`.
    pub enlarged: Option<Duration>,
    /// Time of the last `p`.
    pub paused: Option<Duration>,
    /// Time of the last notification.
    pub rang: Option<Duration>,
    /// Whether the screen has chosen its first environment and pane.
    pub settled: bool,
    /// The terminal's name and abilities.
    pub terminal: Vec<(String, String)>,
    /// The status line of a replay, if this is one.
    pub replay: Option<String>,
    /// Whether the screen captures the mouse.
    pub mouse: bool,
    /// Full or reduced motion.
    pub motion: Motion,
    /// Whether the screen is lost when an SSH connection drops.
    pub connection_alone: bool,
    /// Whether this is a rehearsal, which exists only in memory.
    pub rehearsal: bool,
    /// Whether all changes are disabled on this screen.
    pub read_only: bool,
    /// The reason why the store cannot be read, if so. The screen then shows old data.
    pub blind: Option<Problem>,
    /// What is wrong with the saved config, until it is corrected. The screen keeps the last one that it could read.
    pub config_problem: Option<String>,
    /// Time of the first Ctrl-C.
    pub interrupted: Option<Duration>,
    /// Time of the first press of the immediate exit.
    pub leaving: Option<Duration>,
    /// The last ticket issued.
    pub tickets: Ticket,
}

impl Model {
    /// The model before any observation.
    pub fn new(environments: Vec<Environment>, offered: Vec<String>, actor: String) -> Self {
        Self {
            size: (0, 0),
            now: None,
            zone: jiff::tz::TimeZone::UTC,
            elapsed: Duration::ZERO,
            own: "pointsman".to_owned(),
            actor,
            environments,
            selected: 0,
            custom_commands: Vec::new(),
            custom_command_runs: Vec::new(),
            themes: Vec::new(),
            shown_theme: None,
            offered,
            focus: Pane::Deploy,
            zoom: false,
            arrangement: Arrangement::default(),
            held_border: None,
            panes: Panes::default(),
            lists: Lists::default(),
            dialog: None,
            overlay: None,
            messages: Messages::default(),
            bindings: Bindings::default(),
            pending: None,
            recent: Vec::new(),
            focused: true,
            enlarged: None,
            paused: None,
            rang: None,
            settled: false,
            terminal: Vec::new(),
            replay: None,
            mouse: false,
            motion: Motion::Full,
            connection_alone: false,
            rehearsal: false,
            read_only: false,
            blind: None,
            config_problem: None,
            interrupted: None,
            leaving: None,
            tickets: 0,
        }
    }

    /// The selected environment; `None` only if the config has none.
    pub fn here(&self) -> Option<&Environment> {
        self.environments.get(self.selected)
    }

    /// Whether the window is too small to act safely.
    pub fn too_small(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    /// Sets the window size. Keys typed while the window was too small may arrive after
    /// it became large enough, so that time is kept.
    pub fn resize(&mut self, size: (u16, u16)) {
        let small = self.too_small() && self.size != (0, 0);
        self.size = size;
        if small && !self.too_small() {
            self.enlarged = Some(self.elapsed);
        }
    }

    /// Whether a key may have been typed before the window was large enough to read.
    pub fn unread(&self) -> bool {
        self.enlarged.is_some_and(|at| self.elapsed.saturating_sub(at) < UNREADABLE_FOR)
    }

    /// The window title with the environment and its run, so that a list of windows shows which run waits.
    pub fn title(&self) -> String {
        let Some(here) = self.here() else { return "pointsman".to_owned() };
        let run = here.under_way().map(|run| {
            let view = &run.view;
            let at = view.current_step();
            let at = at.map_or(String::new(), |at| format!(" {}/{}", at + 1, view.steps.len()));
            let word = if run.runner.is_some() { view.state.label() } else { "in_doubt" };
            format!("{} {}{at} ", view.number, word.replace('_', " "))
        });
        format!("{} {}· pointsman", here.name, run.unwrap_or_default())
    }

    /// Time of the next change that is due before the next tick, since the screen started.
    pub fn due(&self) -> Option<Duration> {
        self.pending.as_ref().map(|(_, since)| *since + POPUP_AFTER).filter(|at| *at > self.elapsed)
    }

    /// Opens a dialog; returns its ticket.
    pub fn open(&mut self, kind: Kind, opened_with: Option<Key>) -> Ticket {
        let (ticket, opened) = (self.ticket(), self.elapsed);
        self.dialog = Some(Dialog { kind, ticket, opened_with, opened, last_key: None });
        ticket
    }

    /// A new ticket, which matches a result to its effect.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }
}
