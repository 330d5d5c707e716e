//! The machine's clock. The only file that may call `now()` (enforced by `tests/it/house.rs`).

#![expect(clippy::disallowed_methods, reason = "the implementation of the `Clock` port")]

use std::time::{Duration, Instant};

use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::time::Timestamp;

/// Wall and monotonic time of this machine.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts now.
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        // Whole milliseconds: no reader needs more, and people compare timestamps by eye.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}
