//! A clock that can skip waiting: the real engine creates weeks of past runs in a moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::time::Timestamp;

/// Sleeping tasks by wake-up time, in skipped milliseconds, and then by the order in which they wake.
type Sleepers = BTreeMap<(u64, u64), oneshot::Sender<()>>;

/// The machine's clock, set back by some days until it catches up.
pub struct RehearsalClock {
    real: Arc<dyn Clock>,
    skips: AtomicBool,
    skipped: AtomicU64,
    /// How far the clock is set back at first, in milliseconds.
    back: u64,
    sleepers: Mutex<Sleepers>,
}

/// The longest sleep that can only be the engine's poll for commands.
const COMMAND_POLL: Duration = Duration::from_millis(100);
/// Its length while the clock skips waiting: a past run gets no commands, and ten thousand polls would hold up
/// the first frame of a rehearsal.
const IDLE_POLL: Duration = Duration::from_secs(1);

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

    /// Advances the clock, but not beyond the real time.
    pub fn pass(&self, length: Duration) {
        self.set(self.skipped.load(Ordering::SeqCst).saturating_add(ms(length)));
    }

    fn set(&self, skipped: u64) {
        self.skipped.fetch_max(skipped.min(self.back), Ordering::SeqCst);
    }

    fn sleepers(&self) -> MutexGuard<'_, Sleepers> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Advances the clock to the earliest wake-up whenever all tasks sleep. Never returns.
    pub async fn leave_out_waiting(&self) {
        loop {
            // Run tasks that are awake first: several times, because one task wakes another.
            for _ in 0..8 {
                tokio::task::yield_now().await;
            }
            let first = self.sleepers().pop_first();
            if let Some(((at, _), sleeper)) = first {
                // Skip a sleeper that was dropped.
                if !sleeper.is_closed() {
                    self.set(at);
                    let _ = sleeper.send(());
                }
            }
        }
    }

    /// Switches to the machine's clock from now on.
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
        let length = if length <= COMMAND_POLL { IDLE_POLL } else { length };
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
