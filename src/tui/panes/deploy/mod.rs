//! The Deploy pane: the run of the selected environment, or the choices for a run in doubt.

pub mod model;
mod step_sheet;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::list::Row;
use crate::tui::list::listing::Listing;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// The state of the pane.
pub type State = model::DeployPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Deploy
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[(Command::NextEnvironment, "environment")]
    }

    fn open(&self, model: &mut Model, key: Key) -> Vec<Effect> {
        update::open(model, key)
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        update::scroll(model, by);
    }

    /// The steps. They have one order and are no long list, so they can be clicked, but not filtered.
    fn rows(&self, model: &Model) -> Vec<Row> {
        update::rows(model)
    }

    fn select(&self, model: &mut Model, key: &str) {
        update::select(model, key);
    }

    fn listing(&self, model: &Model, theme: &Theme, inner: Rect) -> Option<Listing> {
        view::listing(model, theme, inner)
    }

    fn wheel(&self, model: &mut Model, by: isize) {
        update::scroll_steps(model, by);
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
