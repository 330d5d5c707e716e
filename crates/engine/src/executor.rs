//! Drives one run from its current state to its end.

mod cancel;
mod countdown;
mod deadline;
mod gate;
mod hand_over;
mod locks;
mod perform;
mod sharing;
mod way_out;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::checking::Checking;
use super::context::Heard;
use super::decide::{Next, after_failure};
use super::error::EngineError;
use super::green_watch::GreenWatch;
use super::outside::{Attendance, Outside, Signal};
use super::supervisor::Supervisor;
use pointsman_core::command::may_skip;
use pointsman_core::error::Problem;
use pointsman_core::event::{DecidedBy, Event, Outcome};
use pointsman_core::gate::green_may_serve;
use pointsman_core::ids::StepId;
use pointsman_core::ports::journal::Journal;
use pointsman_core::recover::Choice;
use pointsman_core::retry::BETWEEN_ATTEMPTS;
use pointsman_core::run::RunState;
use pointsman_core::step::{PlannedStep, StepKind};
use pointsman_core::view::RunView;

/// Poll interval of commands to the run.
const COMMAND_POLL: Duration = Duration::from_millis(100);

/// The engine of one run.
pub struct Engine {
    supervisor: Supervisor,
    outside: Outside,
    asking: Attendance,
    signals: mpsc::Receiver<Signal>,
    progress: watch::Sender<String>,
    heard: Heard,
    /// Whether the current step should stop at a safe point.
    stopping: Arc<AtomicBool>,
    /// Set while a switch gate waits.
    green: Option<GreenWatch>,
    /// Set while a gate guarded by a checklist waits.
    checking: Option<Checking>,
    /// Start of the countdown to an automatic rollback.
    failed: Option<Duration>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("run", &self.supervisor.view().number)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// An engine for a run that this process has claimed.
    pub fn new(
        journal: Box<dyn Journal>,
        view: RunView,
        outside: Outside,
        asking: Attendance,
        signals: mpsc::Receiver<Signal>,
    ) -> Self {
        let (clock, actor) = (outside.clock.clone(), view.actor.clone());
        let supervisor = Supervisor::new(journal, clock, actor, view);
        let progress = watch::Sender::new(String::new());
        let heard = Heard::default();
        Self {
            supervisor,
            outside,
            asking,
            signals,
            progress,
            heard,
            stopping: Arc::default(),
            green: None,
            checking: None,
            failed: None,
        }
    }

    /// Takes over a run whose runner died, with a person's recovery choice (N8), and acts as that person from here on. Call
    /// it before [`Engine::run`].
    pub async fn take_over(
        &mut self,
        observed: &str,
        choice: Choice,
        by: &str,
    ) -> Result<(), EngineError> {
        self.supervisor.act_as(by);
        self.supervisor.refuse_unread()?;
        let event = Event::RunnerLost { observed: observed.to_owned(), choice };
        self.supervisor.record(None, &event)?;
        match choice {
            Choice::Continue => {
                let state = &self.supervisor.view().state;
                let failed = matches!(state, RunState::Failed { .. });
                let paused = matches!(state, RunState::Paused { .. });
                self.supervisor.wishes.retry = failed;
                self.supervisor.wishes.resume = paused.then(|| by.to_owned());
            }
            Choice::GoBack => {
                self.supervisor.wishes.rollback = Some(by.to_owned());
            }
            Choice::Leave => {
                let touched = self.supervisor.view().touched_traffic();
                let outcome = if touched { Outcome::Unknown } else { Outcome::Aborted };
                let problem = Problem::new("its process died, and a person left it");
                self.end(outcome, Some(problem)).await?;
            }
        }
        Ok(())
    }

    /// The view of the run, updated after each fact.
    pub fn watch(&self) -> watch::Receiver<Arc<RunView>> {
        self.supervisor.watch()
    }

    /// Progress of the current step; may be lost.
    pub fn progress(&self) -> watch::Receiver<String> {
        self.progress.subscribe()
    }

