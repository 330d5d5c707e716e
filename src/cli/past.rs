//! Commands about past runs: `history`, `events`, `logs`, `replay`, `report`, `card` and `verify`.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal as _};
use std::time::Duration;

use serde_json::{Value, json};

use super::Session;
use super::exit::{Failed, Finished, OK, USAGE};
use super::looks::looks;
use super::print;
use crate::domain::describe;
use crate::domain::dora::DoraMetrics;
use crate::domain::error::Problem;
use crate::domain::ids::{EnvironmentName, RunNumber};
use crate::domain::incident_card;
use crate::domain::report;
use crate::domain::time::{Timestamp, spoken};
use crate::domain::view::RunView;
use crate::engine::proposal::RUNS_SEARCHED;
use crate::ports::journal::{Damage, Journal as _, JournalError};
use crate::ports::sharing::Branch;
use crate::tui;

pub(super) fn history(session: &Session, environment: Option<&str>, limit: usize) -> Finished {
    let environment = environment.map(EnvironmentName::new).transpose();
    let environment = environment.map_err(|p| Failed::with(USAGE, p))?;
    // Read one more than requested, to know whether older runs exist.
    let (mut runs, _) = session.runs(environment.as_ref(), limit.saturating_add(1))?;
    let more = runs.len() > limit;
    runs.truncate(limit);
    if let (true, Some(name)) = (runs.is_empty(), &environment) {
        // An environment with runs may have been removed from the config since. One without runs must be in the
        // config, or its name is mistyped.
        session.config()?.spec(name.as_str()).map_err(|p| Failed::with(USAGE, p))?;
    }
    let json: Vec<Value> =
        runs.iter().map(|l| print::json::history(&l.view, l.runner.is_some())).collect();
    let mut text = String::new();
    let now = session.app.clock.now();
    for (entry, listed) in json.iter().zip(&runs) {
        let word = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
        let took = Duration::from_secs_f64(entry["seconds"].as_f64().unwrap_or_default());
        text = format!(
            "{text}#{:<5} {:<9} {:<12} {:<16} {:<12} {:>8}  {:<12}  {}\n",
            entry["run"],
            word("kind"),
            word("environment"),
            entry["name"].as_str().map_or_else(|| word("release"), str::to_owned),
            entry["outcome"].as_str().unwrap_or("running").replace('_', " "),
            spoken(took),
            describe::ago(listed.view.started, now),
            word("actor"),
        );
    }
    if text.is_empty() {
        text.push_str("no runs yet");
    }
    session.result(&text, &Value::Array(json));
    if more {
        print::note(format!("showing the latest {limit}; more with --limit N"));
    }
    Ok(OK)
}

/// The period of the DORA metrics.
const MONTH: Duration = Duration::from_hours(30 * 24);

/// Prints the four DORA metrics of an environment.
pub(super) fn figures(session: &Session, environment: &str) -> Finished {
    let name = EnvironmentName::new(environment).map_err(|p| Failed::with(USAGE, p))?;
    let (runs, _) = session.runs(Some(&name), RUNS_SEARCHED)?;
    let runs: Vec<RunView> = runs.into_iter().map(|listed| listed.view).collect();
    let figures = DoraMetrics::of(&runs, &name, session.app.clock.now(), MONTH);
    let time = |time: Option<Duration>| time.map_or("unknown".to_owned(), spoken);
    let tenths = figures.tenths_a_week();
    let rate = figures.change_failures().map_or("-".to_owned(), |percent| format!("{percent} %"));
    let text = format!(
        "{name}, last 30 days\n\
         deployment frequency   {}.{} per week: {} deploys switched traffic, {} stopped before\n\
         lead time for changes  {}: median from commit to promotion (git releases only)\n\
         change failure rate    {rate}: {} rolled back in their run, {} by a later rollback, {} failed\n\
         recovery time          {}: median time that customers had a bad release\n\
         deploy duration        {}: median, without time spent waiting for people",
        tenths / 10,
        tenths % 10,
        figures.deploys(),
        figures.stopped,
        time(figures.lead_p50),
        figures.rolled_back,
        figures.undone,
        figures.failed,
        time(figures.recovery_p50),
        time(figures.deploy_p50),
    );
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let json = json!({
        "environment": name, "days": 30, "deploys": figures.deploys(), "stopped": figures.stopped,
        "promoted": figures.promoted, "rolled_back": figures.rolled_back, "failed": figures.failed,
        "undone": figures.undone, "change_failure_percent": figures.change_failures(),
        "lead_seconds_p50": seconds(figures.lead_p50),
        "recovery_seconds_p50": seconds(figures.recovery_p50),
        "deploy_seconds_p50": seconds(figures.deploy_p50),
    });
    session.result(&text, &json);
    Ok(OK)
}

