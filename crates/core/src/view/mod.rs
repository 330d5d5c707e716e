//! The fold: everything shown about a run is computed from its facts, and from nothing else.

mod approving;
mod asked;
mod claim;
mod customers;
mod database;
mod deadline;
mod questions;
mod service;
mod traffic;

use std::collections::BTreeMap;

pub use self::asked::Asked;
pub use self::claim::Claim;
pub use self::database::DatabaseView;
pub use self::deadline::{Deadline, OpenGate};
pub use self::questions::WaitsFor;
pub use self::service::ServiceView;
pub use self::traffic::TrafficState;
use super::approvals::Given;
use super::checklist::{ItemStatus, List, may_pass};
use super::command::Command;
use super::event::{DecidedBy, Event, Fact, Mark, Outcome, Recorded};

use super::ids::{BuildId, RunNumber, ServiceName, StepId};
use super::plan::Plan;
use super::release::ReleaseLabel;
use super::run::{IllegalTransition, RunState, transition};
use super::step::{Failure, PlannedStep, Side, StepKind, StepState};
use super::time::Timestamp;

/// The current state of one step.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct StepView {
    pub plan: PlannedStep,
    pub state: StepState,
    /// The summary at its end.
    pub summary: String,
    /// Start, in monotonic milliseconds of its runner.
    pub began_ms: Option<u64>,
    /// Duration up to the last fact.
    pub took_ms: u64,
}

/// A mark a run gave to a release.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Marked {
    pub release: ReleaseLabel,
    /// The commit, if known.
    pub commit: Option<String>,
    pub mark: Mark,
    /// The build of each service.
    pub builds: Vec<(ServiceName, BuildId)>,
}

/// The state of a run, computed from its facts.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RunView {
    pub number: RunNumber,
    pub plan: Plan,
    pub state: RunState,
    /// The steps. A rollback appends its own.
    pub steps: Vec<StepView>,
    pub services: BTreeMap<ServiceName, ServiceView>,
    pub databases: BTreeMap<String, DatabaseView>,
    /// The marks that the run gave to releases.
    pub marks: Vec<Marked>,
    pub last_seq: u64,
    /// Sequence number of the last fact that changed the state; commands are compared with it (N2).
    pub decided_at: u64,
    pub actor: String,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Time of its last fact.
    pub last_at: Timestamp,
    /// Time with a runner, up to the last fact.
    pub elapsed_ms: u64,
    /// Time spent waiting for people: at gates, paused, or for a decision after a failure.
    pub waited_ms: u64,
    /// Whether a person holds the automatic rollback after a failure.
    pub held: bool,
    /// An accepted pause, end or rollback that has not happened yet.
    pub asked: Option<Asked>,
    /// The approvals of the waiting gate that count. Kept only where a rule counts them.
    pub approvals: Vec<Given>,
    /// Who has offered the run to another person.
    pub offered: Option<String>,
    /// Who is about to drive the run: no process does until that process has it.
    pub handed: Option<String>,
    /// Who takes care of what the run waits for.
    pub claim: Option<Claim>,
    /// The time of the gate that the run waits at.
    pub open_gate: Option<OpenGate>,
    /// Evidence that the release itself is bad.
    pub faults: Vec<(ServiceName, String)>,
    /// The reason of its rollback, if it rolls back.
    pub undo: Option<(DecidedBy, String)>,
    pub failure: Option<(StepId, super::error::Problem, Failure)>,
    /// The checklist items of each list, as last checked.
    pub checklists: BTreeMap<List, Vec<ItemStatus>>,
    /// Whether the run ended because of open checklist items without a person attending.
    pub unlisted: bool,
    /// Kinds of facts that this version does not know. They prevent it from continuing the run.
    pub unknown: Vec<String>,
}

