//! The History pane: the runs of every environment.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::list::{self, List};
use crate::tui::model::Model;
use crate::tui::theme::Theme;

/// The state of the pane.
pub type State = model::HistoryPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::History
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::Open, "open"),
            (Command::Compare, "compare"),
            (Command::Copy, "copy report"),
            (Command::Save, "save report"),
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
        update::open(model);
        model.zoom = model.panes.history.open.is_some();
        Vec::new()
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        list::update::scroll(model, Pane::History, by);
        if model.panes.history.open.is_some() {
            update::open(model);
        }
    }

    fn wheel(&self, model: &mut Model, by: isize) {
        list::update::scroll(model, Pane::History, by);
    }

    fn back(&self, model: &mut Model) -> Option<Vec<Effect>> {
        model.panes.history.open.take()?;
        model.panes.history.compare = false;
        Some(Vec::new())
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
