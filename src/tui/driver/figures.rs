//! Reads the platform's figures of live builds, once a minute and environment, and only where the config uses them.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::acts::Acts;
use crate::app::App;
use crate::domain::ids::EnvironmentName;
use crate::domain::planner::EnvironmentSpec;
use crate::engine::proposal::{self, FIGURES_EVERY};
use crate::tui::msg::Msg;

/// When each environment was last read, on the monotonic clock.
#[derive(Debug, Default)]
pub(super) struct Figures(Mutex<BTreeMap<EnvironmentName, Duration>>);

impl Figures {
    /// Whether it is time to read an environment. Counts as read from then on.
    fn due(&self, app: &App, name: &EnvironmentName) -> bool {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = app.clock.elapsed();
        if read.get(name).is_some_and(|at| now.saturating_sub(*at) < FIGURES_EVERY) {
            return false;
        }
        read.insert(name.clone(), now);
        true
    }
}

impl Acts {
    /// Reads the figures of an environment in a separate task, if it is time: monitoring may be slow.
    pub(super) fn read_figures(&self, spec: &EnvironmentSpec) {
        if !proposal::uses_figures(spec) || !self.figures.due(&self.app, &spec.environment) {
            return;
        }
        let (acts, spec) = (self.clone(), spec.clone());
        tokio::spawn(async move {
            let read = proposal::figures_now(&acts.app.services(), &spec).await;
            acts.say(Msg::Figures(spec.environment, read)).await;
        });
    }
}
