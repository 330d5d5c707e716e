//! Saves the state of the screen for each config: the pane, how the log is shown and the recent palette commands.
//! Never an open dialog, typed text or a chosen target.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::tui::model::Model;
use crate::tui::model::remembered::Remembered;

/// The file of saved screen states, and the config whose state is used.
pub(super) struct Memory {
    file: PathBuf,
    config: String,
    rehearsal: bool,
    /// The environment that a rehearsal is about.
    about: Option<&'static str>,
}

impl Memory {
    pub(super) fn of(app: &App, config: &Path) -> Self {
        let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
        let (file, rehearsal) = (app.state.join("screen.json"), app.is_demo());
        let about = app.demo_environment();
        Self { file, config: config.display().to_string(), rehearsal, about }
    }

    fn all(&self) -> BTreeMap<String, Remembered> {
        let read = std::fs::read(&self.file).unwrap_or_default();
        serde_json::from_slice(&read).unwrap_or_default()
    }

    /// The saved state for this config.
    pub(super) fn recall(&self) -> Remembered {
        if let Some(environment) = self.about {
            return Remembered::at(environment);
        }
        self.all().remove(&self.config).unwrap_or_default()
    }

    /// Saves the state, except of a rehearsal. Errors are only logged.
    pub(super) fn keep(&self, model: &Model) {
        if self.rehearsal {
            return;
        }
        let mut all = self.all();
        all.insert(self.config.clone(), Remembered::of(model));
        let new = self.file.with_extension("new");
        let written = serde_json::to_vec_pretty(&all).map_err(std::io::Error::from);
        let written = written.and_then(|json| std::fs::write(&new, json));
        if let Err(error) = written.and_then(|()| std::fs::rename(&new, &self.file)) {
            tracing::debug!(%error, "the state of the screen is not saved");
        }
    }
}
