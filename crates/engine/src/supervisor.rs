//! The only writer of a run's facts, and the only reader of the commands sent to it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::context::Asked;
use super::error::EngineError;
use pointsman_core::alert::Channel;
use pointsman_core::checklist::Tick;
use pointsman_core::command::{Command, judge};
use pointsman_core::event::{AnsweredBy, DecidedBy, Event};
use pointsman_core::ids::{EnvironmentName, StepId};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::journal::{Entry, Journal, JournalError, RENEWAL};
use pointsman_core::ports::sharing::Sharing;
use pointsman_core::redact::without_secrets;
use pointsman_core::run::transition;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;

/// Maximum runs of another environment that are searched.
const RUNS_SEARCHED: usize = 200;

/// The actor of automatic decisions.
const RULES: &str = "rule";

/// Requests of people that the executor has not handled yet.
#[derive(Debug, Default)]
pub(super) struct PendingRequests {
    /// The command that approved the gate, and its actor.
    pub(super) approve: Option<(u64, String)>,
    /// The actor who requested a pause.
    pub(super) pause: Option<String>,
    /// The actor who requested the resume.
    pub(super) resume: Option<String>,
    pub(super) retry: bool,
    /// The reason for skipping the failed step, and the actor.
    pub(super) skip: Option<(String, String)>,
    /// The actor who requested a rollback.
    pub(super) rollback: Option<String>,
    /// End at the next safe point.
    pub(super) stop: bool,
    pub(super) abort: bool,
    /// The person who accepted the offered run.
    pub(super) hand_to: Option<String>,
    /// Clock reading of the request to leave the run.
    pub(super) leave: Option<Duration>,
}

impl PendingRequests {
    /// Whether a person or a signal requested something that was not done yet, besides a hand-over.
    pub(super) fn pending(&self) -> bool {
        let people = self.pause.is_some() || self.resume.is_some() || self.rollback.is_some();
        let step = self.retry || self.skip.is_some() || self.approve.is_some();
        people || step || self.stop || self.abort || self.leave.is_some()
    }
}

pub(super) struct Supervisor {
    journal: Box<dyn Journal>,
    clock: Arc<dyn Clock>,
    actor: String,
    view: RunView,
    /// The clock and the run's elapsed time when this engine started.
    began: (Duration, u64),
    published: watch::Sender<Arc<RunView>>,
    renewed: Duration,
    pub(super) wishes: PendingRequests,
}

impl Supervisor {
    pub(super) fn new(
        journal: Box<dyn Journal>,
        clock: Arc<dyn Clock>,
        actor: String,
        view: RunView,
    ) -> Self {
        let published = watch::Sender::new(Arc::new(view.clone()));
        let began = (clock.elapsed(), view.elapsed_ms);
        let (renewed, wishes) = (began.0, PendingRequests::default());
        Self { journal, clock, actor, view, began, published, renewed, wishes }
    }

    /// Records further facts as another person's, who is responsible for the run from here on.
    pub(super) fn act_as(&mut self, actor: &str) {
        actor.clone_into(&mut self.actor);
    }

    pub(super) fn view(&self) -> &RunView {
        &self.view
    }