pub(super) fn events(session: &Session, run: RunNumber) -> Finished {
    let store = session.app.readable_store()?;
    for fact in store.facts(run, 0)? {
        if session.arguments.json {
            print::value(&fact.to_json());
        } else {
            print::result(describe::fact(&fact));
        }
    }
    // They are no part of the run, so they are not among its facts.
    for Branch { host, facts } in store.branches(run)? {
        print::note(format!(
            "branch of {run} on {host}, written after another machine took it over:"
        ));
        for fact in &facts {
            print::note(format!("  {}", describe::fact(fact)));
        }
    }
    Ok(OK)
}

pub(super) fn logs(session: &Session, run: RunNumber) -> Finished {
    session.app.readable_store()?.run(run)?;
    session.app.read_shared_log(run);
    let file = match File::open(session.app.log_file(run)) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let shared = session.app.standing().is_some();
            let why = if shared { " here; the machine that drove it has shared none" } else { "" };
            print::note(format!("run {run} has no log{why}"));
            return Ok(OK);
        }
        Err(e) => {
            return Err(Problem::new(format!("the log of {run} cannot be read"))
                .because(e.to_string())
                .into());
        }
    };
    for line in BufReader::new(file).lines().map_while(Result::ok) {
        // Skip a last line that was cut off by a kill.
        let Ok(json) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        if session.arguments.json {
            print::value(&json);
            continue;
        }
        let word = |key: &str| json[key].as_str().unwrap_or_default();
        print::result(format!(
            "{} {:<10} {:<10} {}",
            clock(word("at")),
            word("step"),
            word("service"),
            word("text")
        ));
    }
    Ok(OK)
}

/// The time of day of a log line, in milliseconds. The run's report has the date.
fn clock(at: &str) -> String {
    let parsed = at.parse::<Timestamp>();
    parsed.map_or_else(|_| at.to_owned(), |at| at.strftime("%H:%M:%S%.3fZ").to_string())
}

/// Replays a run on the screen. Without a terminal, prints its facts.
pub(super) async fn replay(session: &Session, run: RunNumber) -> Finished {
    let arguments = &session.arguments;
    let screen = io::stdout().is_terminal() && io::stdin().is_terminal();
    if arguments.json || arguments.plain || !screen {
        return events(session, run);
    }
    Ok(tui::replay(session.app.clone(), run, &looks(session)).await?)
}

/// Prints the report of a run as Markdown; with `--json`, all recorded data.
pub(super) fn report(session: &Session, run: RunNumber) -> Finished {
    let store = session.app.readable_store()?;
    let listed = store.run(run)?;
    let facts = store.facts(run, 0)?;
    let driven = listed.runner.is_some();
    let json = print::json::report(&listed.view, &facts, driven);
    // The report works without a config; with one it also lists the commits.
    let changes = session.config().ok().and_then(|loaded| loaded.changes_of(&listed.view));
    let text = report::markdown(&listed.view, &facts, changes.as_ref(), driven);
    session.result(text.trim_end(), &json);
    Ok(OK)
}

/// Prints the incident card of a run. It is made from the facts, so it works even if the disk cannot be written.
pub(super) fn card(session: &Session, run: RunNumber) -> Finished {
    let store = session.app.readable_store()?;
    let view = store.run(run)?.view;
    let text =
        incident_card::card(&view).replace(incident_card::POINTSMAN, &session.app.own_command());
    session.result(&text, &json!({"run": run, "card": text}));
    Ok(OK)
}

pub(super) fn verify(session: &Session, run: RunNumber) -> Finished {
    let store = session.app.readable_store()?;
    let facts = store.facts(run, 0)?;
    if let Some(Damage { run, seq, because, .. }) =
        store.damage().into_iter().find(|damage| damage.run == run)
    {
        return Err(JournalError::Damaged { run, seq, because }.into());
    }
    if let Some(misfit) = store.check_run(run)? {
        let problem = Problem::new(misfit.to_string());
        return Err(problem.try_this("compare the store with a copy").into());
    }
    let head = facts.last().map(|f| f.hash.clone());
    if let Some(Err(illegal)) = RunView::fold(run, &facts) {
        return Err(Problem::new(format!("run {run} has contradictory facts"))
            .because(illegal.to_string())
            .into());
    }
    let branches = store.branches(run)?;
    let mut text = format!(
        "run {run}: {} in an unbroken chain, ending in {}",
        describe::counted(facts.len(), "fact"),
        head.as_ref().map_or("-", |h| h.short())
    );
    for Branch { host, facts } in &branches {
        let facts = describe::counted(facts.len(), "fact");
        text = format!(
            "{text}\n  branch on {host}: {facts}, written after another machine took it over"
        );
    }
    let branches: Vec<Value> = branches
        .iter()
        .map(|Branch { host, facts }| json!({"host": host, "facts": facts.len()}))
        .collect();
    let json = json!({
        "run": run, "facts": facts.len(), "intact": true, "head": head, "branches": branches,
    });
    session.result(&text, &json);
    Ok(OK)
}
