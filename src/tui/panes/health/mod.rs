//! The Health pane: the probes of the selected environment.

pub(in crate::tui) mod chart;
pub mod figures;
pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::domain::probe;
use crate::tui::effect::{Effect, Take};
use crate::tui::keys::commands::Command;
use crate::tui::list::List;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};

/// The state of the pane.
pub type State = model::HealthPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Health
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::ProbeNow, "probe now"),
            (Command::HideOk, "hide healthy probes"),
            (Command::Mute, "mute"),
            (Command::Copy, "copy table"),
        ]
    }

    fn list(&self) -> Option<&'static List> {
        Some(&List {
            rows: model::list,
            orders: model::ORDERS,
            listing: view::listing,
            whole: model::sheet,
        })
    }

    fn take(&self, model: &mut Model, what: Take) -> Option<Vec<Effect>> {
        (what != Take::Save).then(|| update::copy(model))
    }

    fn badge(&self, model: &Model, theme: &Theme) -> Option<(String, Role)> {
        let (worst, count) = model::counts(&model.here()?.probes).into_iter().next()?;
        let mark = theme.state(worst);
        (worst != probe::State::Ok).then(|| (format!("{}{count}", mark.glyph), mark.role))
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
