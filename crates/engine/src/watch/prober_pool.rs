//! Runs the configured probes repeatedly without doing harm: a limited number in parallel, never all at the same
//! moment, and never faster than configured.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::task::AbortOnDropHandle;

use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::prober::Prober;
use pointsman_core::probe::{Measurement, Probe};

/// Maximum concurrent probes.
const CONCURRENT_PROBES: usize = 32;
/// Time limit for the first results on a newly opened screen.
const FIRST_WITHIN: Duration = Duration::from_secs(1);

/// Number of first results of a probe that come faster than its interval.
const QUICK_PROBES: u64 = 3;
/// Time limit for the first results after a switch, when the operator is watching.
const PROBE_AFTER_SWITCH: Duration = Duration::from_millis(200);

/// The probes, and the number of requests to run all of them immediately.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub probes: Vec<Probe>,
    /// Increases with each request to run every probe now.
    pub now: u64,
}

/// Probes until either channel closes.
pub async fn watch_probes(
    prober: Arc<dyn Prober>,
    clock: Arc<dyn Clock>,
    mut wanted: watch::Receiver<Wanted>,
    heard: mpsc::Sender<(String, Measurement)>,
) {
    let turns = Arc::new(Semaphore::new(CONCURRENT_PROBES));
    let (at_once, _) = watch::channel(0_u64);
    // The probes known before, by a key that survives new builds.
    let mut known_names: HashSet<String> = HashSet::new();
    let mut tasks: HashMap<String, (String, AbortOnDropHandle<()>)> = HashMap::new();
    loop {
        let Wanted { probes, now } = wanted.borrow_and_update().clone();
        let mut kept = HashMap::new();
        let names: HashSet<String> = probes.iter().map(Probe::muted_by).collect();
        for probe in probes {
            let asks = format!("{:?} {:?} {:?}", probe.check, probe.interval, probe.timeout);
            let known = tasks.remove(&probe.key).filter(|(before, _)| *before == asks);
            let key = probe.key.clone();
            let task = known.unwrap_or_else(|| {
                let first = if probe.live && known_names.contains(&probe.muted_by()) {
                    PROBE_AFTER_SWITCH
                } else {
                    FIRST_WITHIN
                };
                let one = One {
                    first,
                    probe,
                    prober: prober.clone(),
                    clock: clock.clone(),
                    turns: turns.clone(),
                    now: at_once.subscribe(),
                    heard: heard.clone(),
                };
                (asks, AbortOnDropHandle::new(tokio::spawn(one.ask_for_ever())))
            });
            kept.insert(key, task);
        }
        // Dropping the old tasks ends the probes that are no longer wanted.
        tasks = kept;
        known_names = names;
        at_once.send_if_modified(|known| std::mem::replace(known, now) != now);
        tokio::select! {
            biased;
            changed = wanted.changed() => if changed.is_err() { return },
            () = heard.closed() => return,
        }
    }
}

/// The task of one probe.
struct One {
    /// Time limit for the first results.
    first: Duration,
    probe: Probe,
    prober: Arc<dyn Prober>,
    clock: Arc<dyn Clock>,
    turns: Arc<Semaphore>,
    now: watch::Receiver<u64>,
    heard: mpsc::Sender<(String, Measurement)>,
}

impl One {
    async fn ask_for_ever(mut self) {
        let spread = self.first.min(self.probe.interval);
        let mut wait = spread.mul_f64(self.share(0));
        for round in 1_u64.. {
            tokio::select! {
                biased;
                () = self.clock.sleep(wait) => {}
                // If the sender is gone, the next probe runs on schedule.
                Ok(()) = self.now.changed() => {}
            }
            let Ok(turn) = self.turns.acquire().await else { return };
            let Probe { check, timeout, controls, .. } = &self.probe;
            let measured = self.prober.measure(check, *timeout, controls).await;
            drop(turn);
            if self.heard.send((self.probe.key.clone(), measured)).await.is_err() {
                return;
            }
            // The first results come quickly, so that a state can be shown soon.
            let usual = self.until_next();
            wait = if round < QUICK_PROBES { usual.min(self.first) } else { usual };
        }
    }

    /// Time until this probe's next turn. It counts on the clock and not from the last answer: blue and green of a
    /// service are probed at the same moments, however long each takes and whenever each was started, and can be
    /// compared (N13).
    fn until_next(&self) -> Duration {
        let (now, interval) = (self.clock.elapsed(), self.probe.interval);
        let turn = |nth: u32| {
            // Varies by a tenth, so that many probes of one interval do not run in lockstep.
            let within = self.share(0) * 0.9 + self.share(nth.into()) * 0.1;
            interval.saturating_mul(nth) + interval.mul_f64(within)
        };
        let here = u32::try_from(now.as_nanos() / interval.as_nanos().max(1)).unwrap_or(u32::MAX);
        let next = if turn(here) > now { here } else { here.saturating_add(1) };
        turn(next).saturating_sub(now)
    }

    /// A number between 0 and 1, the same for blue and green of a service.
    fn share(&self, round: u64) -> f64 {
        let mut hasher = DefaultHasher::new();
        (&self.probe.name, round).hash(&mut hasher);
        f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }
}
