//! The Environments pane: every environment, its services and what they need.

pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Pane;
use super::PaneBehaviour;
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::theme::Theme;
use crate::tui::update::navigate;

/// The state of the pane.
pub type State = ();

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[(Command::NextEnvironment, "environment")]
    }

    fn open(&self, model: &mut Model, _: Key) -> Vec<Effect> {
        (model.focus, model.zoom) = (Pane::Deploy, false);
        Vec::new()
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        navigate::environment(model, by.signum());
    }

    fn wheel(&self, _: &mut Model, _: isize) {}

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
