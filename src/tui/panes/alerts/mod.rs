//! The Alerts pane: deliveries that were sent, are pending or were given up, and whether alerts are silenced.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::tui::effect::{Effect, Take};
use crate::tui::keys::commands::Command;
use crate::tui::list::List;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};

/// The state of the pane.
pub type State = model::AlertsPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Alerts
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[(Command::Copy, "copy")]
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

    fn badge(&self, model: &Model, _: &Theme) -> Option<(String, Role)> {
        let pending = model.panes.alerts.queue.as_ref()?.pending;
        (pending > 0).then(|| (pending.to_string(), Role::Warning))
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
