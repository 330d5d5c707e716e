//! Everything the screen shows, and nothing else. Draws are a function of this.

pub mod dialog;
pub mod environments;
pub mod messages;
mod motion;
pub mod overlay;
pub mod pattern;
pub mod remembered;

use std::time::Duration;

use self::dialog::{Dialog, Kind};
use self::environments::Environment;
use self::messages::Messages;
use self::overlay::Overlay;
use super::effect::Ticket;
use super::keys::Key;
use super::keys::bindings::Bindings;
use super::keys::commands::Command;
use super::panes::{Pane, Panes};
use crate::config::schema::Motion;
use crate::domain::custom_command::{CustomCommand, CustomCommandRun};
use crate::domain::error::Problem;
use crate::domain::time::Timestamp;

/// The size below which nothing that needs reading can be confirmed.
pub const SMALLEST: (u16, u16) = (60, 16);
/// How long keys mean nothing after the window became large enough.
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
    /// Since the screen began.
    pub elapsed: Duration,
    /// The command that starts this program from any folder.
    pub own: String,
    pub actor: String,
    /// The environments, in the config's order.
    pub environments: Vec<Environment>,
    pub selected: usize,
    pub custom_commands: Vec<CustomCommand>,
    /// The newest runs of them.
    pub custom_command_runs: Vec<CustomCommandRun>,
    /// The choices of a deploy.
    pub offered: Vec<String>,
    /// The pane that has the keys.
    pub focus: Pane,
    /// Whether that pane is alone on the screen.
    pub zoom: bool,
    pub panes: Panes,
    /// The box over everything, if there is one.
    pub dialog: Option<Dialog>,
    /// The overlay, if any.
    pub overlay: Option<Overlay>,
    pub messages: Messages,
    /// The key bindings.
    pub bindings: Bindings,
    /// Keys that were pressed and mean nothing yet, and since when.
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
    /// Whether the screen has chosen what to begin with.
    pub settled: bool,
    /// The terminal's name and abilities.
    pub terminal: Vec<(String, String)>,
    /// The replayed moment, during a replay.
    pub replay: Option<String>,
    /// Whether the mouse is taken from the terminal.
    pub mouse: bool,
    /// How much moves by itself.
    pub motion: Motion,
    /// Whether the screen is lost when an SSH connection drops.
    pub connection_alone: bool,
    /// Whether the world that is shown exists in memory alone.
    pub rehearsal: bool,
    /// Whether nothing may be changed from this screen.
    pub read_only: bool,
    /// The reason why the store cannot be read, if so. The screen then shows old data.
    pub blind: Option<Problem>,
    /// Time of the first Ctrl-C.
    pub interrupted: Option<Duration>,
    /// Time of the first press of the immediate exit.
    pub leaving: Option<Duration>,
    /// The last ticket that was given out.
    pub tickets: Ticket,
}

impl Model {
    /// A screen that has seen nothing yet.
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
            offered,
            focus: Pane::Deploy,
            zoom: false,
            panes: Panes::default(),
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
            interrupted: None,
            leaving: None,
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

    /// Takes the window's new size. Keys that were typed while it was too small may arrive after it is not.
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

    /// The window's title: a list of windows shows who waits for what.
    pub fn title(&self) -> String {
        let Some(here) = self.here() else { return "pointsman".to_owned() };
        let run = here.under_way().map(|run| {
            let view = &run.view;
            let at = view.state.step();
            let at = at.and_then(|id| view.steps.iter().rposition(|step| &step.plan.id == id));
            let at = at.map_or(String::new(), |at| format!(" {}/{}", at + 1, view.steps.len()));
            let word = if run.runner.is_some() { view.state.label() } else { "in_doubt" };
            format!("{} {}{at} ", view.number, word.replace('_', " "))
        });
        format!("{} {}· pointsman", here.name, run.unwrap_or_default())
    }

    /// Time of the next change before the next tick, since the start.
    pub fn due(&self) -> Option<Duration> {
        self.pending.as_ref().map(|(_, since)| *since + POPUP_AFTER).filter(|at| *at > self.elapsed)
    }

    /// Opens a box, and gives its ticket.
    pub fn open(&mut self, kind: Kind, opened_with: Option<Key>) -> Ticket {
        let (ticket, opened) = (self.ticket(), self.elapsed);
        self.dialog = Some(Dialog { kind, ticket, opened_with, opened, last_key: None });
        ticket
    }

    /// A number by which the answer to an effect is recognised.
    pub fn ticket(&mut self) -> Ticket {
        self.tickets += 1;
        self.tickets
    }
}
