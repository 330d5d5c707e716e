//! The History pane: the runs of every environment, newest first.

use std::time::Duration;

use crate::domain::error::Problem;
use crate::domain::event::Outcome;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::plan::RunKind;
use crate::domain::run::RunState;
use crate::domain::time::Timestamp;
use crate::domain::view::RunView;

/// Where the pane stands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPane {
    /// The runs, newest first.
    pub runs: Vec<RunView>,
    /// Whether they were read yet.
    pub read: bool,
    /// Why they cannot be read.
    pub problem: Option<Problem>,
    /// The selected one.
    pub selected: usize,
    /// The run that is opened, if one is.
    pub open: Option<RunNumber>,
    /// Whether the opened one is shown beside the one before it.
    pub compare: bool,
}

impl HistoryPane {
    /// The selected run.
    pub fn chosen(&self) -> Option<&RunView> {
        self.runs.get(self.selected)
    }

    /// The run that is opened.
    pub fn opened(&self) -> Option<&RunView> {
        self.runs.iter().find(|run| Some(run.number) == self.open)
    }

    /// The run of the same kind on the same environment before one.
    pub fn before(&self, run: &RunView) -> Option<&RunView> {
        self.runs.iter().find(|earlier| {
            earlier.number < run.number
                && earlier.plan.kind == run.plan.kind
                && earlier.plan.environment == run.plan.environment
                && earlier.ended.is_some()
        })
    }

    /// How an environment's deploys went over a while.
    pub fn figures(&self, of: &EnvironmentName, now: Timestamp, over: Duration) -> Figures {
        let age = |run: &&RunView| Duration::try_from(now.duration_since(run.started));
        let within = |run: &&RunView| age(run).is_ok_and(|age| age <= over);
        let runs = self.runs.iter().filter(|run| run.plan.environment == *of).filter(within);
        let mut figures = Figures::default();
        let (mut took, mut undone) = (Vec::new(), Vec::new());
        for run in runs {
            let RunState::Ended { outcome } = run.state else { continue };
            match (run.plan.kind, outcome) {
                (RunKind::Deploy, Outcome::Promoted) => {
                    figures.promoted += 1;
                    // How long people took says nothing about the deploy.
                    took.push(run.active_ms());
                }
                (RunKind::Deploy, Outcome::RolledBack) => figures.rolled_back += 1,
                (RunKind::Deploy, Outcome::Failed | Outcome::Unknown) if run.touched_traffic() => {
                    figures.failed += 1;
                }
                (RunKind::Deploy, Outcome::Failed | Outcome::Unknown | Outcome::Aborted) => {
                    figures.stopped += 1;
                }
                (RunKind::Rollback, Outcome::RolledBack) => {
                    figures.undone += 1;
                    undone.push(run.active_ms());
                }
                _ => {}
            }
        }
        (figures.deploy_p50, figures.undo_p50) = (median(took), median(undone));
        figures
    }
}

fn median(mut ms: Vec<u64>) -> Option<Duration> {
    ms.sort_unstable();
    ms.get(ms.len().div_ceil(2).checked_sub(1)?).copied().map(Duration::from_millis)
}

/// How deploys went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Deploys that reached customers and stayed.
    pub promoted: usize,
    /// That were taken back within their run.
    pub rolled_back: usize,
    /// That failed after traffic moved, or whose end nobody can say.
    pub failed: usize,
    /// That ended before any customer saw them.
    pub stopped: usize,
    /// Rollbacks that were runs of their own.
    pub undone: usize,
    /// Half of the promoted ones took no longer.
    pub deploy_p50: Option<Duration>,
    /// Half of the rollbacks took no longer.
    pub undo_p50: Option<Duration>,
}

impl Figures {
    /// Deploys that moved traffic.
    pub fn deploys(&self) -> usize {
        self.promoted + self.rolled_back + self.failed
    }

    /// DORA's change failure rate: of the deploys that reached customers, those that failed there or
    /// were taken back, in their own run or by a rollback, in percent. What was stopped before the
    /// switch harmed nobody and does not count. None: nothing reached customers.
    pub fn change_failures(&self) -> Option<usize> {
        let bad = self.rolled_back + self.failed + self.undone;
        (self.deploys() > 0).then(|| (bad * 100 / self.deploys()).min(100))
    }
}