impl RunView {
    /// Starts the fold with the first fact, which must contain the plan.
    pub fn begin(number: RunNumber, first: &Fact) -> Result<Self, IllegalTransition> {
        let Recorded::Known(event @ Event::RunStarted { plan, .. }) = &first.event else {
            let event = first.event.parts().0;
            return Err(IllegalTransition { state: RunState::Planned, event, step: None });
        };
        let state = transition(&RunState::Planned, None, event)?;
        let services =
            plan.members.iter().map(|m| (m.service().clone(), ServiceView::default())).collect();
        Ok(Self {
            number,
            steps: plan.steps.iter().map(step_view).collect(),
            plan: (**plan).clone(),
            state,
            services,
            databases: BTreeMap::new(),
            marks: Vec::new(),
            last_seq: first.seq,
            decided_at: first.seq,
            actor: first.actor.clone(),
            started: first.at,
            ended: None,
            last_at: first.at,
            elapsed_ms: first.elapsed_ms,
            waited_ms: 0,
            held: false,
            asked: None,
            approvals: Vec::new(),
            offered: None,
            handed: None,
            claim: None,
            open_gate: None,
            faults: Vec::new(),
            undo: None,
            failure: None,
            checklists: BTreeMap::new(),
            unlisted: false,
            unknown: Vec::new(),
        })
    }

    /// Folds a whole run.
    pub fn fold(number: RunNumber, facts: &[Fact]) -> Option<Result<Self, IllegalTransition>> {
        let (first, rest) = facts.split_first()?;
        Some(Self::begin(number, first).and_then(|mut view| {
            rest.iter().try_for_each(|fact| view.apply(fact))?;
            Ok(view)
        }))
    }

