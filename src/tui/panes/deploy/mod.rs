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
use crate::tui::list::List;
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

    fn list(&self) -> Option<&'static List> {
        // The steps can be clicked; a list of a few lines is neither filtered nor sorted.
        Some(&List { rows: update::rows, orders: &[], listing: view::listing, whole: |_| None })
    }

    fn open(&self, model: &mut Model, key: Key) -> Vec<Effect> {
        update::open(model, key)
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        update::scroll(model, by);
    }

    fn select(&self, model: &mut Model, key: &str) {
        update::select(model, key);
    }

    fn wheel(&self, model: &mut Model, by: isize) {
        update::scroll_steps(model, by);
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
