//! Poll intervals of the store and the log: short while they change, longer while they are idle.
//! They are polled rather than watched by inotify: state folders may be network mounts, where
//! inotify does not report writes of another machine.

use std::time::Duration;

/// Poll interval while the source changes.
const BUSY_POLL: Duration = Duration::from_millis(150);
/// Poll interval of an idle source. The first change after an idle time is seen up to this much later.
const IDLE_POLL: Duration = Duration::from_millis(500);
/// Number of polls without a change until the interval grows: six seconds.
const POLLS_UNTIL_IDLE: u32 = 40;

/// The poll interval of one source, which grows after polls without a change.
#[derive(Debug, Default)]
pub(super) struct PollBackoff {
    in_vain: u32,
}

impl PollBackoff {
    /// Records whether the last poll found a change.
    pub(super) fn looked(&mut self, news: bool) {
        self.in_vain = if news { 0 } else { self.in_vain.saturating_add(1) };
    }

    /// Time until the next poll.
    pub(super) fn wait(&self) -> Duration {
        if self.in_vain < POLLS_UNTIL_IDLE { BUSY_POLL } else { IDLE_POLL }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_idle_sources_less_often() {
        let mut pace = PollBackoff::default();
        for _ in 0..POLLS_UNTIL_IDLE {
            assert_eq!(pace.wait(), BUSY_POLL);
            pace.looked(false);
        }
        assert_eq!(pace.wait(), IDLE_POLL);
        pace.looked(true);
        assert_eq!(pace.wait(), BUSY_POLL);
    }
}
