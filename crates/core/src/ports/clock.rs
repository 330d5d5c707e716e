//! The time, for everybody who needs it.

use std::time::Duration;

use super::BoxFuture;
use crate::time::Timestamp;

/// Wall clock for records, monotonic clock for lengths. Tests put their own in its place.
pub trait Clock: Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;
    /// Since some fixed moment of this process; never goes back.
    fn elapsed(&self) -> Duration;
    /// Waits.
    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()>;
}
