//! A run at its gate.

use super::{Engine, LOOK};
use crate::domain::event::{AnsweredBy, Event, Outcome};
use crate::domain::gate::may_switch;
use crate::domain::ids::StepId;
use crate::domain::run::RunState;
use crate::engine::error::EngineError;
use crate::engine::green_watch::GreenWatch;

impl Engine {
    /// Waits for whoever may open it. Gates never time out.
    pub(super) async fn at_gate(&mut self, gate: &StepId) -> Result<(), EngineError> {
        let now = self.outside.clock.now();
        if self.green.as_ref().is_some_and(|green| green.unheard(now).is_some()) {
            return if self.leaves()? { Ok(()) } else { self.idle(LOOK).await };
        }
        let by = match self.supervisor.wishes.approve.take() {
            Some(id) => AnsweredBy::Command(id),
            None if !self.supervisor.view().plan.ask_at_gates => {
                match may_switch(self.supervisor.view()) {
                    Ok(()) => AnsweredBy::Beforehand,
                    Err(problem) if self.green.as_ref().is_some_and(GreenWatch::failed) => {
                        return self.end(Outcome::Failed, Some(problem));
                    }
                    // Nobody can say: it is asked on.
                    Err(_) if self.leaves()? => return Ok(()),
                    Err(_) => return self.idle(LOOK).await,
                }
            }
            None if self.leaves()? => return Ok(()),
            None => return self.idle(LOOK).await,
        };
        let next = self.next_of(gate);
        self.supervisor.record(Some(gate), &Event::GateAnswered { by, next })
    }

    /// Green is asked for its health while its gate waits, and what turns is a fact: whoever opens the
    /// gate by what was so before is refused.
    pub(super) fn watch_green(&mut self) -> Result<(), EngineError> {
        let view = self.supervisor.view();
        let RunState::Waiting { gate } = view.state.clone() else {
            self.green = None;
            return Ok(());
        };
        let watch = self.green.get_or_insert_with(|| GreenWatch::start(view, &self.outside));
        let now = self.outside.clock.now();
        let turned = watch.turned(now);
        self.progress.send_replace(watch.progress(now));
        for event in turned {
            self.supervisor.record(Some(&gate), &event)?;
        }
        Ok(())
    }
}
