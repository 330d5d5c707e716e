//! The panes, one folder each: `model` holds the state, `update` the commands, `view` the drawing,
//! and `mod` the implementation of `PaneBehaviour`. The table below registers each pane. The
//! commands of the panes are rows of `keys/commands.rs`.

pub mod alerts;
pub mod checklists;
pub mod deploy;
pub mod environments;
pub mod health;
pub mod history;
pub mod logs;
pub mod migrations;
pub mod pipeline;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::effect::{Effect, Take};
use super::keys::Key;
use super::keys::commands::Command;
use super::list::listing::Listing;
use super::list::{self, List, Row};
use super::model::Model;
use super::model::overlay::{Overlay, Sheet};
use super::theme::{Role, Theme};

/// The key handling, scrolling and drawing of a pane.
pub(in crate::tui) trait PaneBehaviour: Sync {
    fn pane(&self) -> Pane;

    /// The commands that the key line shows while the pane is focused, with their labels.
    fn hints(&self) -> &'static [(Command, &'static str)];

    /// Handles Enter: opens the selected row; without one, toggles the zoom.
    fn open(&self, model: &mut Model, _: Key) -> Vec<Effect> {
        if self.whole(model).is_some() {
            model.overlay = Some(Overlay::Sheet(Sheet::Row(self.pane()), 0));
        } else {
            model.zoom = !model.zoom;
        }
        Vec::new()
    }

    /// The selected row in full, to be read and copied; `None` if there is none.
    fn whole(&self, model: &Model) -> Option<String> {
        (self.list()?.whole)(model)
    }

    /// Its list, if it has one.
    fn list(&self) -> Option<&'static List> {
        None
    }

    /// The rows of its list, in their own order; none if it has no list.
    fn rows(&self, model: &Model) -> Vec<Row> {
        self.list().map_or_else(Vec::new, |list| (list.rows)(model))
    }

    /// The names of the orders of its list, its own first. Each row has a rank for each of the others.
    fn orders(&self) -> &'static [&'static str] {
        self.list().map_or(&[], |list| list.orders)
    }

    /// The key of the selected row; `None`: the first.
    fn selected(&self, model: &Model) -> Option<String> {
        model.lists.of(self.pane()).selected.clone()
    }

    /// Selects a row by its key.
    fn select(&self, model: &mut Model, key: &str) {
        model.lists.of_mut(self.pane()).selected = Some(key.to_owned());
    }

    /// Its list, as it is drawn inside its frame; `None` if it shows none.
    fn listing(&self, model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
        (self.list()?.listing)(model, theme, inner)
    }

    /// Moves by `by` lines; positive is down. A list moves its selection.
    fn scroll(&self, model: &mut Model, by: isize) {
        list::update::scroll(model, self.pane(), by);
    }

    /// Handles the mouse wheel, which scrolls and never makes a choice.
    fn wheel(&self, model: &mut Model, by: isize) {
        self.scroll(model, by);
    }

    /// Scrolls sideways, in steps of eight columns.
    fn sideways(&self, _: &mut Model, _: isize) {}

    /// Goes one level back inside the pane; `None` if there is none.
    fn back(&self, _: &mut Model) -> Option<Vec<Effect>> {
        None
    }

    /// Copies or saves the pane's content (`y`, `Y`, `s`); `None` for the report of the run.
    fn take(&self, _: &mut Model, _: Take) -> Option<Vec<Effect>> {
        None
    }

    /// What its tab says besides its name: a count or a state that deserves a look.
    fn badge(&self, _: &Model, _: &Theme) -> Option<(String, Role)> {
        None
    }

    /// Why the pane has nothing to show, in a few words. It is then drawn as its title only, unless it is focused.
    fn folded(&self, _: &Model) -> Option<&'static str> {
        None
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer);
}

macro_rules! panes {
    ($($pane:ident $name:literal $module:ident;)*) => {
        /// The panes, in the order of their keys.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub enum Pane { $($pane),* }

        impl Pane {
            /// All panes, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$pane),*];

            /// The name without the number.
            pub fn name(self) -> &'static str {
                match self { $(Self::$pane => $name),* }
            }

            pub(in crate::tui) fn behaviour(self) -> &'static dyn PaneBehaviour {
                match self { $(Self::$pane => &$module::Behaviour),* }
            }
        }

        /// The states of the panes.
        #[derive(Debug, Clone, Default)]
        pub struct Panes { $(pub $module: $module::State),* }
    };
}

// Each pane is one row. Its number is its position.
panes! {
    Environments "Environments" environments;
    Deploy "Deploy" deploy;
    Logs "Logs" logs;
    Health "Health" health;
    Migrations "Migrations" migrations;
    Checklists "Checklists" checklists;
    History "History" history;
    Pipeline "Pipeline" pipeline;
    Alerts "Alerts" alerts;
}

impl Pane {
    /// The name in a row of tabs.
    pub(in crate::tui) fn short_name(self) -> &'static str {
        match self {
            Self::Environments => "Env",
            Self::Migrations => "Migr",
            Self::Checklists => "Check",
            Self::History => "Hist",
            Self::Pipeline => "Pipe",
            Self::Deploy | Self::Logs | Self::Health | Self::Alerts => self.name(),
        }
    }

    /// The name with the number: `3 Logs`.
    pub fn title(self) -> String {
        format!("{} {}", self as usize + 1, self.name())
    }
}
