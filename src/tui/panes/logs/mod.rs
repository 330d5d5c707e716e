//! The Logs pane: the log of the followed run.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::tui::effect::{Effect, Take};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// The state of the pane.
pub type State = model::LogsPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Logs
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::Search, "search"),
            (Command::NextError, "error"),
            (Command::Follow, "follow"),
            (Command::Level, "level"),
            (Command::Copy, "copy"),
            (Command::Save, "save"),
        ]
    }

    fn open(&self, _: &mut Model, _: Key) -> Vec<Effect> {
        Vec::new()
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        model.panes.logs.scroll(by);
    }

    fn sideways(&self, model: &mut Model, by: isize) {
        let logs = &mut model.panes.logs;
        if !logs.wrap {
            logs.column = logs.column.saturating_add_signed(by * 8).min(4096);
        }
    }

    fn back(&self, model: &mut Model) -> Option<Vec<Effect>> {
        update::back(model)
    }

    fn take(&self, model: &mut Model, what: Take) -> Option<Vec<Effect>> {
        Some(update::take(model, what))
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
