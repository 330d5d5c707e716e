//! The state of a run after each of its facts (N11). Nothing is stored besides the facts, so a
//! replay shows what was shown at the time.

use super::event::Fact;
use super::ids::RunNumber;
use super::run::IllegalTransition;
use super::time::Timestamp;
use super::view::RunView;

/// The facts of a run, each with the state of the run after it.
#[derive(Debug, Clone)]
pub struct RunReplay(Vec<(Fact, RunView)>);

impl RunReplay {
    /// Builds the replay from the facts of a run. `None` if there are none.
    pub fn of(number: RunNumber, facts: Vec<Fact>) -> Option<Result<Self, IllegalTransition>> {
        let mut facts = facts.into_iter();
        let first = facts.next()?;
        let view = RunView::begin(number, &first);
        Some(view.and_then(|view| {
            let mut frames = vec![(first, view.clone())];
            let mut view = view;
            for fact in facts {
                view.apply(&fact)?;
                frames.push((fact, view.clone()));
            }
            Ok(Self(frames))
        }))
    }

    /// Number of facts, at least one.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: there is at least one fact.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fact at an index, and the state of the run after it. Past the end: the last one.
    pub fn frame(&self, at: usize) -> Option<&(Fact, RunView)> {
        self.0.get(at.min(self.0.len().saturating_sub(1)))
    }

    /// Index of the last fact at or before a time.
    pub fn at(&self, time: Timestamp) -> usize {
        self.0.partition_point(|(fact, _)| fact.at <= time).saturating_sub(1)
    }
}
