//! Ends a run, or turns it into a rollback.

use std::time::Duration;

use super::Engine;
use crate::error::EngineError;
use crate::steps::preview;
use pointsman_core::error::Problem;
use pointsman_core::event::{DecidedBy, Event, Outcome};
use pointsman_core::plan::RunKind;
use pointsman_core::planner::undo;

/// Time limit for the platform to restore its rollout policy at the end of a run.
const RELEASE_WITHIN: Duration = Duration::from_secs(20);

impl Engine {
    /// Between two steps: rolls back or ends the run if requested.
    pub(super) async fn leaves(&mut self) -> Result<bool, EngineError> {
        let view = self.supervisor.view();
        let can_undo = view.can_go_back() && !view.undoing();
        let must_finish = view.gives_back();
        let wishes = &mut self.supervisor.wishes;
        let rollback = wishes.rollback.take();
        let stop = wishes.stop || wishes.abort;
        if (rollback.is_some() || (stop && !must_finish)) && can_undo {
            (wishes.stop, wishes.abort) = (false, false);
            // A person who rolls back judges the release; an abort or a signal does not.
            let judged = rollback.is_some();
            let problem = Problem::new(match &rollback {
                Some(actor) => format!("rolled back by {actor}"),
                None => "aborted after traffic moved".to_owned(),
            });
            self.go_back_as(rollback.as_deref(), DecidedBy::Person, problem, judged).await?;
            return Ok(true);
        }
        if stop && !must_finish {
            let problem = Problem::new("a person or a signal ended the run");
            self.end(Outcome::Aborted, Some(problem)).await?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Rolls traffic back. `judged`: a person or a rule called the release bad, besides the faults that the run has
    /// recorded.
    pub(super) async fn go_back(
        &mut self,
        by: DecidedBy,
        because: Problem,
        judged: bool,
    ) -> Result<(), EngineError> {
        self.go_back_as(None, by, because, judged).await
    }

    /// Like `go_back`, recorded as the person whose command caused it.
    async fn go_back_as(
        &mut self,
        actor: Option<&str>,
        by: DecidedBy,
        because: Problem,
        judged: bool,
    ) -> Result<(), EngineError> {
        self.supervisor.wishes.pause = None;
        let bad = judged || !self.supervisor.view().faults.is_empty();
        let steps = undo(self.supervisor.view(), bad).unwrap_or_default();
        let Some(first) = steps.first().map(|s| s.id.clone()) else {
            return self.end(Outcome::Failed, Some(because)).await;
        };
        let planned = Event::UndoPlanned { steps, first, because, by };
        match actor {
            Some(actor) => self.supervisor.record_as(actor, None, &planned),
            None => self.supervisor.record(None, &planned),
        }
    }

    pub(super) async fn end_reached(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let outcome = match view.plan.kind {
            RunKind::Deploy if view.undoing() => Outcome::RolledBack,
            RunKind::Deploy => Outcome::Promoted,
            RunKind::Rollback => Outcome::RolledBack,
            RunKind::Cleanup => Outcome::CleanedUp,
            RunKind::Migrate => Outcome::Migrated,
        };
        self.end(outcome, None).await
    }

    pub(super) async fn end(
        &mut self,
        outcome: Outcome,
        because: Option<Problem>,
    ) -> Result<(), EngineError> {
        // Only after a promotion: after any other outcome the next push would build what has just failed. A person, or
        // the next promoted run, enables automatic rollouts again.
        if outcome == Outcome::Promoted {
            self.release_rollouts().await?;
        }
        // Traffic is at rest, and the run still has its lease.
        let plan = self.supervisor.view().plan.clone();
        for member in preview::members(&plan) {
            self.surely_ours().await?;
            preview::close(&self.outside, member).await;
        }
        self.supervisor.record(None, &Event::RunEnded { outcome, because })
    }

    /// Enables automatic rollouts again if this run disabled them. A failure does not fail the run: it is
    /// recorded, and the next run tries again.
    async fn release_rollouts(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view().clone();
        for member in &view.plan.members {
            let service = member.service();
            let held = view.services.get(service).and_then(|seen| seen.held_policy.as_deref());
            let Some(policy) = held else { continue };
            self.surely_ours().await?;
            let releasing = self.outside.hosting.hold_rollouts(&member.target, policy, false);
            let released = self.outside.clock.within(RELEASE_WITHIN, releasing).await;
            let problem = match released {
                Some(released) => released.err().map(|error| error.problem),
                None => Some(Problem::new("App Hosting does not answer").try_this(
                    "the next run puts the policy back; or the Firebase console: Automatic rollouts",
                )),
            };
            let service = service.clone();
            self.supervisor.record(None, &Event::RolloutsReleased { service, problem })?;
        }
        Ok(())
    }
}
