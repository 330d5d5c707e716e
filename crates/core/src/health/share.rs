//! The share of bad answers in a window. Counting consecutive failures alone would pass a
//! service that fails every second request.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The limits on the share of bad answers. The serialized names of the fields are those of the config.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShareRule {
    /// Maximum share of bad answers, in per cent of the window.
    #[serde(rename = "max_bad_percent")]
    pub percent: u32,
    /// Minimum number of bad answers for a failure, however few answers there are.
    #[serde(rename = "min_bad")]
    pub least_bad: u32,
    /// Minimum number of answers for a verdict.
    #[serde(rename = "min_samples")]
    pub least_samples: u32,
}

impl Default for ShareRule {
    fn default() -> Self {
        Self { percent: 1, least_bad: 3, least_samples: 20 }
    }
}

impl fmt::Display for ShareRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { percent, least_bad, least_samples } = self;
        write!(f, "more than {percent} % bad, at least {least_bad}, of {least_samples} or more")
    }
}

/// The verdict of the rule on a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareVerdict {
    TooFew,
    Within,
    /// Too many bad answers.
    Exceeded,
}

/// Window size. Older answers are dropped, so that a long soak notices late changes.
const WINDOW: usize = 300;

/// The last answers of one service, good or bad. Inconclusive answers are not counted.
#[derive(Debug, Clone)]
pub struct Share {
    rule: ShareRule,
    answers: VecDeque<bool>,
    bad: u32,
}

impl Share {
    pub fn new(rule: ShareRule) -> Self {
        Self { rule, answers: VecDeque::new(), bad: 0 }
    }

    pub fn push(&mut self, good: bool) {
        if self.answers.len() >= self.window() && self.answers.pop_front() == Some(false) {
            self.bad -= 1;
        }
        self.answers.push_back(good);
        self.bad += u32::from(!good);
    }

    /// The window size, at least the minimum number of answers of the rule.
    fn window(&self) -> usize {
        WINDOW.max(usize::try_from(self.rule.least_samples).unwrap_or(usize::MAX))
    }

    pub fn clear(&mut self) {
        self.answers.clear();
        self.bad = 0;
    }

    pub fn verdict(&self) -> ShareVerdict {
        let Self { rule, bad, .. } = self;
        let samples = u32::try_from(self.answers.len()).unwrap_or(u32::MAX);
        if samples < rule.least_samples {
            return ShareVerdict::TooFew;
        }
        let exceeded = *bad >= rule.least_bad
            && u64::from(*bad) * 100 > u64::from(rule.percent) * u64::from(samples);
        if exceeded { ShareVerdict::Exceeded } else { ShareVerdict::Within }
    }

    /// Whether any answer in the window was bad.
    pub fn any_bad(&self) -> bool {
        self.bad > 0
    }

    /// `27 of 55 answers bad (49 %)`.
    pub fn describe(&self) -> String {
        let samples = self.answers.len();
        let percent = u64::from(self.bad) * 100 / (samples.max(1) as u64);
        format!("{} of {samples} answers bad ({percent} %)", self.bad)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(answers: impl IntoIterator<Item = bool>) -> ShareVerdict {
        let mut share = Share::new(ShareRule::default());
        answers.into_iter().for_each(|good| share.push(good));
        share.verdict()
    }

    #[test]
    fn half_bad_answers_exceed_and_a_short_window_is_inconclusive() {
        assert_eq!(verdict((0..55).map(|n| n % 2 == 0)), ShareVerdict::Exceeded);
        assert_eq!(verdict((0..19).map(|n| n % 2 == 0)), ShareVerdict::TooFew);
        assert_eq!(verdict((0..60).map(|n| n % 30 != 0)), ShareVerdict::Within, "two are too few");
        assert_eq!(verdict((0..300).map(|n| n % 100 != 0)), ShareVerdict::Within, "just 1 %");
    }

    proptest! {
        #[test]
        fn window_keeps_exactly_the_last_answers(
            answers in proptest::collection::vec(any::<bool>(), 0..700),
        ) {
            let mut share = Share::new(ShareRule::default());
            for good in &answers {
                share.push(*good);
            }
            let last = &answers[answers.len().saturating_sub(WINDOW)..];
            let bad = last.iter().filter(|good| !**good).count();
            prop_assert_eq!(share.bad as usize, bad);
            let many = last.len() >= 20 && bad >= 3 && bad * 100 > last.len();
            prop_assert_eq!(share.verdict() == ShareVerdict::Exceeded, many);
        }
    }
}
