//! Runs the probes on a separate thread: samples go into the store, and the current
//! state to the screen, once a second if it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc::{self, Sender};
use tokio::sync::watch;

use crate::app::{App, Samples};
use crate::domain::alert::Notify;
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::{Board, Measurement, Probe, ProbeChange};
use crate::engine::probes::{Wanted, watch_probes};
use crate::tui::msg::Msg;

/// How often results go to the screen and time advances.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// How often what was heard is written down.
const SAVE_EVERY: u32 = 5;
/// How often persistent failures are checked.
const REMIND_EVERY: u32 = 30;
/// How often old samples are thrown away.
const PRUNE_EVERY: u32 = 60;
/// Maximum earlier samples loaded.
const SAMPLES_LOADED: usize = 120;
/// Maximum changes shown.
const CHANGES_SHOWN: usize = 50;

/// Requests to the keeper.
#[derive(Debug)]
pub(super) enum Ask {
    /// The probes of an environment from now on; and whether its platform was read.
    Watch(EnvironmentName, Vec<Probe>, bool),
    Now,
}

/// Starts it. It ends when its receivers are dropped.
pub(super) fn spawn(app: App, notify: Notify, sender: Sender<Msg>) -> Sender<Ask> {
    let (ask, orders) = mpsc::channel(64);
    let runtime = Handle::current();
    std::thread::spawn(move || {
        let (wanted, changed) = watch::channel(Wanted::default());
        let (sink, answers) = mpsc::channel(256);
        match app.prober() {
            Ok(asker) => {
                drop(runtime.spawn(watch_probes(asker, app.clock.clone(), changed, sink)));
            }
            Err(problem) => {
                let _ = sender.blocking_send(Msg::Alarm(format!("nothing is watched: {problem}")));
            }
        }
        let samples = app.samples().ok();
        let keeper = ProbeKeeper {
            app,
            sender,
            samples,
            boards: BTreeMap::new(),
            notify,
            wanted,
            dirty: BTreeSet::new(),
            unkept: (Vec::new(), Vec::new()),
        };
        runtime.block_on(keeper.run(orders, answers));
    });
    ask
}

struct ProbeKeeper {
    app: App,
    sender: Sender<Msg>,
    /// None where they cannot be kept: what is watched is shown all the same.
    samples: Option<Samples>,
    boards: BTreeMap<EnvironmentName, Board>,
    notify: Notify,
    wanted: watch::Sender<Wanted>,
    /// Environments whose picture on the screen is not the newest.
    dirty: BTreeSet<EnvironmentName>,
    unkept: (Vec<(String, Measurement)>, Vec<ProbeChange>),
}

impl ProbeKeeper {
    async fn run(
        mut self,
        mut asks: mpsc::Receiver<Ask>,
        mut heard: mpsc::Receiver<(String, Measurement)>,
    ) {
        let mut tick = tokio::time::interval(REPORT_EVERY);
        let mut round = 0_u32;
        loop {
            tokio::select! {
                ask = asks.recv() => match ask {
                    Some(Ask::Watch(environment, probes, certain)) => {
                        self.watch(environment, probes, certain);
                    }
                    Some(Ask::Now) => self.wanted.send_modify(|wanted| wanted.now += 1),
                    // The screen is being left.
                    None => return self.keep(),
                },
                Some((key, sample)) = heard.recv() => self.hear(key, sample),
                _ = tick.tick() => {
                    round = round.wrapping_add(1);
                    if self.tell(round).await.is_err() {
                        return self.keep();
                    }
                }
            }
        }
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
        self.unkept.1.extend(board.hear(&key, sample.clone()));
        self.unkept.0.push((key, sample));
        self.dirty.insert(name.clone());
    }

    async fn tell(&mut self, round: u32) -> Result<(), ()> {
        let now = self.app.clock.now();
        for (name, board) in &mut self.boards {
            let turned = board.tick(now);
            if !turned.is_empty() {
                self.dirty.insert(name.clone());
            }
            self.unkept.1.extend(turned);
        }
        for (name, board) in &self.boards {
            let of = format!("{name}/");
            let turned = self.unkept.1.iter().filter(|turned| turned.key.starts_with(&of));
            let turned: Vec<ProbeChange> = turned.cloned().collect();
            let again = round.is_multiple_of(REMIND_EVERY) && !self.notify.is_empty();
            if !turned.is_empty() || again {
                self.app.tell_of_probes(&self.notify, name, &turned, &board.seen());
            }
        }
        let turned = !self.unkept.1.is_empty();
        if turned || round.is_multiple_of(SAVE_EVERY) {
            self.keep();
        }
        if round.is_multiple_of(PRUNE_EVERY)
            && let Some(samples) = &self.samples
            && let Err(problem) = samples.prune()
        {
            tracing::warn!(%problem, "old samples stay");
        }
        let mutes = self.samples.as_ref().and_then(|samples| samples.mutes().ok());
        for name in std::mem::take(&mut self.dirty) {
            let Some(board) = self.boards.get_mut(&name) else { continue };
            board.mute(mutes.clone().unwrap_or_default(), now);
            let of = format!("{name}/");
            let samples = self.samples.as_ref();
            let changes =
                samples.and_then(|s| s.changes(&of, CHANGES_SHOWN).ok()).unwrap_or_default();
            let message = Msg::Probed(name, board.seen(), changes);
            self.sender.send(message).await.map_err(|_| ())?;
        }
        if self.sender.is_closed() { Err(()) } else { Ok(()) }
    }

    /// Writes down what was heard. What cannot be written is lost, and said in the log.
    fn keep(&mut self) {
        let (heard, turned) = std::mem::take(&mut self.unkept);
        if let Some(samples) = &mut self.samples
            && !(heard.is_empty() && turned.is_empty())
            && let Err(problem) = samples.keep(&heard, &turned)
        {
            tracing::warn!(%problem, "samples of probes are lost");
        }
    }
}
