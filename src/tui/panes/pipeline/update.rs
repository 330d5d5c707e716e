//! The Pipeline pane: jobs, their logs, and users' actions.

use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::pipeline::{PipelineRun, Standing};
use crate::domain::policy::Protection;
use crate::tui::effect::Effect;
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, Dialog, Kind, Phase};
use crate::tui::model::messages::Level;
use crate::tui::model::overlay::Overlay;
use crate::tui::panes::pipeline::model::{JobLog, PipelineAct, PipelineSnapshot, chosen, run};
use crate::tui::update::acts::{confirm, question};
use crate::tui::update::ring::call;

/// Number of lines per page of a log.
const PAGE: usize = 20;
/// Number of context lines above an error.
const ABOVE: usize = 5;

/// Takes the result of a poll. New approvals and failures notify the user, and outdated dialogs are blocked.
pub(in crate::tui) fn seen(
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
        // The previous run stays, and becomes stale.
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

/// Blocks an open confirmation if the pipeline run changed since it was shown.
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

/// The selected environment's pipeline run.
fn of_here(model: &Model) -> Result<&PipelineRun, String> {
    may_begin(model)?;
    model.here().and_then(run).ok_or_else(|| "it has no known run yet".to_owned())
}

pub(in crate::tui) fn may_begin(model: &Model) -> Result<(), String> {
    let here = model.here().ok_or_else(|| "the config has no environment".to_owned())?;
    here.tested.then_some(()).ok_or_else(|| format!("{} has no pipeline", here.name))
}

pub(in crate::tui) fn may_rerun(model: &Model) -> Result<(), String> {
    let run = of_here(model)?;
    match (run.standing.over(), run.failing()) {
        (true, Some(_)) => Ok(()),
        (true, None) => Err("no job of it failed".to_owned()),
        (false, _) => Err("it has not ended".to_owned()),
    }
}

pub(in crate::tui) fn may_answer(model: &Model) -> Result<(), String> {
    let run = of_here(model)?;
    if run.approvals.iter().any(|approval| approval.ours) {
        return Ok(());
    }
    if run.approvals.is_empty() {
        return Err("it waits for no approval".to_owned());
    }
    let who: Vec<_> = run.approvals.iter().flat_map(|a| a.reviewers.clone()).collect();
    Err(format!("it waits for {}", who.join(" or ")))
}

pub(in crate::tui) fn begin(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(here) = model.here() else { return Vec::new() };
    let line = format!("Begins a new run of the pipeline of {}.", here.name);
    ask(model, key, "Begin a run", vec![line], PipelineAct::Begin)
}

pub(in crate::tui) fn rerun(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(run) = shown(model) else { return Vec::new() };
    let lines = vec![format!("Runs what failed in run {} again: {}", run.id, run.title)];
    ask(model, key, "Run what failed again", lines, PipelineAct::Again(run))
}

pub(in crate::tui) fn approve(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(run) = shown(model) else { return Vec::new() };
    let mut lines = vec![format!("Approves run {}: {}", run.id, run.title)];
    lines.extend(about_to(&run));
    ask(model, key, "Approve", lines, PipelineAct::Approve(run))
}

pub(in crate::tui) fn reject(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(run) = shown(model) else { return Vec::new() };
    let mut lines = vec![format!("Ends run {} there: {}", run.id, run.title)];
    lines.extend(about_to(&run));
    ask(model, key, "Reject", lines, PipelineAct::Reject(run))
}

fn shown(model: &Model) -> Option<Box<PipelineRun>> {
    model.here().and_then(run).cloned().map(Box::new)
}

/// The environments that the run waits to deploy to, and the results of its jobs.
fn about_to(run: &PipelineRun) -> Vec<String> {
    let ours = run.approvals.iter().filter(|approval| approval.ours);
    let environments = ours.map(|a| format!("  to {}", a.environment));
    let jobs = run.jobs.iter().filter(|job| job.standing != Standing::Skipped);
    environments
        .chain(jobs.map(|job| format!("  {}  {}", job.standing.label(), job.name)))
        .collect()
}

/// Opens the confirmation of an action.
fn ask(
    model: &mut Model,
    key: Key,
    title: &str,
    lines: Vec<String>,
    act: PipelineAct,
) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else { return Vec::new() };
    let tier = match act {
        // These do not affect a live build, and a run can be started again.
        PipelineAct::Reject(_) | PipelineAct::Again(_) => Protection::Open,
        PipelineAct::Approve(_) | PipelineAct::Begin => here.protection,
    };
    confirm(model, question(&here, tier, title, lines, Action::Pipeline(act)), Some(key));
    Vec::new()
}

/// Handles Enter: fetches the log of the selected job.
pub(in crate::tui) fn open(model: &mut Model) -> Vec<Effect> {
    let job = model.here().and_then(|here| {
        let job = chosen(model)?;
        Some((here.name.clone(), job.id, job.name.clone()))
    });
    let Some((name, id, job)) = job else {
        model.zoom = !model.zoom;
        return Vec::new();
    };
    model.tell(format!("fetching the log of {job}"));
    vec![Effect::JobLog(name, id, job)]
}

/// Opens a fetched log at its first error.
pub(in crate::tui) fn logged(model: &mut Model, log: Result<JobLog, Problem>) {
    match log {
        Err(problem) => model.say(Level::Error, problem.to_string()),
        // Do not cover a dialog that was opened meanwhile.
        Ok(_) if model.dialog.is_some() || model.overlay.is_some() => {
            model.tell("the job's log is here; Enter shows it");
        }
        Ok(log) => {
            let from = log.error(0).unwrap_or(0).saturating_sub(ABOVE);
            model.overlay = Some(Overlay::JobLog(log, from));
        }
    }
}

/// Handles a key in a job's log.
pub(in crate::tui) fn pressed(
    model: &mut Model,
    log: JobLog,
    from: usize,
    key: Key,
) -> Vec<Effect> {
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

/// Copies the address of the selected job, or of the run.
pub(in crate::tui) fn copy(model: &mut Model) -> Vec<Effect> {
    let url = model
        .here()
        .and_then(|here| chosen(model).and_then(|job| job.url.clone()).or(run(here)?.url.clone()));
    if url.is_none() {
        model.tell("it has no address");
    }
    url.map(|url| Effect::Copy(url, 1)).into_iter().collect()
}
