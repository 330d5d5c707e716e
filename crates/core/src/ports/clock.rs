//! Wall clock and monotonic time.

use std::time::Duration;

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
