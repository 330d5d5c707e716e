//! The keeper of probes: runs them, stores their results, and reports states and changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use super::alerts::of_probes;
use super::prober_pool::{Wanted, watch_probes};
use crate::services::Services;
use pointsman_core::alert::Notify;
use pointsman_core::error::Problem;
use pointsman_core::ids::EnvironmentName;
use pointsman_core::ports::mutes::Mutes;
use pointsman_core::ports::samples::SampleStore;
use pointsman_core::probe::{Board, Measurement, Mute, Probe, ProbeChange, ProbeSnapshot};
use pointsman_core::time::Timestamp;

/// Interval of reports and of time-based state changes.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Number of reports between two writes of results.
const SAVE_EVERY: u32 = 5;
/// Number of reports between two checks of persistent failures.
const REMIND_EVERY: u32 = 30;
/// Number of reports between two deletions of old samples.
const PRUNE_EVERY: u32 = 60;
/// Maximum earlier samples loaded for a probe.
const SAMPLES_LOADED: usize = 120;
/// Maximum recent changes reported.
const CHANGES_REPORTED: usize = 50;

/// Requests to the keeper.
#[derive(Debug)]
pub enum Order {
    /// The probes of an environment from now on, and whether its platform could be read.
    Watch(EnvironmentName, Vec<Probe>, bool),
    /// Run every probe now.
    Now,
}

/// The report of the keeper.
#[derive(Debug)]
pub enum Report {
    /// The probes of an environment after a change.
    States {
        environment: EnvironmentName,
        probes: Vec<ProbeSnapshot>,
        /// Changes since the last report, in order.
        new: Vec<ProbeChange>,
        /// The latest changes, newest first.
        recent: Vec<ProbeChange>,
    },
    /// Results could not be written. Reported once, until writing works again.
    NotKept(Problem),
}

/// Runs probes and keeps their results.
pub struct Keeper {
    services: Services,
    notify: Notify,
    /// `None` if results cannot be stored; probes run anyway.
    samples: Option<Box<dyn SampleStore>>,
    /// Opened with the first report. `None` until then, or if the store cannot be read.
    mutes: Option<Box<dyn Mutes>>,
    boards: BTreeMap<EnvironmentName, Board>,
    wanted: watch::Sender<Wanted>,
    /// Environments with changes since their last report.
    dirty: BTreeSet<EnvironmentName>,
    unkept: Vec<(String, Measurement)>,
    /// Changes that were not reported yet.
    new: Vec<ProbeChange>,
    lost: bool,
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").field("environments", &self.boards.keys()).finish_non_exhaustive()
    }
}

impl Keeper {
    /// A keeper without probes.
    pub fn new(services: Services, notify: Notify, samples: Option<Box<dyn SampleStore>>) -> Self {
        Self {
            services,
            notify,
            samples,
            mutes: None,
            boards: BTreeMap::new(),
            wanted: watch::channel(Wanted::default()).0,
            dirty: BTreeSet::new(),
            unkept: Vec::new(),
            new: Vec::new(),
            lost: false,
        }
    }

