//! A step of a run, whole: what it does, how long it took and usually takes, what it found, and why it failed.

use crate::domain::step::{StepKind, StepState};
use crate::domain::step_durations::{LEAST_RUNS, StepDurations};
use crate::domain::time::spoken;
use crate::tui::model::Model;
use crate::tui::panes::deploy::view::elapsed_ms;
use crate::tui::view::took;

impl Model {
    /// The sheet of a step of the selected environment's run.
    pub(in crate::tui) fn step_sheet(&self, at: usize) -> Option<String> {
        let run = self.here()?.run.as_ref()?;
        let (view, step) = (&run.view, run.view.steps.get(at)?);
        let mut lines = vec![
            format!("{} of {}: {}", at + 1, view.steps.len(), step.plan.title),
            String::new(),
            step.plan.kind.explains(),
            String::new(),
            format!("state     {}", state(&step.state, run.runner.is_some())),
        ];
        let goes_on = matches!(step.state, StepState::Running { .. } | StepState::Waiting);
        if let Some(began) = step.began_ms {
            let driven = run.runner.is_some();
            lines.push(match goes_on {
                true if driven => {
                    format!("so far    {}", took(elapsed_ms(self, run).saturating_sub(began)))
                }
                true => "took      unknown".to_owned(),
                false => format!("took      {}", took(step.took_ms)),
            });
        }
        let usual =
            StepDurations::of(&self.panes.history.runs, &view.plan.environment, view.plan.kind);
        if let Some(known) = usual.steps.get(&step.plan.id).filter(|_| usual.runs >= LEAST_RUNS) {
            let (p50, p95) = (spoken(known.p50), spoken(known.p95));
            lines.push(format!(
                "usually   {p50} (median of {} runs), 19 of 20 within {p95}",
                usual.runs
            ));
        }
        if !step.summary.is_empty() {
            lines.extend([String::new(), "found".to_owned()]);
            lines.extend(step.summary.split("; ").map(|part| format!("  {part}")));
        }
        if let Some((_, problem, _)) = view.failure.as_ref().filter(|(id, ..)| *id == step.plan.id)
        {
            lines.extend([String::new(), format!("failed    {}", problem.what)]);
            let more = [("because", &problem.why), ("now", &problem.todo)];
            let more = more.into_iter().filter(|(_, text)| !text.is_empty());
            lines.extend(more.map(|(word, text)| format!("{word:<10}{text}")));
        }
        let changes = view.config_changes();
        if matches!(step.plan.kind, StepKind::Build | StepKind::GateSwitch) && !changes.is_empty() {
            lines.extend([String::new(), "changes besides code".to_owned()]);
            lines.extend(changes.iter().map(|(service, change)| format!("  {service}  {change}")));
        }
        lines.extend([String::new(), format!("log: pointsman logs {}", view.number.0)]);
        Some(lines.join("\n"))
    }
}

fn state(state: &StepState, driven: bool) -> String {
    match state {
        StepState::Pending => "not started".to_owned(),
        StepState::Running { .. } if !driven => "unknown: its process is gone".to_owned(),
        StepState::Running { attempt: 1 } => "running".to_owned(),
        StepState::Running { attempt } => format!("running, attempt {attempt}"),
        StepState::Waiting => "waiting for a person".to_owned(),
        StepState::Ok => "done".to_owned(),
        StepState::Warning => "done, with a warning".to_owned(),
        StepState::Failed { .. } => "failed".to_owned(),
        StepState::Skipped { reason } => format!("skipped: {reason}"),
        StepState::NotRun { because } => format!("did not run: {because}"),
        StepState::InDoubt => "unknown: its process is gone".to_owned(),
        StepState::Undone => "undone by the rollback".to_owned(),
    }
}
