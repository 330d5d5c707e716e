//! The Pipeline pane: the CI run that tests the release.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::PaneBehaviour;
use crate::tui::effect::{Effect, Take};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// The state of the pane.
pub type State = model::PipelinePane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::Open, "log"),
            (Command::ApproveDeployment, "approve…"),
            (Command::RejectDeployment, "reject…"),
            (Command::RunFailedAgain, "run failed again…"),
            (Command::BeginPipeline, "begin…"),
        ]
    }

    fn open(&self, model: &mut Model, _: Key) -> Vec<Effect> {
        update::open(model)
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        update::scroll(model, by);
    }

    fn take(&self, model: &mut Model, what: Take) -> Option<Vec<Effect>> {
        (what != Take::Save).then(|| update::copy(model))
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
