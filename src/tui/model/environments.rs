//! An environment: its config, its stored state and its observed state.

use std::time::Duration;

use crate::domain::checklist::Tick;
use crate::domain::drift::drift;
use crate::domain::error::Problem;
use crate::domain::freeze::{ahead, frozen};
use crate::domain::ids::EnvironmentName;
use crate::domain::policy::Protection;
use crate::domain::probe::{ProbeChange, ProbeSnapshot};
use crate::domain::recover::Doubt;
use crate::domain::run::RunState;
use crate::domain::snapshot::EnvironmentSnapshot;
use crate::domain::time::Timestamp;
use crate::domain::verdict::Evidence;
use crate::domain::view::RunView;
use crate::tui::model::Model;
use crate::tui::panes::health::figures::FigureReadings;
use crate::tui::panes::pipeline::model::PipelineSnapshot;

/// A run as the store lists it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunSnapshot {
    /// Folded from its facts.
    pub view: RunView,
    /// The process ID of its runner, if that is alive.
    pub runner: Option<u32>,
    /// The machine of its runner, if that is another one.
    #[serde(default)]
    pub host: Option<String>,
    /// Who has it on the screen of another machine.
    #[serde(default)]
    pub watchers: Vec<String>,
}

/// An environment on the screen: its snapshot, its run and what the panes keep about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Environment {
    pub name: EnvironmentName,
    /// The confirmation that changes to the environment need.
    pub protection: Protection,
    /// The names of its services, in the order their traffic moves.
    pub services: Vec<String>,
    /// Its last snapshot, and the time of it since the screen started.
    pub seen: Option<(EnvironmentSnapshot, Duration)>,
    /// Whether the store was read. Before that, a missing run does not mean "no run".
    pub read: bool,
    pub run: Option<RunSnapshot>,
    /// People's actions on its run's checklists.
    pub ticks: Vec<Tick>,
    /// The holder and reason of its lock.
    pub lock: Option<String>,
    /// The last state of its probes.
    pub probes: Vec<ProbeSnapshot>,
    /// Recent changes of probe states, newest first.
    pub turned: Vec<ProbeChange>,
    /// What the platform measured of its services, where the config uses that.
    pub figures: FigureReadings,
    /// Whether it has a pipeline.
    pub tested: bool,
    pub pipeline: Option<PipelineSnapshot>,
    /// The observed state of its run in doubt, or why it is unknown.
    pub doubt: Option<Result<Doubt, Problem>>,
}

/// How far ahead freezes are shown.
const LOOK_AHEAD: Duration = Duration::from_hours(24);

/// Age from which a snapshot is stale: two and a half polls.
const STALE_AFTER: Duration = Duration::from_secs(13);

impl Environment {
    /// An environment before the first read.
    pub fn new(name: EnvironmentName, protection: Protection, services: Vec<String>) -> Self {
        let (seen, run, lock, doubt) = (None, None, None, None);
        let (probes, turned, ticks) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            name,
            protection,
            services,
            seen,
            read: false,
            run,
            ticks,
            lock,
            probes,
            turned,
            figures: FigureReadings::default(),
            tested: false,
            pipeline: None,
            doubt,
        }
    }

    /// The probe of a service's live address, if there is one.
    pub fn answers(&self, service: &str) -> Option<&ProbeSnapshot> {
        self.probes.iter().find(|probe| probe.live && probe.name == service)
    }

    /// The run, unless it has ended.
    pub fn under_way(&self) -> Option<&RunSnapshot> {
        self.run.as_ref().filter(|run| !matches!(run.view.state, RunState::Ended { .. }))
    }

    /// The unfinished run whose runner is dead.
    pub fn in_doubt(&self) -> Option<&RunSnapshot> {
        self.under_way().filter(|run| run.runner.is_none())
    }

    /// The unfinished run whose runner is alive.
    pub fn driven(&self) -> Option<&RunSnapshot> {
        self.under_way().filter(|run| run.runner.is_some())
    }

    /// Differences from the state that the last run left, and inconsistencies.
    pub fn drift(&self) -> Vec<String> {
        let last = self.run.as_ref().map(|run| &run.view);
        self.seen.as_ref().map_or_else(Vec::new, |(seen, _)| drift(seen, last))
    }

    /// The services whose automatic rollouts an ended run left disabled: a push deploys nothing.
    pub fn held(&self) -> Vec<String> {
        if self.driven().is_some() {
            return Vec::new();
        }
        let seen = self.seen.iter().flat_map(|(seen, _)| &seen.services);
        let held = seen.filter(|service| service.rollouts_held);
        held.map(|service| service.service.to_string()).collect()
    }

    /// A description of the active freeze window.
    pub fn frozen(&self, now: Timestamp) -> Option<String> {
        frozen(&self.seen.as_ref()?.0.freeze, now)
    }

    /// The freeze that begins within a day, if none is in force.
    pub fn freezes_soon(&self, now: Timestamp) -> Option<String> {
        ahead(&self.seen.as_ref()?.0.freeze, now, LOOK_AHEAD)
    }

    /// The age of the data, if it is stale.
    pub fn stale(&self, elapsed: Duration) -> Option<Duration> {
        let (_, at) = self.seen.as_ref()?;
        let age = elapsed.saturating_sub(*at);
        (age > STALE_AFTER).then_some(age)
    }
}

impl Model {
    /// What is known about an environment, from which every sentence about it is made.
    pub fn evidence<'a>(&'a self, here: &'a Environment) -> Evidence<'a> {
        let latest = here.run.as_ref().map(|run| &run.view);
        let past = self.panes.history.runs.iter().filter(|run| run.plan.environment == here.name);
        Evidence {
            seen: here.seen.as_ref().map(|(seen, _)| seen),
            stale: here.stale(self.elapsed).is_some(),
            driven: here.driven().map(|run| &run.view),
            switched: latest.into_iter().chain(past).find(|view| view.touched_traffic()),
            probes: &here.probes,
            now: self.now,
        }
    }
}
