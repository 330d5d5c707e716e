//! The Environments pane: every environment, its services and what they need.

mod sheet;
pub(in crate::tui) mod view;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Pane, PaneBehaviour};
use crate::domain::verdict::Live;
use crate::tui::keys::commands::Command;
use crate::tui::list::{self, List, Rank, Row};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::theme::Theme;
use crate::tui::update::navigate;

/// The state of the pane.
pub type State = ();

pub(in crate::tui) struct Behaviour;

impl PaneBehaviour for Behaviour {
    fn pane(&self) -> Pane {
        Pane::Environments
    }

    fn hints(&self) -> &'static [(Command, &'static str)] {
        &[(Command::Open, "open"), (Command::NextEnvironment, "environment")]
    }

    fn list(&self) -> Option<&'static List> {
        Some(&List {
            rows: |model| model.environments.iter().map(|of| row(model, of)).collect(),
            orders: &["order of promotion", "needs a person first", "name"],
            listing: |model, theme, inner| Some(view::listing(model, theme, inner)),
            whole: |model| Some(sheet::text(model, model.here()?)),
        })
    }

    fn selected(&self, model: &Model) -> Option<String> {
        model.here().map(|here| here.name.to_string())
    }

    fn select(&self, model: &mut Model, key: &str) {
        if let Some(at) = model.environments.iter().position(|e| e.name.as_str() == key) {
            navigate::select(model, at);
        }
    }

    fn scroll(&self, model: &mut Model, by: isize) {
        list::update::scroll(model, Pane::Environments, by.signum());
    }

    fn wheel(&self, _: &mut Model, _: isize) {}

    fn draw(&self, model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
        view::render(model, theme, area, buffer);
    }
}

fn row(model: &Model, environment: &Environment) -> Row {
    let live: Vec<String> = match model.evidence(environment).live() {
        Live::Services(all) => all.iter().map(|of| format!("{} {}", of.service, of.name)).collect(),
        Live::NotRead | Live::Unknown(_) => Vec::new(),
    };
    let name = environment.name.to_string();
    let needed = navigate::need(environment).is_some();
    let ranks = vec![Rank::Number(u64::from(!needed)), Rank::Text(name.clone())];
    Row { text: format!("{name} {}", live.join(" ")), key: name, ranks }
}
