//! The Pipeline pane: jobs, the log of one of them, and what a person says.

use super::acts::{confirm, question};
use super::ring::call;
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::pipeline::{PipelineRun, Standing};
use crate::domain::policy::Protection;
use crate::tui::effect::Effect;
use crate::tui::keys::commands::Command;
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, Dialog, Kind, Phase};
use crate::tui::model::environments::Environment;
use crate::tui::model::messages::Level;
use crate::tui::model::overlay::Overlay;
use crate::tui::model::pipeline::{JobLog, PipelineAct, PipelineSnapshot, chosen, run};

/// A page of a log.
const PAGE: usize = 20;
/// Lines of context above an error.
const ABOVE: usize = 5;

/// Takes an answer. New approvals notify the user, and outdated boxes close.
pub(super) fn seen(
    model: &mut Model,
    name: &EnvironmentName,
    answered: Result<Option<PipelineRun>, Problem>,
) -> Vec<Effect> {
    let at = model.elapsed;
    let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) else {
        return Vec::new();
    };
    let before = run(here).cloned();
    let answered = match answered {
        Ok(run) => run,
        // What was seen before stays, and grows old.
        Err(problem) => {
            let seen =
                here.pipeline.get_or_insert(PipelineSnapshot { run: None, at, problem: None });
            seen.problem = Some(problem);
            return Vec::new();
        }
    };
    here.pipeline = Some(PipelineSnapshot { run: answered, at, problem: None });
    let now = run(here).cloned();
    let asks = |run: &Option<PipelineRun>| {
        run.as_ref().is_some_and(|run| run.approvals.iter().any(|approval| approval.ours))
    };
    let failed = |run: &Option<PipelineRun>| {
        run.as_ref().is_some_and(|run| matches!(run.standing, Standing::Failed(_)))
    };
    still_so(model, name, now.as_ref());
    if before.is_none() {
        return Vec::new();
    }
    let told = match &now {
        Some(run) if asks(&now) && !asks(&before) => {
            format!("run {} of the pipeline of {name} waits for you", run.id)
        }
        Some(run) if failed(&now) && !failed(&before) => {
            let job = run.failing().map_or(String::new(), |job| format!(": {}", job.name));
            format!("run {} of the pipeline of {name} failed{job}", run.id)
        }
        _ => return Vec::new(),
    };
    let effects = call(model, &told).into_iter().collect();
    model.say(Level::Warning, told);
    effects
}

/// A box about a run that is not as it was shown asks nothing any more.
fn still_so(model: &mut Model, name: &EnvironmentName, now: Option<&PipelineRun>) {
    let Some(Dialog { kind: Kind::Confirm(asked), .. }) = model.dialog.as_mut() else { return };
    let Action::Pipeline(act) = &asked.action else { return };
    let Some(shown) = act.run() else { return };
    let same = now.is_some_and(|now| {
        now.id == shown.id && now.attempt == shown.attempt && now.approvals == shown.approvals
    });
    if &asked.environment == name && asked.phase == Phase::Asks && !same {
        asked.input.reset();
        let now = now.map_or("it is gone".to_owned(), |now| now.told(None));
        asked.phase = Phase::Blocked(format!("the pipeline: {now}"));
    }
}

/// Whether an act means anything now.
pub(super) fn available(here: &Environment, command: Command) -> Result<(), String> {
    if !here.tested {
        return Err(format!("{} has no pipeline", here.name));
    }
    if command == Command::BeginPipeline {
        return Ok(());
    }
    let Some(run) = run(here) else {
        return Err("it has no known run yet".to_owned());
    };
    match command {
        Command::RunFailedAgain if run.standing.over() && run.failing().is_some() => Ok(()),
        Command::RunFailedAgain if run.standing.over() => Err("nothing failed in it".to_owned()),
        Command::RunFailedAgain => Err("it has not ended".to_owned()),
        _ if run.approvals.iter().any(|approval| approval.ours) => Ok(()),
        _ if run.approvals.is_empty() => Err("it waits for no approval".to_owned()),
        _ => {
            let who: Vec<_> = run.approvals.iter().flat_map(|a| a.reviewers.clone()).collect();
            Err(format!("it waits for {}", who.join(" or ")))
        }
    }
}