    /// Applies one more fact. A fact that was applied already changes nothing, so a reader that joins
    /// late or reads twice sees the same run.
    pub fn apply(&mut self, fact: &Fact) -> Result<(), IllegalTransition> {
        if fact.seq <= self.last_seq {
            return Ok(());
        }
        let list = self.gate().and_then(StepKind::guarded_by);
        let waits = self.plan.waits_for_people() || list.is_some_and(|l| self.plan.waits_at(l));
        if waits && self.waits_for_somebody() {
            self.waited_ms += fact.elapsed_ms.saturating_sub(self.elapsed_ms);
        }
        match &fact.event {
            Recorded::Unknown { kind, .. } => self.unknown.push(kind.clone()),
            Recorded::Known(event) => {
                let state = transition(&self.state, fact.step.as_ref(), event)?;
                // The evidence of a gate changed: a person who saw the old evidence has not seen this (N2).
                let judged = matches!(event, Event::Judged { .. });
                let mut turned = judged && matches!(state, RunState::Waiting { .. });
                if let Event::ChecklistSeen { list, items } = event {
                    turned = !self.checklists.contains_key(list) || self.fell(*list, items);
                }
                self.held &= state == self.state;
                if let Event::RunEnded { outcome: Outcome::Failed, .. } = event {
                    let list = self.gate().and_then(StepKind::guarded_by);
                    self.unlisted = list.is_some_and(|list| may_pass(self, list).is_err());
                }
                if turned || state != self.state {
                    self.decided_at = fact.seq;
                }
                self.state = state;
                self.note_step(fact, event);
                self.note_service(fact.at, event);
                self.note_database(event);
                self.note_run(fact, event);
                self.note_asked(fact, event);
                self.note_gate(fact, event);
                self.note_approvals(fact, event);
                self.note_claim(fact, event);
            }
        }
        self.last_seq = fact.seq;
        (self.last_at, self.elapsed_ms) = (fact.at, fact.elapsed_ms);
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts that change a step; `Event::topic` names every kind"
    )]
    fn note_step(&mut self, fact: &Fact, event: &Event) {
        let Some(step) =
            self.steps.iter_mut().rev().find(|s| Some(&s.plan.id) == fact.step.as_ref())
        else {
            return;
        };
        // Decisions about a finished step are not part of its duration.
        let over = matches!(
            step.state,
            StepState::Failed { .. }
                | StepState::Ok
                | StepState::Warning
                | StepState::Skipped { .. }
        );
        if !over || matches!(event, Event::StepStarted { .. }) {
            step.took_ms = fact.elapsed_ms.saturating_sub(step.began_ms.unwrap_or(fact.elapsed_ms));
        }
        match event {
            Event::StepStarted { attempt } => {
                step.state = StepState::Running { attempt: *attempt };
                step.began_ms.get_or_insert(fact.elapsed_ms);
            }
            Event::GateOpened { question } => {
                let more = question.split_once('\n').map(|(_, more)| more);
                more.unwrap_or_default().clone_into(&mut step.summary);
                step.state = StepState::Waiting;
                step.began_ms = Some(fact.elapsed_ms);
            }
            Event::GateAnswered { .. } => step.state = StepState::Ok,
            Event::StepFinished { summary, warning, .. } => {
                step.state = if *warning { StepState::Warning } else { StepState::Ok };
                step.summary.clone_from(summary);
            }
            Event::StepFailed { problem, class } => {
                step.state = StepState::Failed { problem: problem.clone(), class: *class };
                self.failure = Some((step.plan.id.clone(), problem.clone(), *class));
            }
            Event::StepSkipped { reason, .. } => {
                step.state = StepState::Skipped { reason: reason.clone() };
                // A person took responsibility for it.
                if step.plan.kind == StepKind::ProbeGreen {
                    for service in self.services.values_mut() {
                        (service.green_health, service.green_left_out) = (None, true);
                    }
                }
            }
            _ => {}
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "only the facts that change the run; `Event::topic` names every kind"
    )]
    fn note_run(&mut self, fact: &Fact, event: &Event) {
        match event {
            Event::UndoPlanned { steps, because, by, .. } => {
                self.leave_pending("traffic is rolled back");
                self.steps.extend(steps.iter().map(step_view));
                self.undo = Some((*by, because.sentence()));
            }
            Event::ReleaseMarked { release, commit, mark, builds, .. } => self.marks.push(Marked {
                release: release.clone(),
                commit: commit.clone(),
                mark: *mark,
                builds: builds.clone(),
            }),
            Event::TrafficObserved { service, .. } if self.undo.is_some() => {
                let undone = self.services.get(service).is_some_and(|s| s.serving == s.blue);
                // What never began is not undone.
                let begun = |step: &&mut StepView| undone && step.began_ms.is_some();
                for step in self.steps.iter_mut().filter(begun) {
                    let kind = &step.plan.kind;
                    if matches!(
                        kind,
                        StepKind::Switch { service: s, to: Side::Green }
                        | StepKind::Shift { service: s, .. } if s == service
                    ) {
                        step.state = StepState::Undone;
                    }
                }
            }
            Event::CommandAccepted { command: Command::Pause, .. } => {
                self.held = matches!(self.state, RunState::Failed { .. });
            }
            Event::ChecklistSeen { list, items } => {
                self.checklists.insert(*list, items.clone());
            }
            Event::ReleaseFaulted { service, evidence } => {
                self.faults.push((service.clone(), evidence.clone()));
            }
            Event::CommandAccepted { command: Command::Offer, .. } => {
                self.offered = Some(fact.actor.clone());
            }
            // One person has it from here on: no other person can accept the same offer.
            Event::CommandAccepted { command: Command::Accept, .. } => self.offered = None,
            Event::RunHandedOver { to } => (self.offered, self.handed) = (None, Some(to.clone())),
            Event::RunTakenOn {} => self.handed = None,
            Event::RunnerLost { .. } => {
                (self.offered, self.handed) = (None, None);
                self.note_doubt();
            }
            Event::RunEnded { .. } | Event::RunSuperseded { .. } => {
                self.ended = Some(fact.at);
                self.leave_pending("the run is over");
            }
            _ => {}
        }
    }

    fn note_doubt(&mut self) {
        for step in &mut self.steps {
            if matches!(step.state, StepState::Running { .. }) {
                step.state = StepState::InDoubt;
                let problem = super::error::Problem::new("its process died");
                self.failure = Some((step.plan.id.clone(), problem, Failure::Inconclusive));
            }
        }
    }

    fn leave_pending(&mut self, because: &str) {
        for step in self.steps.iter_mut().filter(|s| s.state == StepState::Pending) {
            step.state = StepState::NotRun { because: because.to_owned() };
        }
    }
}

fn step_view(plan: &PlannedStep) -> StepView {
    StepView {
        plan: plan.clone(),
        state: StepState::Pending,
        summary: String::new(),
        began_ms: None,
        took_ms: 0,
    }
}
