//! Measures the requests of one build, minute by minute, as Cloud Run does: counts by status, and latencies in buckets.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pointsman_core::time::Timestamp;

/// Minutes that are kept.
const KEPT: i64 = 6 * 60;
/// The buckets of latencies: below 1 ms, then each 1.4 times as wide as the one before, then everything above.
pub(super) const GROWTH: f64 = 1.4;
pub(super) const FINITE_BUCKETS: usize = 40;

/// The requests of a minute with one status.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    pub(super) requests: u64,
    /// One more bucket at each end than the finite ones.
    pub(super) buckets: [u64; FINITE_BUCKETS + 2],
}

/// What one build answered, by minute since 1970 and by status.
type Minutes = BTreeMap<i64, BTreeMap<u16, Counts>>;

#[derive(Debug, Default)]
pub(super) struct Meter(Mutex<Minutes>);

impl Meter {
    fn minutes(&self) -> MutexGuard<'_, Minutes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record(&self, at: Timestamp, status: u16, latency: Duration) {
        let minute = at.as_second().div_euclid(60);
        let mut minutes = self.minutes();
        if !minutes.contains_key(&minute) {
            minutes.retain(|kept, _| *kept > minute - KEPT);
        }
        let blank = || Counts { requests: 0, buckets: [0; FINITE_BUCKETS + 2] };
        let counts = minutes.entry(minute).or_default().entry(status).or_insert_with(blank);
        counts.requests += 1;
        counts.buckets[bucket(latency)] += 1;
    }

    /// The minutes that begin in a period, each with its first second.
    pub(super) fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Vec<(i64, BTreeMap<u16, Counts>)> {
        let first = from.as_second().div_euclid(60);
        let minutes = self.minutes();
        let within = minutes.range(first..).filter(|(minute, _)| *minute * 60 < to.as_second());
        within.map(|(minute, counts)| (minute * 60, counts.clone())).collect()
    }
}

fn bucket(latency: Duration) -> usize {
    let ms = latency.as_secs_f64() * 1000.0;
    let mut bound = 1.0;
    for at in 0..=FINITE_BUCKETS {
        if ms < bound {
            return at;
        }
        bound *= GROWTH;
    }
    FINITE_BUCKETS + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_latency_falls_between_its_bounds() {
        for (ms, wanted) in [(0, 0), (1, 1), (100, 14), (3_600_000, FINITE_BUCKETS + 1)] {
            let at = bucket(Duration::from_millis(ms));
            assert_eq!(at, wanted, "{ms} ms");
        }
    }
}
