//! Facts as lines of the log: one line for each thing that happened, in words. A step begins with its title; what only
//! explains the engine has the level debug, which `L` shows.

use std::collections::BTreeMap;

use crate::domain::describe;
use crate::domain::event::{Event, Fact, Recorded};
use crate::domain::health::Verdict;
use crate::domain::ids::StepId;
use crate::domain::log_level::LogLevel;
use crate::domain::step::PlannedStep;
use crate::tui::panes::logs::model::Line;

/// A fact as it is indexed.
#[derive(Debug, Clone)]
pub(in crate::tui::driver) struct FactLine {
    pub(super) line: Line,
    /// The step's name; empty if the fact belongs to none.
    pub(super) step: String,
    /// Whether the step begins here.
    pub(super) begins: bool,
}

/// Turns the facts of one run into lines, in order.
#[derive(Debug, Default)]
pub(in crate::tui::driver) struct FactLines {
    /// The titles of the steps, from the plan.
    titles: BTreeMap<StepId, String>,
}

impl FactLines {
    pub(in crate::tui::driver) fn next(&mut self, fact: &Fact) -> FactLine {
        let step = fact.step.as_ref().map(ToString::to_string).unwrap_or_default();
        let (text, level) = match &fact.event {
            Recorded::Known(event) => {
                self.learn(event);
                (self.text(fact, event), level(event))
            }
            Recorded::Unknown { kind, .. } => (kind.clone(), LogLevel::Warn),
        };
        let begins = matches!(fact.event, Recorded::Known(Event::StepStarted { .. }));
        let line = Line {
            at: fact.at,
            source: "run".to_owned(),
            level,
            hangs: false,
            text,
            tints: Vec::new(),
        };
        FactLine { line, step, begins }
    }

    /// Takes the titles of planned steps.
    fn learn(&mut self, event: &Event) {
        let planned: &[PlannedStep] = match event {
            Event::RunStarted { plan, .. } => &plan.steps,
            Event::UndoPlanned { steps, .. } => steps,
            _ => &[],
        };
        self.titles.extend(planned.iter().map(|step| (step.id.clone(), step.title.clone())));
    }

    fn text(&self, fact: &Fact, event: &Event) -> String {
        let title = fact.step.as_ref().and_then(|step| self.titles.get(step));
        match (event, title) {
            (Event::StepStarted { attempt: 1 }, Some(title)) => format!("── {title} ──"),
            (Event::StepStarted { attempt }, Some(title)) => {
                format!("── {title}, attempt {attempt} ──")
            }
            _ => describe::with_actor(fact, event),
        }
    }
}

fn level(event: &Event) -> LogLevel {
    match event {
        Event::StepFailed { .. } => LogLevel::Error,
        Event::StepFinished { warning: true, .. }
        | Event::StepSkipped { .. }
        | Event::UndoPlanned { .. }
        | Event::RunnerLost { .. }
        | Event::ServingReported { .. }
        | Event::Judged { verdict: Verdict::Fail, .. }
        | Event::CommandRefused { .. } => LogLevel::Warn,
        // The line after says what came of it, or the one before did.
        Event::StepFinished { .. }
        | Event::SwitchRequested { .. }
        | Event::ShiftRequested { .. }
        | Event::FilesSeen { .. }
        | Event::CandidateReady { .. }
        | Event::ChecklistSeen { .. }
        | Event::DatabaseLocked { .. }
        | Event::RolloutsHeld { .. } => LogLevel::Debug,
        _ => LogLevel::Info,
    }
}
