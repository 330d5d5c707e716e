//! Polls every environment, each in a separate task.

use std::time::Duration;

use super::acts::Acts;
use super::custom_commands;
use super::pipelines::Whose;
use crate::app::calendars::FETCH_AFTER;
use crate::domain::ids::EnvironmentName;
use crate::domain::planner::EnvironmentSpec;
use crate::domain::snapshot::{EnvironmentSnapshot, Readiness};
use crate::domain::view::RunView;
use crate::engine::proposal::{self, RUNS_SEARCHED};
use crate::engine::watch::Order;
use crate::tui::msg::Msg;

/// Poll interval of each environment.
const OBSERVE_EVERY: Duration = Duration::from_secs(5);
/// Interval at which calendars are read; those at addresses are fetched less often.
const CALENDARS_EVERY: Duration = Duration::from_mins(1);

impl Acts {
    /// Starts polling every environment, until the screen closes.
    pub(super) fn look_regularly(&self) {
        let acts = self.clone();
        tokio::spawn(async move {
            let identity = acts.app.identity().await;
            acts.say(Msg::Actor(identity.to_string())).await;
        });
        for name in self.loaded.environments() {
            let (acts, name) = (self.clone(), name.to_owned());
            tokio::spawn(async move {
                while !acts.sender.is_closed() {
                    acts.look(&name).await;
                    tokio::time::sleep(OBSERVE_EVERY).await;
                }
            });
        }
    }

    /// Reads the calendars of freezes again and again, until the screen closes: files may be edited, and copies get old.
    pub(super) fn read_calendars_regularly(&self) {
        if self.loaded.calendar_sources().is_empty() {
            return;
        }
        let acts = self.clone();
        tokio::spawn(async move {
            while !acts.sender.is_closed() {
                acts.app.fetch_calendars(&acts.loaded, FETCH_AFTER).await;
                tokio::time::sleep(CALENDARS_EVERY).await;
            }
        });
    }

    /// Polls an environment once, unless a poll of it is in flight: a late result must not replace a newer one.
    pub(super) async fn look(&self, name: &str) {
        let turn = self.looking.get(name);
        let Some(Ok(_turn)) = turn.map(tokio::sync::Mutex::try_lock) else {
            return;
        };
        let (environment, seen) = match self.loaded.spec(name) {
            Ok(spec) => {
                let runs = self.past.runs(&self.app, Some(&spec.environment), RUNS_SEARCHED);
                let (runs, unread) = match runs {
                    Ok(runs) => (runs, None),
                    Err(error) => (Vec::new(), Some(error.problem())),
                };
                let mut seen = proposal::look(&self.app.services(), &spec, &runs, false).await;
                seen.databases = self.databases.look(&self.app, &self.loaded, &spec, &runs).await;
                (seen.lint, seen.findings) = self.lints.look(&self.loaded, &spec);
                // An unreadable history is not an empty one: the rollback target is unknown, not missing.
                if let Some(problem) = unread {
                    let why = format!("unknown: the past cannot be read: {}", problem.what);
                    for service in &mut seen.services {
                        service.rollback = Readiness::none(why.clone());
                    }
                }
                if let Ok(watching) = self.loaded.watching(name) {
                    let probes = proposal::probes(&spec, &watching, &seen);
                    let ask = Order::Watch(spec.environment.clone(), probes, seen.unseen.is_none());
                    let _ = self.health.send(ask).await;
                }
                self.ask_pipeline(&spec, &runs);
                self.read_figures(&spec);
                (spec.environment, seen)
            }
            Err(problem) => {
                let Ok(environment) = EnvironmentName::new(name) else {
                    return;
                };
                (environment, EnvironmentSnapshot::new(Vec::new(), Vec::new(), Some(problem)))
            }
        };
        // The list covers all environments, so one of them sends it.
        if self.loaded.environments().first() == Some(&name) {
            self.say(Msg::CustomCommands(
                self.app.custom_command_runs().latest(custom_commands::RUNS_SHOWN),
            ))
            .await;
        }
        self.say(Msg::Looked(environment, seen)).await;
    }

    /// Polls the pipeline in a separate task: GitHub may be slow, and must not delay the live builds.
    fn ask_pipeline(&self, spec: &EnvironmentSpec, runs: &[RunView]) {
        if spec.pipeline.is_none() {
            return;
        }
        let under_way = runs.first().filter(|run| run.ended.is_none());
        let commit = under_way.and_then(|run| run.plan.commit().map(str::to_owned));
        let (acts, spec) = (self.clone(), spec.clone());
        tokio::spawn(async move {
            let (app, config) = (&acts.app, &acts.config);
            let looked = acts.pipelines.look(app, &spec, config, Whose::Of(commit)).await;
            if let Some(looked) = looked {
                acts.say(Msg::Pipeline(spec.environment, looked)).await;
            }
        });
    }
}
