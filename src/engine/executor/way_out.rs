//! How a run ends, or turns back.

use super::Engine;
use crate::domain::error::Problem;
use crate::domain::event::{DecidedBy, Event, Outcome};
use crate::domain::plan::RunKind;
use crate::domain::planner::undo;
use crate::engine::error::EngineError;

impl Engine {
    /// Between two steps: whether somebody wants out, and did get out.
    pub(super) fn leaves(&mut self) -> Result<bool, EngineError> {
        let view = self.supervisor.view();
        let can_undo = view.can_go_back() && !view.undoing();
        let must_finish = view.gives_back();
        let wishes = &mut self.supervisor.wishes;
        let rollback = std::mem::take(&mut wishes.rollback);
        let stop = wishes.stop || wishes.abort;
        if (rollback || (stop && !must_finish)) && can_undo {
            (wishes.stop, wishes.abort) = (false, false);
            let problem = Problem::new("a person asked to go back");
            self.go_back(DecidedBy::Person, problem)?;
            return Ok(true);
        }
        if stop && !must_finish {
            self.end(Outcome::Aborted, Some(Problem::new("a person or a signal ended the run")))?;
            return Ok(true);
        }
        Ok(false)
    }

    pub(super) fn go_back(&mut self, by: DecidedBy, because: Problem) -> Result<(), EngineError> {
        self.supervisor.wishes.pause = false;
        let steps = undo(self.supervisor.view()).unwrap_or_default();
        let Some(first) = steps.first().map(|s| s.id.clone()) else {
            return self.end(Outcome::Failed, Some(because));
        };
        self.supervisor.record(None, &Event::UndoPlanned { steps, first, because, by })
    }

    pub(super) fn end_reached(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let outcome = match view.plan.kind {
            RunKind::Deploy if view.undoing() => Outcome::RolledBack,
            RunKind::Deploy => Outcome::Promoted,
            RunKind::Rollback => Outcome::RolledBack,
            RunKind::Cleanup => Outcome::CleanedUp,
            RunKind::Migrate => Outcome::Migrated,
        };
        self.end(outcome, None)
    }

    pub(super) fn end(
        &mut self,
        outcome: Outcome,
        because: Option<Problem>,
    ) -> Result<(), EngineError> {
        self.supervisor.record(None, &Event::RunEnded { outcome, because })
    }
}