    /// Runs until the channel of orders or of reports closes. Fails if this machine cannot probe.
    pub async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        reports: mpsc::Sender<Report>,
    ) -> Result<(), Problem> {
        let prober = self.services.prober.clone()?;
        let (sink, mut heard) = mpsc::channel(256);
        let pool = watch_probes(prober, self.services.clock.clone(), self.wanted.subscribe(), sink);
        let _pool = AbortOnDropHandle::new(tokio::spawn(pool));
        let mut tick = tokio::time::interval(REPORT_EVERY);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Watch(environment, wanted, certain)) => {
                        self.watch(environment, wanted, certain);
                    }
                    Some(Order::Now) => self.wanted.send_modify(|wanted| wanted.now += 1),
                    None => break,
                },
                _ = tick.tick() => {
                    round = round.wrapping_add(1);
                    for report in self.reports(round) {
                        if reports.send(report).await.is_err() {
                            break;
                        }
                    }
                    if reports.is_closed() {
                        break;
                    }
                }
                // Last: thousands of results must not delay the reports.
                Some((key, sample)) = heard.recv() => self.hear(key, sample),
            }
        }
        let _ = self.keep(&[]);
        Ok(())
    }

    fn watch(&mut self, environment: EnvironmentName, probes: Vec<Probe>, certain: bool) {
        let board = self.boards.entry(environment.clone()).or_default();
        // If the platform cannot be read, the last known live builds apply.
        if !certain && board.probes().next().is_some() {
            return;
        }
        let told =
            |p: &Probe| format!("{} {} {:?} {:?} {:?}", p.key, p.live, p.side, p.check, p.found);
        if board.probes().map(told).eq(probes.iter().map(told)) {
            return;
        }
        let past = |key: &str| {
            let samples = self.samples.as_ref();
            samples.and_then(|samples| samples.recent(key, SAMPLES_LOADED).ok()).unwrap_or_default()
        };
        board.watch(probes, past);
        self.dirty.insert(environment);
        let all = self.boards.values().flat_map(Board::probes).cloned().collect();
        self.wanted.send_modify(|wanted| wanted.probes = all);
    }

    fn hear(&mut self, key: String, sample: Measurement) {
        let of = key.split('/').next().unwrap_or_default();
        let Some((name, board)) = self.boards.iter_mut().find(|(name, _)| name.as_str() == of)
        else {
            return;
        };
        self.new.extend(board.hear(&key, sample.clone()));
        self.unkept.push((key, sample));
        self.dirty.insert(name.clone());
    }

    /// Advances time, sends alerts, stores due results, and returns the reports.
    fn reports(&mut self, round: u32) -> Vec<Report> {
        let now = self.services.clock.now();
        for (name, board) in &mut self.boards {
            let turned = board.tick(now);
            if !turned.is_empty() {
                self.dirty.insert(name.clone());
            }
            self.new.extend(turned);
        }
        let new = std::mem::take(&mut self.new);
        self.alert(&new, round.is_multiple_of(REMIND_EVERY));
        let mut reports = Vec::new();
        if !new.is_empty() || round.is_multiple_of(SAVE_EVERY) {
            let problem = self.keep(&new).err();
            let again = std::mem::replace(&mut self.lost, problem.is_some());
            reports.extend(problem.filter(|_| !again).map(Report::NotKept));
        }
        if round.is_multiple_of(PRUNE_EVERY)
            && let Some(samples) = &self.samples
            && let Err(problem) = samples.prune()
        {
            tracing::warn!(%problem, "old samples stay");
        }
        if self.dirty.is_empty() {
            return reports;
        }
        let mutes = self.muted(now);
        for environment in std::mem::take(&mut self.dirty) {
            let Some(board) = self.boards.get_mut(&environment) else { continue };
            board.mute(mutes.clone(), now);
            let of = format!("{environment}/");
            let samples = self.samples.as_ref();
            let recent = samples.and_then(|s| s.changes(&of, CHANGES_REPORTED).ok());
            let new = new.iter().filter(|turned| turned.key.starts_with(&of)).cloned().collect();
            let (probes, recent) = (board.seen(), recent.unwrap_or_default());
            reports.push(Report::States { environment, probes, new, recent });
        }
        reports
    }

    /// The mutes in force.
    fn muted(&mut self, now: Timestamp) -> BTreeMap<String, Mute> {
        if self.mutes.is_none() {
            self.mutes = self.services.stores.mutes().ok();
        }
        self.mutes.as_ref().and_then(|mutes| mutes.mutes(now).ok()).unwrap_or_default()
    }

    fn alert(&self, new: &[ProbeChange], again: bool) {
        for (name, board) in &self.boards {
            let of = format!("{name}/");
            let turned: Vec<_> =
                new.iter().filter(|turned| turned.key.starts_with(&of)).cloned().collect();
            if !turned.is_empty() || (again && !self.notify.is_empty()) {
                of_probes(&self.services, &self.notify, name, &turned, &board.seen());
            }
        }
    }

    /// Writes results and changes. On failure they are lost, and a warning is logged.
    fn keep(&mut self, new: &[ProbeChange]) -> Result<(), Problem> {
        let heard = std::mem::take(&mut self.unkept);
        let Some(samples) = &mut self.samples else { return Ok(()) };
        if heard.is_empty() && new.is_empty() {
            return Ok(());
        }
        samples.keep(&heard, new).inspect_err(|problem| {
            tracing::warn!(%problem, "samples of probes are lost");
        })
    }
}