    /// The shared store, if the journal is a copy of one.
    pub(super) fn sharing(&self) -> Option<Arc<dyn Sharing>> {
        self.journal.sharing()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Arc<RunView>> {
        self.published.subscribe()
    }

    /// Writes a fact: checks it against the state, syncs it, then publishes it. An event that the state does not allow
    /// is a bug in Pointsman; it stops the run instead of falsifying its history.
    pub(super) fn record(
        &mut self,
        step: Option<&StepId>,
        event: &Event,
    ) -> Result<(), EngineError> {
        let rule = match event {
            Event::GateAnswered { by: AnsweredBy::Checklist | AnsweredBy::Advice, .. } => true,
            Event::UndoPlanned { by, .. } => *by == DecidedBy::Rule,
            _ => false,
        };
        let actor = if rule { RULES.to_owned() } else { self.actor.clone() };
        self.record_as(&actor, step, event)
    }

    /// Like `record`, on behalf of the person whose command caused it.
    pub(super) fn record_as(
        &mut self,
        actor: &str,
        step: Option<&StepId>,
        event: &Event,
    ) -> Result<(), EngineError> {
        let event = &without_secrets(event.clone());
        transition(&self.view.state, step, event).map_err(EngineError::Illegal)?;
        let elapsed = self.clock.elapsed().saturating_sub(self.began.0).as_millis();
        let entry = Entry {
            actor,
            at: self.clock.now(),
            elapsed_ms: self.began.1.saturating_add(u64::try_from(elapsed).unwrap_or(u64::MAX)),
            step,
            event,
        };
        let fact = self.journal.append(self.view.number, entry).map_err(EngineError::Journal)?;
        self.view.apply(&fact).map_err(EngineError::Illegal)?;
        self.published.send_replace(Arc::new(self.view.clone()));
        Ok(())
    }

    /// People's actions on this release's checklists.
    pub(super) fn ticks(&self) -> Result<Vec<Tick>, JournalError> {
        let plan = &self.view.plan;
        plan.release.as_ref().map_or(Ok(Vec::new()), |r| self.journal.ticks(&plan.environment, r))
    }

    /// Time of the last delivery to each channel.
    pub(super) fn alerts_arrived(&self) -> Result<Vec<(String, Option<Timestamp>)>, JournalError> {
        let channels = &self.view.plan.notify.channels;
        let one = |c: &Channel| Ok((c.to_string(), self.journal.delivered(c)?));
        channels.iter().map(one).collect()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The latest runs of another environment.
    pub(super) fn runs_on(&self, other: &EnvironmentName) -> Result<Vec<RunView>, JournalError> {
        let runs = self.journal.runs(Some(other), RUNS_SEARCHED)?;
        Ok(runs.into_iter().map(|listed| listed.view).collect())
    }

    /// Answers every new command with a fact: accepted, or refused with the reason (N2).
    pub(super) fn take_commands(&mut self) -> Result<(), EngineError> {
        self.keep_lease()?;
        let sent = self.journal.unanswered(self.view.number).map_err(EngineError::Journal)?;
        for sent in sent {
            let command = sent.command.clone();
            let step = self.view.state.step().cloned();
            let event = match judge(&self.view, &sent) {
                Ok(()) => Event::CommandAccepted { id: sent.id, command: command.clone() },
                Err(because) => {
                    let refused = Event::CommandRefused { id: sent.id, command, because };
                    self.record_as(&sent.actor, step.as_ref(), &refused)?;
                    continue;
                }
            };
            self.record_as(&sent.actor, step.as_ref(), &event)?;
            self.wish(&command, sent.id, &sent.actor);
        }
        Ok(())
    }

    /// Handles a step's request.
    pub(super) fn answer(&mut self, step: &StepId, asked: Asked) -> Result<(), EngineError> {
        match asked {
            Asked::Record(event) => self.record(Some(step), &event),
            Asked::Lease => self.still_ours(),
        }
    }

    /// Checks the lease right before an effect: a run that lost its lease must have no further effect.
    pub(super) fn still_ours(&mut self) -> Result<(), EngineError> {
        self.renew()
    }

    /// Refuses commands sent to a runner that died before it read them: they no longer apply, and an
    /// approval from yesterday must not approve a gate today (N8).
    pub(super) fn refuse_unread(&mut self) -> Result<(), EngineError> {
        let sent = self.journal.unanswered(self.view.number).map_err(EngineError::Journal)?;
        for sent in sent {
            let because = "its process died before it read this".to_owned();
            let step = self.view.state.step().cloned();
            let refused = Event::CommandRefused { id: sent.id, command: sent.command, because };
            self.record_as(&sent.actor, step.as_ref(), &refused)?;
        }
        Ok(())
    }

    /// Renews the lease when it is due. If it is lost, another process drives the run, and this one stops.
    fn keep_lease(&mut self) -> Result<(), EngineError> {
        if self.clock.elapsed().saturating_sub(self.renewed) < RENEWAL {
            return Ok(());
        }
        self.renew()
    }

    fn renew(&mut self) -> Result<(), EngineError> {
        self.renewed = self.clock.elapsed();
        self.journal.renew(self.view.number, self.clock.now()).map_err(EngineError::Journal)
    }

    fn wish(&mut self, command: &Command, id: u64, actor: &str) {
        let wishes = &mut self.wishes;
        match command {
            Command::Approve(_) => wishes.approve = Some((id, actor.to_owned())),
            // The fact itself restarts the time of the gate, or says who has it. An unknown command is never accepted.
            Command::Extend | Command::Claim | Command::Offer | Command::Unknown => {}
            Command::Accept => wishes.hand_to = Some(actor.to_owned()),
            Command::Pause => wishes.pause = Some(actor.to_owned()),
            Command::Resume => wishes.resume = Some(actor.to_owned()),
            Command::Retry => wishes.retry = true,
            Command::Skip { reason } => wishes.skip = Some((reason.clone(), actor.to_owned())),
            Command::Rollback => wishes.rollback = Some(actor.to_owned()),
            Command::Abort { now } => {
                wishes.stop = true;
                wishes.abort |= now;
            }
        }
    }
}
