//! DORA's four metrics (dora.dev) of an environment over a period, and the numbers they are computed from.

use std::time::Duration;

use super::event::Outcome;
use super::ids::EnvironmentName;
use super::plan::RunKind;
use super::run::RunState;
use super::time::Timestamp;
use super::view::RunView;

/// DORA's four metrics over a period, and the number of deploys that they are based on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DoraMetrics {
    pub over: Duration,
    /// Number of deploys that reached customers and were promoted.
    pub promoted: usize,
    /// Number of deploys rolled back within their run.
    pub rolled_back: usize,
    /// Number of deploys that failed after traffic moved, or whose end is unknown.
    pub failed: usize,
    /// Number of deploys that ended before the switch.
    pub stopped: usize,
    /// Number of rollbacks that were separate runs.
    pub undone: usize,
    /// Median duration of promoted deploys, without time spent waiting for people.
    pub deploy_p50: Option<Duration>,
    /// Median duration of rollbacks, counted the same way.
    pub undo_p50: Option<Duration>,
    /// DORA's lead time for changes: median time from the commit of a promoted release to the end of its run. None: no
    /// promoted release has a known commit time.
    pub lead_p50: Option<Duration>,
    /// DORA's recovery time: median time that a bad release was live, from the first switch to
    /// it until traffic was rolled back.
    pub recovery_p50: Option<Duration>,
}

impl DoraMetrics {
    /// Computes the metrics from an environment's runs, newest first.
    pub fn of(
        runs: &[RunView],
        environment: &EnvironmentName,
        now: Timestamp,
        over: Duration,
    ) -> Self {
        let here: Vec<&RunView> =
            runs.iter().filter(|run| run.plan.environment == *environment).collect();
        let mut figures = Self { over, ..Self::default() };
        let (mut took, mut undone) = (Vec::new(), Vec::new());
        let (mut lead, mut recovery) = (Vec::new(), Vec::new());
        for (at, run) in here.iter().enumerate() {
            let RunState::Ended { outcome } = run.state else { continue };
            if between(run.started, now).is_none_or(|age| age > over) {
                continue;
            }
            match (run.plan.kind, outcome) {
                (RunKind::Deploy, Outcome::Promoted) => {
                    figures.promoted += 1;
                    // Time spent waiting for people says nothing about the deploy.
                    took.push(Duration::from_millis(run.active_ms()));
                    lead.extend(run.plan.committed.zip(run.ended).and_then(|(c, e)| between(c, e)));
                }
                (RunKind::Deploy, Outcome::RolledBack) => {
                    figures.rolled_back += 1;
                    recovery.extend(since_switch(run));
                }
                (RunKind::Deploy, Outcome::Failed | Outcome::Unknown) if run.touched_traffic() => {
                    figures.failed += 1;
                }
                (RunKind::Deploy, Outcome::Failed | Outcome::Unknown | Outcome::Aborted) => {
                    figures.stopped += 1;
                }
                (RunKind::Rollback, Outcome::RolledBack) => {
                    figures.undone += 1;
                    undone.push(Duration::from_millis(run.active_ms()));
                    let undid = here[at + 1..].iter().find(|earlier| earlier.touched_traffic());
                    recovery.extend(undid.and_then(|bad| bad_for(bad, run)));
                }
                _ => {}
            }
        }
        figures.deploy_p50 = median(took);
        figures.undo_p50 = median(undone);
        figures.lead_p50 = median(lead);
        figures.recovery_p50 = median(recovery);
        figures
    }

    /// Number of deploys that moved traffic.
    pub fn deploys(&self) -> usize {
        self.promoted + self.rolled_back + self.failed
    }

    /// DORA's deployment frequency, in tenths of a deploy per week.
    pub fn tenths_a_week(&self) -> u64 {
        let deploys = u64::try_from(self.deploys()).unwrap_or(u64::MAX);
        (deploys * 10 * 7 * 24).checked_div(self.over.as_secs() / 3600).unwrap_or_default()
    }

    /// DORA's change failure rate: of the deploys that reached customers, the percentage that failed
    /// or was rolled back, in its own run or by a rollback. Deploys that stopped before the
    /// switch did no harm and do not count. None: no deploy reached customers.
    pub fn change_failures(&self) -> Option<usize> {
        let bad = self.rolled_back + self.failed + self.undone;
        (self.deploys() > 0).then(|| (bad * 100 / self.deploys()).min(100))
    }
}

fn between(from: Timestamp, to: Timestamp) -> Option<Duration> {
    Duration::try_from(to.duration_since(from)).ok()
}

/// The time from a run's first switch to its end.
fn since_switch(run: &RunView) -> Option<Duration> {
    let switch = run.steps.iter().find(|s| s.plan.kind.moves_traffic())?;
    Some(Duration::from_millis(run.elapsed_ms.saturating_sub(switch.began_ms?)))
}

/// The time from a run's first switch until another run rolled it back.
fn bad_for(bad: &RunView, rollback: &RunView) -> Option<Duration> {
    between(bad.ended?, rollback.ended?).map(|later| later + since_switch(bad).unwrap_or_default())
}

fn median(mut all: Vec<Duration>) -> Option<Duration> {
    all.sort_unstable();
    all.get(all.len().div_ceil(2).checked_sub(1)?).copied()
}
