//! Motion on the screen: the clock, ages, countdowns and step progress. Nothing else moves by itself, so reduced
//! motion means showing time in larger steps.

use std::time::Duration;

use super::Model;
use crate::config::schema::Motion;
use crate::domain::ids::RunNumber;
use crate::domain::time::Timestamp;
use crate::tui::panes::deploy::model::Progress;

/// Step of the shown clock with reduced motion.
const REDUCED_STEP_SECONDS: i64 = 5;

impl Model {
    /// Advances the time.
    pub fn goes_on(&mut self, now: Timestamp, elapsed: Duration) {
        let before = self.clock();
        (self.now, self.elapsed) = (Some(now), elapsed);
        if self.clock() != before {
            self.panes.deploy.progress =
                self.panes.deploy.coming.take().or(self.panes.deploy.progress.take());
        }
        self.fade();
    }

    /// The wall clock as shown. Decisions use `now`.
    pub fn clock(&self) -> Option<Timestamp> {
        let now = self.now?;
        match self.motion {
            Motion::Full => Some(now),
            Motion::Reduced => {
                let second = now.as_second();
                Timestamp::from_second(second - second.rem_euclid(REDUCED_STEP_SECONDS)).ok()
            }
        }
    }

    /// Takes the progress of a run. With reduced motion, it is shown at the next step of the clock.
    pub fn progresses(&mut self, run: RunNumber, words: Vec<Progress>) {
        let same = |(of, shown): &(RunNumber, Vec<Progress>)| {
            let steps = |words: &[Progress]| words.first().map(|word| word.step.clone());
            *of == run && steps(shown) == steps(&words)
        };
        // A new step is information, not motion: show it immediately.
        if self.motion == Motion::Reduced && self.panes.deploy.progress.as_ref().is_some_and(same) {
            self.panes.deploy.coming = Some((run, words));
        } else {
            (self.panes.deploy.progress, self.panes.deploy.coming) = (Some((run, words)), None);
        }
    }

    /// An age as it is shown: its value when the shown clock last moved, so that all ages advance
    /// together.
    pub fn shown(&self, age: Duration) -> Duration {
        let since = match (self.now, self.clock()) {
            (Some(now), Some(clock)) => Duration::try_from(now.duration_since(clock)),
            _ => Ok(Duration::ZERO),
        };
        age.saturating_sub(since.unwrap_or_default())
    }

    /// An age as it is shown, in seconds.
    pub fn seconds(&self, age: Duration) -> u64 {
        self.shown(age).as_secs()
    }
}
