//! The screen state that is kept for the next session: never an open dialog, typed text or a chosen target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Model;
use super::arrangement::Arrangement;
use super::messages::Message;
use crate::domain::log_level::LogLevel;
use crate::tui::keys::commands::{COMMANDS, row_of};
use crate::tui::panes::Pane;
use crate::tui::panes::logs::model::TimeMode;

/// The kept state of one screen. Values that can no longer be read are ignored, so the defaults apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    environment: String,
    pane: String,
    arrangement: Arrangement,
    /// How each list is sorted, by the title of its pane.
    orders: BTreeMap<String, usize>,
    zoom: bool,
    wrap: bool,
    time: String,
    level: String,
    recent: Vec<String>,
    messages: Vec<Message>,
}

impl Remembered {
    /// The state of a model that is kept between sessions.
    pub fn of(model: &Model) -> Self {
        let logs = &model.panes.logs;
        let time = TIMES.iter().find(|(_, mode)| *mode == logs.time);
        let recent = model.recent.iter().map(|command| row_of(*command));
        Self {
            environment: model.here().map_or_else(String::new, |here| here.name.to_string()),
            pane: model.focus.title(),
            arrangement: model.arrangement,
            orders: Pane::ALL
                .iter()
                .map(|pane| (pane.title(), model.lists.of(*pane).order))
                .filter(|(_, order)| *order > 0)
                .collect(),
            zoom: model.zoom,
            wrap: logs.wrap,
            time: time.map_or("", |(name, _)| name).to_owned(),
            level: logs.query.level.label().to_owned(),
            recent: recent.map(|row| row.name.to_owned()).collect(),
            messages: model.messages.all.iter().rev().take(MESSAGES_KEPT).rev().cloned().collect(),
        }
    }

    /// Nothing is remembered but an environment.
    pub fn at(environment: &str) -> Self {
        Self { environment: environment.to_owned(), ..Self::default() }
    }

    /// Restores the state. Unknown names are ignored.
    pub fn recall(&self, model: &mut Model) {
        if let Some(pane) = Pane::ALL.iter().copied().find(|pane| pane.title() == self.pane) {
            (model.focus, model.zoom) = (pane, self.zoom);
        }
        model.arrangement = self.arrangement;
        for pane in Pane::ALL {
            let order = self.orders.get(&pane.title()).copied().unwrap_or(0);
            let known = order < pane.behaviour().orders().len();
            model.lists.of_mut(*pane).order = if known { order } else { 0 };
        }
        let named = model.environments.iter().position(|e| e.name.as_str() == self.environment);
        model.selected = named.unwrap_or(model.selected);
        model.panes.logs.wrap = self.wrap;
        if let Some((_, mode)) = TIMES.iter().find(|(name, _)| *name == self.time) {
            model.panes.logs.time = *mode;
        }
        if let Some(level) = LogLevel::ALL.into_iter().find(|level| level.label() == self.level) {
            model.panes.logs.query.level = level;
        }
        let rows = self.recent.iter().filter_map(|name| COMMANDS.iter().find(|r| r.name == name));
        model.messages.all = self.messages.iter().cloned().collect();
        model.recent = rows.map(|row| row.command).collect();
    }
}

/// Number of messages that the next session lists.
const MESSAGES_KEPT: usize = 100;

const TIMES: [(&str, TimeMode); 4] = [
    ("utc", TimeMode::Utc),
    ("local", TimeMode::Local),
    ("since", TimeMode::Since),
    ("off", TimeMode::Off),
];
