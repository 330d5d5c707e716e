//! The clocks of a simulation: tokio's paused one, as each machine's own clock shows it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use jiff::SignedDuration;
use pointsman::domain::time::Timestamp;
use pointsman::ports::BoxFuture;
use pointsman::ports::clock::Clock;

/// The simulated time of day at the start, in seconds since the epoch.
const BEGINS: i64 = 1_790_000_000;
/// The longest sleep that can only be a poll for commands, and what it becomes: hours of polls would be most of a
/// simulation's work.
const POLL: Duration = Duration::from_millis(100);
const SLOW_POLL: Duration = Duration::from_millis(1500);

/// A machine's clock. Its time of day may be wrong; its monotonic time is right.
#[derive(Clone)]
pub(crate) struct SimClock {
    begun: tokio::time::Instant,
    /// How far its time of day is ahead, in milliseconds.
    pub(crate) ahead: Arc<AtomicI64>,
}

impl SimClock {
    pub(crate) fn start() -> Self {
        Self { begun: tokio::time::Instant::now(), ahead: Arc::default() }
    }

    /// The same time on another machine.
    pub(crate) fn elsewhere(&self) -> Self {
        Self { begun: self.begun, ahead: Arc::default() }
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.begun.elapsed()).unwrap();
        let ahead = SignedDuration::from_millis(self.ahead.load(Ordering::Relaxed));
        Timestamp::from_second(BEGINS).unwrap() + passed + ahead
    }

    fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        let length = if length <= POLL { SLOW_POLL } else { length };
        // Tokio's clock does not start at a whole millisecond, and rounds up: only whole ones end alike in every play.
        let whole = length.as_nanos().div_ceil(1_000_000);
        Box::pin(tokio::time::sleep(Duration::from_millis(
            u64::try_from(whole).unwrap_or(u64::MAX),
        )))
    }
}

/// The clock by which a console follows the shared store: it reads less often than the product's, because these readings
/// are most of what happens while everyone waits.
pub(crate) struct Unhurried(pub(crate) SimClock);

impl Clock for Unhurried {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        self.0.sleep(if length < Duration::from_secs(1) { length } else { length * 3 })
    }
}

/// The clock of the connection to the shared store. Its operations run within those of their callers, which cannot wait:
/// a wait there is over at once, and only that connection's monotonic time has passed.
pub(crate) struct Impatient {
    clock: SimClock,
    waited: Arc<AtomicU64>,
}

impl Impatient {
    pub(crate) fn of(clock: SimClock) -> Self {
        Self { clock, waited: Arc::default() }
    }
}

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn elapsed(&self) -> Duration {
        self.clock.elapsed() + Duration::from_millis(self.waited.load(Ordering::Relaxed))
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        let ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX).min(60_000);
        let waited = self.waited.clone();
        // Not before it is awaited: most waits are limits of answers that are there.
        Box::pin(async move {
            waited.fetch_add(ms, Ordering::Relaxed);
        })
    }
}
