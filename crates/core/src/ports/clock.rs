//! Wall clock and monotonic time.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};

use super::BoxFuture;
use crate::time::Timestamp;

/// Wall clock for records, monotonic clock for durations. Tests substitute their own.
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// Time since a fixed moment of this process; it never decreases.
    fn elapsed(&self) -> Duration;
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;
}

impl dyn Clock {
    /// The result of some work; `None` if it takes longer than a limit. A result that is there counts, however late.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        match select(pin!(work), self.sleep(limit)).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(((), _)) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use futures_util::FutureExt as _;

    use super::*;

    /// A clock on which every sleep is over at once.
    struct Over;

    impl Clock for Over {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(ready(()))
        }
    }

    #[test]
    fn result_that_is_there_counts_however_late() {
        let clock: &dyn Clock = &Over;
        assert_eq!(clock.within(Duration::ZERO, ready(1)).now_or_never(), Some(Some(1)));
        assert_eq!(clock.within(Duration::ZERO, pending::<u8>()).now_or_never(), Some(None));
    }
}
