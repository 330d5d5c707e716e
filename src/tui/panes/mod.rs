//! The panes, one folder each: `model` is what it keeps, `update` what its commands do, `view` how it is drawn, and
//! `mod` what it has of `PaneBehaviour`. A pane is registered in the table below, and its commands are rows of
//! `keys/commands.rs`.

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
use super::model::Model;
use super::theme::Theme;

/// The behaviour of a pane.
pub(in crate::tui) trait PaneBehaviour: Sync {
    /// The commands that the key line offers while the pane has the keys, and what it calls them.
    fn hints(&self) -> &'static [(Command, &'static str)];

    /// Whether the key line offers acts before these.
    fn acts_first(&self) -> bool {
        false
    }

    /// Enter.
    fn open(&self, model: &mut Model, _: Key) -> Vec<Effect> {
        model.zoom = !model.zoom;
        Vec::new()
    }

    /// Moves by lines, down if it is positive.
    fn scroll(&self, model: &mut Model, by: isize);

    /// The wheel scrolls and never chooses.
    fn wheel(&self, model: &mut Model, by: isize) {
        self.scroll(model, by);
    }

    /// Moves sideways, in columns of eight characters.
    fn sideways(&self, _: &mut Model, _: isize) {}

    /// One level back inside the pane; none if there was none.
    fn back(&self, _: &mut Model) -> Option<Vec<Effect>> {
        None
    }

    /// The content that `y`, `Y` and `s` take here; `None` for the report of the run.
    fn take(&self, _: &mut Model, _: Take) -> Option<Vec<Effect>> {
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
            /// In the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$pane),*];

            /// Its name, without its number.
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

// A pane is one row here; its number is its place.
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
    /// `3 Logs`.
    pub fn title(self) -> String {
        format!("{} {}", self as usize + 1, self.name())
    }
}
