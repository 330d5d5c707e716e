//! How often the store and the log are looked at: soon while something happens in them, more seldom
//! once they rest. Asked for rather than told by inotify: state folders come by network too, and
//! nothing there says what another machine wrote.

use std::time::Duration;

/// Between two looks while things happen.
const SOON: Duration = Duration::from_millis(150);
/// Between two looks at what rests: the first news after a rest come by so much later.
const SELDOM: Duration = Duration::from_millis(300);
/// Polls without change until the interval grows: six seconds.
const REST: u32 = 40;

/// The pace of one who looks.
#[derive(Debug, Default)]
pub(super) struct Pace {
    in_vain: u32,
}

impl Pace {
    /// Whether the last look brought something.
    pub(super) fn looked(&mut self, news: bool) {
        self.in_vain = if news { 0 } else { self.in_vain.saturating_add(1) };
    }

    /// Until the next look.
    pub(super) fn wait(&self) -> Duration {
        if self.in_vain < REST { SOON } else { SELDOM }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_looked_at_more_seldom_until_something_happens() {
        let mut pace = Pace::default();
        for _ in 0..REST {
            assert_eq!(pace.wait(), SOON);
            pace.looked(false);
        }
        assert_eq!(pace.wait(), SELDOM);
        pace.looked(true);
        assert_eq!(pace.wait(), SOON);
    }
}
