//! The Pipeline pane: the CI run that tests the release.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::domain::pipeline::Standing;
use crate::tui::effect::{Effect, Take};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::list::List;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};

/// The state of the pane.
pub type State = ();

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Pipeline
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::Open, "log"),
            (Command::ApproveDeployment, "approve…"),
            (Command::RejectDeployment, "reject…"),
            (Command::RunFailedAgain, "run failed again…"),
            (Command::BeginPipeline, "begin…"),
        ]
    }

    fn list(&self) -> Option<&'static List> {
        Some(&List {
            rows: model::list,
            orders: model::ORDERS,
            listing: view::listing,
            whole: |_| None,
        })
    }

    fn open(&self, model: &mut Model, _: Key) -> Vec<Effect> {
        update::open(model)
    }

    fn take(&self, model: &mut Model, what: Take) -> Option<Vec<Effect>> {
        (what != Take::Save).then(|| update::copy(model))
    }

    fn badge(&self, model: &Model, theme: &Theme) -> Option<(String, Role)> {
        let run = model.here()?.pipeline.as_ref()?.run.as_ref()?;
        let mark = theme.pipeline(&run.standing);
        let news = matches!(run.standing, Standing::Waiting | Standing::Failed(_));
        news.then(|| (mark.glyph.to_owned(), mark.role))
    }

    fn folded(&self, model: &Model) -> Option<&'static str> {
        (!model.here()?.tested).then_some("none configured")
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
