//! Performs one step: writes its facts, and answers commands meanwhile.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::mpsc;

use super::sharing::{Unshared, announces_effect};
use super::{COMMAND_POLL, Engine, locks};
use crate::context::{Context, StepError, StepResult};
use crate::error::EngineError;
use crate::steps;
use pointsman_core::error::Problem;
use pointsman_core::event::Event;
use pointsman_core::incident_card::card;
use pointsman_core::step::PlannedStep;
use pointsman_core::time::spoken;

impl Engine {
    /// Performs one step; meanwhile, writes its facts and answers commands.
    pub(super) async fn perform(
        &mut self,
        step: &PlannedStep,
        attempt: u32,
    ) -> Result<(), EngineError> {
        // Drop earlier requests: they were about the failure before this attempt.
        (self.supervisor.wishes.retry, self.supervisor.wishes.skip) = (false, None);
        self.stop_counting();
        // Write the card before the step: it may be the step after which nothing works.
        self.outside.log.card(&card(self.supervisor.view()));
        self.supervisor.record(Some(&step.id), &Event::StepStarted { attempt })?;
        let (writer, mut asks) = mpsc::channel(16);
        let context = Context {
            step: step.id.clone(),
            view: Arc::new(self.supervisor.view().clone()),
            outside: self.outside.clone(),
            writer,
            progress: self.progress.clone(),
            heard: self.heard.clone(),
            stopping: self.stopping.clone(),
        };
        let databases = self.outside.databases.clone();
        databases.in_step(step.id.as_str());
        let view = self.supervisor.view();
        let gives_back = view.returns_traffic();
        let clock = self.outside.clock.clone();
        let mut unshared = Unshared::new(self.supervisor.sharing(), clock, view);
        let limit = steps::deadline(&step.kind, context.plan());
        let deadline = self.outside.clock.sleep(limit);
        let act = Box::pin(steps::perform(&step.kind, context));
        tokio::pin!(act, deadline);
        let result: StepResult = loop {
            let look = self.outside.clock.sleep(COMMAND_POLL);
            tokio::select! {
                // Facts first: the end of a step must not overtake the facts that it wrote.
                biased;
                Some((asked, done)) = asks.recv() => {
                    locks::still_ours(&databases, &asked, gives_back)?;
                    let effect = announces_effect(&asked);
                    self.supervisor.answer(&step.id, asked)?;
                    unshared.answer(self.supervisor.view().last_seq, effect, done);
                }
                told = unshared.next() => {
                    self.progress.send_replace(unshared.heard(told)?);
                }
                result = &mut act => break result,
                () = &mut deadline => break Err(late(step, limit, unshared.waits())),
                Some(signal) = self.signals.recv() => self.heed(signal),
                () = look => {
                    self.supervisor.take_commands()?;
                    self.hear_stop_requests();
                }
            }
            let wishes = &self.supervisor.wishes;
            self.stopping.store(wishes.stop || wishes.leave.is_some(), Ordering::Relaxed);
            // The step stays in doubt: resuming reads the platform and repeats it.
            if self.overdue() {
                return Err(EngineError::Left);
            }
            if self.cancels(&step.kind) {
                break Err(self.ended_by(&step.id));
            }
        };
        self.progress.send_replace(String::new());
        self.outside.log.over();
        self.conclude(step, result)
    }

    fn conclude(&mut self, step: &PlannedStep, result: StepResult) -> Result<(), EngineError> {
        let event = match result {
            Ok(done) => {
                let (summary, warning) = (done.summary, done.warning);
                Event::StepFinished { next: self.next_of(&step.id), summary, warning }
            }
            Err(StepError { problem, class }) => Event::StepFailed { problem, class },
        };
        self.supervisor.record(Some(&step.id), &event)
    }
}

/// The failure of a step that took too long.
fn late(step: &PlannedStep, limit: Duration, unshared: bool) -> StepError {
    let problem = Problem::new(format!("{} did not finish within {}", step.title, spoken(limit)));
    StepError::inconclusive(if unshared {
        let because = "the shared store does not answer; the next effect was not begun";
        problem.because(because).try_this("check the network, then retry")
    } else {
        let because = "Pointsman stopped waiting; the operation may still be running";
        problem.because(because).try_this("check the platform, then retry")
    })
}
