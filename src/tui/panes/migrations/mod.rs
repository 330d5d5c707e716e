//! The Migrations pane: the versions of the selected environment's databases.

pub mod model;
pub(in crate::tui) mod update;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::tui::keys::commands::Command;
use crate::tui::list::List;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};

/// The state of the pane.
pub type State = ();

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Migrations
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[(Command::Migrate, "apply…"), (Command::UndoMigrations, "undo…")]
    }

    fn list(&self) -> Option<&'static List> {
        Some(&List {
            rows: model::list,
            orders: model::ORDERS,
            listing: view::listing,
            whole: model::sheet,
        })
    }

    fn badge(&self, model: &Model, _: &Theme) -> Option<(String, Role)> {
        let databases = model::databases(model.here()?);
        let pending: usize = databases.iter().map(|database| database.pending().count()).sum();
        (pending > 0).then(|| (pending.to_string(), Role::Warning))
    }

    fn folded(&self, model: &Model) -> Option<&'static str> {
        let (seen, _) = model.here()?.seen.as_ref()?;
        seen.databases.as_ref()?.is_empty().then_some("none configured")
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
