//! Everything that a seed decides.

use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Chance with a seed. Clones draw from one sequence.
#[derive(Clone)]
pub(crate) struct Chance(Arc<Mutex<fastrand::Rng>>);

impl Chance {
    pub(crate) fn of(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A number of a range.
    pub(crate) fn within(&self, range: Range<u64>) -> u64 {
        self.0.lock().unwrap().u64(range)
    }

    /// Whether something happens that does so this many times in a hundred.
    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.within(0..100) < chance
    }

    pub(crate) fn ms(&self, range: Range<u64>) -> Duration {
        Duration::from_millis(self.within(range))
    }

    pub(crate) fn one_of<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[usize::try_from(self.within(0..of.len() as u64)).unwrap()]
    }
}
