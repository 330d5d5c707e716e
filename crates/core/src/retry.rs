//! Maximum attempts and back-off for transient failures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time::text_form;

/// Exponential backoff with a ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// The wait after the first failure.
    #[serde(with = "text_form")]
    pub first: Duration,
    /// Maximum wait.
    #[serde(with = "text_form")]
    pub most: Duration,
}

impl Backoff {
    /// The wait after the `failures`-th failure in a row, counted from 1. Never overflows.
    pub fn after(self, failures: u32) -> Duration {
        let doubled = self.first.saturating_mul(1_u32 << failures.saturating_sub(1).min(20));
        doubled.min(self.most)
    }
}

/// Maximum attempts of a step with transient failures.
pub const ATTEMPTS: u32 = 3;

/// Back-off between two attempts of a step.
pub const BETWEEN_ATTEMPTS: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(15) };

/// Poll interval of a remote operation, as the firebase CLI's: 250 ms to 10 s.
pub const POLL: Backoff =
    Backoff { first: Duration::from_millis(250), most: Duration::from_secs(10) };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_grows_to_its_ceiling() {
        let waits: Vec<_> = (1..=8).map(|n| POLL.after(n).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
        assert_eq!(POLL.after(u32::MAX), POLL.most);
    }
}