    /// Runs to the end, and releases the locks of the run's databases.
    pub async fn run(mut self) -> Result<RunView, EngineError> {
        let outside = self.outside.clone();
        let had = locks::had(self.supervisor.view());
        let ended = match locks::again(&outside, &had).await {
            Ok(()) => self.drive().await,
            Err(error) => Err(error),
        };
        locks::release(&outside, &ended).await;
        ended
    }

    async fn drive(&mut self) -> Result<RunView, EngineError> {
        loop {
            // An ended run has released its lease, so there is nothing left to renew.
            if matches!(self.supervisor.view().state, RunState::Ended { .. }) {
                return Ok(self.supervisor.view().clone());
            }
            // Results about green take precedence over commands from before those results.
            self.watch_green()?;
            self.watch_list()?;
            self.supervisor.take_commands()?;
            self.hear_stop_requests();
            if self.supervisor.wishes.leave.is_some() {
                return Err(EngineError::Left);
            }
            self.hand_over().await?;
            if !matches!(self.supervisor.view().state, RunState::Failed { .. }) {
                self.stop_counting();
            }
            match self.supervisor.view().state.clone() {
                RunState::Ended { .. } => {}
                RunState::Done => self.end_reached().await?,
                RunState::Ready { next } => self.ready(next).await?,
                RunState::Waiting { gate } => self.at_gate(&gate).await?,
                RunState::Paused { .. } => self.paused().await?,
                RunState::Failed { step, attempt } => self.failed(&step, attempt).await?,
                state @ (RunState::Planned | RunState::Running { .. }) => {
                    let number = self.supervisor.view().number;
                    let problem = Problem::new(format!("run {number} cannot continue"));
                    let problem = problem.because(format!("it is {}", state.sentence()));
                    return Err(EngineError::CannotCarryOn(problem));
                }
            }
        }
    }

    fn planned(&self, id: &StepId) -> Result<PlannedStep, EngineError> {
        let steps = &self.supervisor.view().steps;
        let found = steps.iter().rev().find(|s| &s.plan.id == id).map(|s| s.plan.clone());
        found.ok_or_else(|| {
            EngineError::CannotCarryOn(Problem::new(format!("there is no step {id}")))
        })
    }

    /// The step after another one, in the plan or among the steps that undo it.
    fn next_of(&self, id: &StepId) -> Option<StepId> {
        let steps = &self.supervisor.view().steps;
        let at = steps.iter().rposition(|s| &s.plan.id == id)?;
        let undoing = self.supervisor.view().undoing();
        let next = steps.get(at + 1)?;
        let pending = next.state == pointsman_core::step::StepState::Pending;
        (pending || !undoing).then(|| next.plan.id.clone())
    }

    async fn ready(&mut self, next: StepId) -> Result<(), EngineError> {
        if self.leaves().await? {
            return Ok(());
        }
        // An earlier pause request must not interrupt a rollback.
        let holds = !self.supervisor.view().gives_back();
        if let Some(actor) = self.supervisor.wishes.pause.take().filter(|_| holds) {
            let because = format!("paused by {actor}");
            return self.supervisor.record_as(&actor, None, &Event::RunPaused { because });
        }
        let step = self.planned(&next)?;
        if !step.kind.is_gate() {
            return self.perform(&step, 1).await;
        }
        let guards = step.kind == StepKind::GateSwitch;
        if let Some(problem) = green_may_serve(self.supervisor.view()).err().filter(|_| guards) {
            return self.end(Outcome::Failed, Some(problem)).await;
        }
        let question = self.question(&step);
        self.supervisor.record(Some(&next), &Event::GateOpened { question })
    }

    async fn paused(&mut self) -> Result<(), EngineError> {
        if self.leaves().await? {
            return Ok(());
        }
        if let Some(actor) = self.supervisor.wishes.resume.take() {
            return self.supervisor.record_as(&actor, None, &Event::RunResumed {});
        }
        self.idle(COMMAND_POLL).await
    }