/// Opens the box of an act.
pub(super) fn ask(model: &mut Model, here: &Environment, command: Command, key: Key) {
    let run = run(here).cloned().map(Box::new);
    let (title, mut lines, act) = match (command, run) {
        (Command::BeginPipeline, _) => {
            let line = format!("Begins a new run of the pipeline of {}.", here.name);
            ("Begin a run", vec![line], PipelineAct::Begin)
        }
        (Command::RunFailedAgain, Some(run)) => {
            let lines = vec![format!("Runs what failed in run {} again: {}", run.id, run.title)];
            ("Run what failed again", lines, PipelineAct::Again(run))
        }
        (Command::ApproveDeployment, Some(run)) => {
            let lines = vec![format!("Approves run {}: {}", run.id, run.title)];
            ("Approve", lines, PipelineAct::Approve(run))
        }
        (_, Some(run)) => {
            let lines = vec![format!("Ends run {} there: {}", run.id, run.title)];
            ("Reject", lines, PipelineAct::Reject(run))
        }
        (_, None) => return,
    };
    if let PipelineAct::Approve(run) | PipelineAct::Reject(run) = &act {
        let ours = run.approvals.iter().filter(|approval| approval.ours);
        let environments = ours.map(|a| format!("  to {}", a.environment));
        lines.extend(environments);
        let jobs = run.jobs.iter().filter(|job| job.standing != Standing::Skipped);
        lines.extend(jobs.map(|job| format!("  {}  {}", job.standing.label(), job.name)));
    }
    let tier = match act {
        // It ends nothing that serves, and may be begun again.
        PipelineAct::Reject(_) | PipelineAct::Again(_) => Protection::Open,
        _ => here.protection,
    };
    confirm(model, question(here, tier, title, lines, Action::Pipeline(act)), Some(key));
}

/// By that many jobs.
pub(super) fn down(model: &mut Model, by: isize) {
    let jobs = model.here().and_then(run).map_or(0, |run| run.jobs.len());
    let to = model.pipeline.selected.saturating_add_signed(by);
    model.pipeline.selected = to.min(jobs.saturating_sub(1));
}

/// Enter: the log of the selected job.
pub(super) fn open(model: &mut Model) -> Vec<Effect> {
    let job = model.here().and_then(|here| {
        let job = chosen(here, model.pipeline)?;
        Some((here.name.clone(), job.id, job.name.clone()))
    });
    let Some((name, id, job)) = job else {
        model.zoom = !model.zoom;
        return Vec::new();
    };
    model.tell(format!("fetching the log of {job}"));
    vec![Effect::JobLog(name, id, job)]
}

/// A log came: it is opened at its first error.
pub(super) fn logged(model: &mut Model, log: Result<JobLog, Problem>) {
    match log {
        Err(problem) => model.say(Level::Error, problem.to_string()),
        // A box that was opened meanwhile is not covered.
        Ok(_) if model.dialog.is_some() => model.tell("the job's log is here; Enter shows it"),
        Ok(log) => {
            let from = log.error(0).unwrap_or(0).saturating_sub(ABOVE);
            model.overlay = Some(Overlay::JobLog(log, from));
        }
    }
}

/// A key over a job's log.
pub(super) fn pressed(model: &mut Model, log: JobLog, from: usize, key: Key) -> Vec<Effect> {
    let last = log.lines.len().saturating_sub(1);
    let mut effects = Vec::new();
    let to = match key.code {
        Code::Char('j') | Code::Down => (from + 1).min(last),
        Code::Char('k') | Code::Up => from.saturating_sub(1),
        Code::PageDown => (from + PAGE).min(last),
        Code::PageUp => from.saturating_sub(PAGE),
        Code::Char('g') | Code::Home => 0,
        Code::Char('G') | Code::End => last.saturating_sub(PAGE),
        Code::Char('e') => {
            let next = log.error(from + ABOVE + 1);
            next.map_or(from, |at| at.saturating_sub(ABOVE))
        }
        Code::Char('y') => {
            let text: Vec<_> = log.lines.iter().map(|line| line.text.as_str()).collect();
            effects.push(Effect::Copy(text.join("\n"), text.len()));
            from
        }
        Code::Esc | Code::Enter | Code::Char('q') => return Vec::new(),
        _ => from,
    };
    model.overlay = Some(Overlay::JobLog(log, to));
    effects
}

/// The address of the run, for the clipboard.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    let url = model.here().and_then(|here| {
        chosen(here, model.pipeline).and_then(|job| job.url.clone()).or(run(here)?.url.clone())
    });
    if url.is_none() {
        model.tell("it has no address");
    }
    url.map(|url| Effect::Copy(url, 1)).into_iter().collect()
}
