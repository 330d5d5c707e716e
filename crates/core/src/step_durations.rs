//! Usual step durations in an environment, from successful runs.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::event::Outcome;
use super::ids::{EnvironmentName, StepId};
use super::plan::RunKind;
use super::run::RunState;
use super::step::{StepKind, StepState};
use super::view::RunView;

/// Number of recent runs considered.
const RUNS_USED: usize = 10;
/// Minimum number of runs for a prediction.
pub const LEAST_RUNS: usize = 3;

/// The usual duration of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// Median.
    pub p50: Duration,
    /// 95th percentile; with few runs, the longest.
    pub p95: Duration,
}

/// The usual step durations of a kind of run on one environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepDurations {
    /// By step; gates are left out, since they wait for people.
    pub steps: BTreeMap<StepId, Took>,
    /// The steps that switch traffic or verify a switch.
    pub switching: BTreeSet<StepId>,
    /// Number of runs that these times are from.
    pub runs: usize,
}

impl StepDurations {
    /// Computes the durations from runs, newest first.
    pub fn of(runs: &[RunView], environment: &EnvironmentName, kind: RunKind) -> Self {
        let good = |outcome: &Outcome| outcome.reached();
        let like = |run: &&RunView| {
            run.plan.environment == *environment
                && run.plan.kind == kind
                && !run.undoing()
                && matches!(&run.state, RunState::Ended { outcome } if good(outcome))
        };
        let runs: Vec<&RunView> = runs.iter().filter(like).take(RUNS_USED).collect();
        let mut all: BTreeMap<StepId, Vec<u64>> = BTreeMap::new();
        for step in runs.iter().flat_map(|run| &run.steps) {
            if matches!(step.state, StepState::Ok | StepState::Warning) && !step.plan.kind.is_gate()
            {
                all.entry(step.plan.id.clone()).or_default().push(step.took_ms);
            }
        }
        let steps = all.into_iter().filter_map(|(id, took)| Some((id, took_of(took)?)));
        let switching = runs.iter().flat_map(|run| &run.steps).map(|step| &step.plan);
        let switching = switching
            .filter(|step| matches!(step.kind, StepKind::Switch { .. } | StepKind::Attest { .. }))
            .map(|step| step.id.clone());
        Self { switching: switching.collect(), steps: steps.collect(), runs: runs.len() }
    }

    /// Estimated remaining time of a run, without its gates. None: too few runs, or a step without a known duration.
    pub fn left(&self, view: &RunView, now_ms: u64) -> Option<Duration> {
        if self.runs < LEAST_RUNS {
            return None;
        }
        let mut left = Duration::ZERO;
        for step in view.steps.iter().filter(|step| !step.plan.kind.is_gate()) {
            let usual = || self.steps.get(&step.plan.id).map(|took| took.p50);
            match step.state {
                StepState::Pending => left += usual()?,
                StepState::Running { .. } => {
                    let gone = now_ms.saturating_sub(step.began_ms.unwrap_or(now_ms));
                    left += usual()?.saturating_sub(Duration::from_millis(gone));
                }
                StepState::Waiting
                | StepState::Ok
                | StepState::Warning
                | StepState::Failed { .. }
                | StepState::Skipped { .. }
                | StepState::NotRun { .. }
                | StepState::Undone
                | StepState::InDoubt => {}
            }
        }
        Some(left)
    }
}

/// Exact percentiles of all values, by nearest rank.
fn took_of(mut took: Vec<u64>) -> Option<Took> {
    took.sort_unstable();
    let rank = |percent: usize| {
        let at = (took.len() * percent).div_ceil(100).saturating_sub(1);
        took.get(at).copied().map(Duration::from_millis)
    };
    Some(Took { p50: rank(50)?, p95: rank(95)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_use_nearest_rank() {
        let took = took_of((1..=10).map(|n| n * 100).collect()).unwrap();
        assert_eq!((took.p50.as_millis(), took.p95.as_millis()), (500, 1000));
        let one = took_of(vec![7]).unwrap();
        assert_eq!((one.p50.as_millis(), one.p95.as_millis()), (7, 7));
        assert_eq!(took_of(Vec::new()), None);
    }
}