    async fn failed(&mut self, step: &StepId, attempt: u32) -> Result<(), EngineError> {
        if self.leaves().await? {
            return Ok(());
        }
        let planned = self.planned(step)?;
        if std::mem::take(&mut self.supervisor.wishes.retry) {
            return self.perform(&planned, attempt + 1).await;
        }
        let skip = self.supervisor.wishes.skip.take();
        let may = skip.filter(|(reason, _)| may_skip(self.supervisor.view(), reason).is_ok());
        if let Some((reason, actor)) = may {
            let next = self.next_of(step);
            let skipped = Event::StepSkipped { reason, next };
            return self.supervisor.record_as(&actor, Some(step), &skipped);
        }
        let view = self.supervisor.view();
        let problem = view.failure.as_ref().map(|(_, problem, _)| problem.clone());
        match after_failure(view, attempt, self.asking) {
            Next::Retry if self.waits_to_retry(attempt).await? => {
                self.perform(&planned, attempt + 1).await
            }
            // Another command arrived.
            Next::Retry => Ok(()),
            Next::Undo(DecidedBy::Rule) if !self.counted_down().await? => Ok(()),
            Next::Undo(by) => {
                let problem = problem.unwrap_or_else(|| Problem::new("the step failed"));
                self.go_back(by, problem, false).await
            }
            Next::Fail => self.end(Outcome::Failed, problem).await,
            Next::Abort => self.end(Outcome::Aborted, problem).await,
            // The rollback failed, and the person in charge ends the run.
            Next::Wait if self.supervisor.wishes.stop && self.supervisor.view().gives_back() => {
                self.end(Outcome::Unknown, problem).await
            }
            Next::Wait => self.idle(COMMAND_POLL).await,
        }
    }

    /// Waits between two attempts. `false`: the run was requested to end.
    async fn waits_to_retry(&mut self, attempt: u32) -> Result<bool, EngineError> {
        let until = self.outside.clock.elapsed() + BETWEEN_ATTEMPTS.after(attempt);
        while self.outside.clock.elapsed() < until {
            let left = until.saturating_sub(self.outside.clock.elapsed());
            self.idle(COMMAND_POLL.min(left)).await?;
            self.supervisor.take_commands()?;
            let wishes = &self.supervisor.wishes;
            let out = wishes.stop || wishes.abort || wishes.rollback.is_some();
            if wishes.retry || wishes.skip.is_some() {
                return Ok(false);
            }
            if wishes.leave.is_some() || (out && !self.supervisor.view().gives_back()) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Waits briefly, and handles a signal that arrives meanwhile.
    async fn idle(&mut self, length: Duration) -> Result<(), EngineError> {
        let sleep = self.outside.clock.sleep(length);
        tokio::select! {
            biased;
            () = sleep => {}
            Some(signal) = self.signals.recv() => self.heed(signal),
        }
        Ok(())
    }

    /// A user on another machine may request one of our databases: then the run stops, and can be resumed.
    fn hear_stop_requests(&mut self) {
        // A half-finished switch or rollback is worse than either side, so the request waits until it is complete.
        let view = self.supervisor.view();
        let step = view.state.step();
        let step = view.steps.iter().rev().find(|s| Some(&s.plan.id) == step);
        let moves = step.is_some_and(|step| step.plan.kind.moves_traffic());
        if self.supervisor.wishes.leave.is_none()
            && !(moves || view.is_half_way())
            && let Some(by) = self.outside.databases.stop_requested()
        {
            tracing::warn!(by, "asked to stop");
            self.progress.send_replace(format!("asked to stop by {by}"));
            self.heed(Signal::Leave);
        }
    }

    fn heed(&mut self, signal: Signal) {
        let wishes = &mut self.supervisor.wishes;
        match signal {
            Signal::Stop => wishes.stop = true,
            Signal::Abort => (wishes.stop, wishes.abort) = (true, true),
            Signal::Leave => {
                wishes.leave.get_or_insert(self.outside.clock.elapsed());
            }
        }
    }
}
