//! The Checklists pane: the items that guard the run.

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
pub type State = model::ChecklistPane;

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Checklists
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[
            (Command::Tick, "tick"),
            (Command::TickWithNote, "note"),
            (Command::Override, "override…"),
            (Command::Untick, "untick"),
            (Command::OpenOnly, "only open"),
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

    fn badge(&self, model: &Model, _: &Theme) -> Option<(String, Role)> {
        let here = model.here()?;
        here.under_way()?;
        let tally = model::count(&model::rows(here, model.now), None);
        (tally.all > 0)
            .then(|| (format!("{}/{}", tally.done + tally.overridden, tally.all), Role::Waiting))
    }

    fn folded(&self, model: &Model) -> Option<&'static str> {
        let here = model.here()?;
        let Some(run) = &here.run else { return here.read.then_some("no deploy yet") };
        run.view.plan.checklist.is_empty().then_some("none for this run")
    }

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}
