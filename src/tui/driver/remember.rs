//! The last state of the screen, for each config: the pane, how the log is shown, what was run from
//! the palette. Never an open box, a typed word or a chosen target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::domain::log_level::LogLevel;
use crate::tui::keys::commands::{COMMANDS, row_of};
use crate::tui::model::Model;
use crate::tui::panes::Pane;
use crate::tui::panes::logs::model::TimeMode;

/// What is kept of one screen. Whatever cannot be read any more is left as it would be without.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Remembered {
    pane: String,
    zoom: bool,
    wrap: bool,
    time: String,
    level: String,
    recent: Vec<String>,
}

/// Where it is kept.
pub(super) struct Memory {
    file: PathBuf,
    config: String,
    rehearsal: bool,
}

impl Memory {
    pub(super) fn of(app: &App, config: &Path) -> Self {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        let (file, rehearsal) = (app.state.join("screen.json"), app.is_demo());
        Self { file, config: config.display().to_string(), rehearsal }
    }

    fn all(&self) -> BTreeMap<String, Remembered> {
        let read = std::fs::read(&self.file).unwrap_or_default();
        serde_json::from_slice(&read).unwrap_or_default()
    }

    /// Restores the saved view.
    pub(super) fn recall(&self, model: &mut Model) {
        let Some(known) = self.all().remove(&self.config) else { return };
        if let Some(pane) = Pane::ALL.iter().copied().find(|pane| pane.title() == known.pane) {
            (model.focus, model.zoom) = (pane, known.zoom);
        }
        model.panes.logs.wrap = known.wrap;
        if let Some((_, mode)) = TIMES.iter().find(|(name, _)| *name == known.time) {
            model.panes.logs.time = *mode;
        }
        if let Some(level) = LogLevel::ALL.into_iter().find(|level| level.label() == known.level) {
            model.panes.logs.query.level = level;
        }
        let rows = known.recent.iter().filter_map(|name| COMMANDS.iter().find(|r| r.name == name));
        model.recent = rows.map(|row| row.command).collect();
    }

    /// Saves the view. Errors are ignored.
    pub(super) fn keep(&self, model: &Model) {
        if self.rehearsal {
            return;
        }
        let time = TIMES.iter().find(|(_, mode)| *mode == model.panes.logs.time);
        let recent = model.recent.iter().map(|command| row_of(*command));
        let known = Remembered {
            pane: model.focus.title(),
            zoom: model.zoom,
            wrap: model.panes.logs.wrap,
            time: time.map_or("", |(name, _)| name).to_owned(),
            level: model.panes.logs.query.level.label().to_owned(),
            recent: recent.map(|row| row.name.to_owned()).collect(),
        };
        let mut all = self.all();
        all.insert(self.config.clone(), known);
        let new = self.file.with_extension("new");
        let written = serde_json::to_vec_pretty(&all).map_err(std::io::Error::from);
        let written = written.and_then(|json| std::fs::write(&new, json));
        if let Err(error) = written.and_then(|()| std::fs::rename(&new, &self.file)) {
            tracing::debug!(%error, "the state of the screen is not saved");
        }
    }
}

const TIMES: [(&str, TimeMode); 4] = [
    ("utc", TimeMode::Utc),
    ("local", TimeMode::Local),
    ("since", TimeMode::Since),
    ("off", TimeMode::Off),
];
