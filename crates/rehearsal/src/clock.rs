//! A clock that can leave out waiting: a month of past runs is made in a moment, by the real engine.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::time::Timestamp;

/// Who sleeps until when, in milliseconds left out; in the order in which they are to wake.
type Sleepers = BTreeMap<(u64, u64), oneshot::Sender<()>>;

/// The machine's clock, set back by some days until it has caught up.
pub struct RehearsalClock {
    real: Arc<dyn Clock>,
    skips: AtomicBool,
    skipped: AtomicU64,
    /// Set back by so much at first.
    back: u64,
    sleepers: Mutex<Sleepers>,
}

fn ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

impl std::fmt::Debug for RehearsalClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RehearsalClock").finish_non_exhaustive()
    }
}

impl RehearsalClock {
    /// A clock that starts in the past and skips waiting.
    pub fn since(real: Arc<dyn Clock>, back: Duration) -> Self {
        let (skips, skipped) = (AtomicBool::new(true), AtomicU64::new(0));
        let (back, sleepers) = (ms(back), Mutex::default());
        Self { real, skips, skipped, back, sleepers }
    }

    /// Lets time pass, but not beyond now.
    pub fn pass(&self, length: Duration) {
        self.set(self.skipped.load(Ordering::SeqCst).saturating_add(ms(length)));
    }

    fn set(&self, skipped: u64) {
        self.skipped.fetch_max(skipped.min(self.back), Ordering::SeqCst);
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Advances time to the earliest wake-up while every task sleeps. Never ends.
    pub async fn leave_out_waiting(&self) {
        loop {
            // Tasks that are awake run first: several turns, since one wakes another.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            let first = self.sleepers().pop_first();
            if let Some(((at, _), sleeper)) = first {
                // The sleeper was dropped.
                if !sleeper.is_closed() {
                    self.set(at);
                    let _ = sleeper.send(());
                }
            }
        }
    }

    /// From now on it is the machine's clock.
    pub fn catch_up(&self) {
        self.skipped.store(self.back, Ordering::SeqCst);
        self.skips.store(false, Ordering::SeqCst);
        self.sleepers().clear();
    }
}

impl Clock for RehearsalClock {
    fn now(&self) -> Timestamp {
        let behind = self.back - self.skipped.load(Ordering::SeqCst);
        let real = self.real.now();
        real.checked_sub(Duration::from_millis(behind)).unwrap_or(real)
    }

    fn elapsed(&self) -> Duration {
        self.real.elapsed() + Duration::from_millis(self.skipped.load(Ordering::SeqCst))
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        if !self.skips.load(Ordering::SeqCst) {
            return self.real.sleep(length);
        }
        let at = self.skipped.load(Ordering::SeqCst).saturating_add(ms(length));
        let (sender, woken) = oneshot::channel();
        let mut sleepers = self.sleepers();
        let order = sleepers.keys().map(|(_, order)| order + 1).max().unwrap_or(0);
        sleepers.insert((at, order), sender);
        drop(sleepers);
        Box::pin(async move {
            let _ = woken.await;
        })
    }
}
