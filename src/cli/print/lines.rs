//! Runs and errors as text.

use std::time::Duration;

use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::event::Outcome;
use crate::domain::plan::RunKind;
use crate::domain::run::RunState;
use crate::domain::step::Failure;
use crate::domain::time::spoken;
use crate::domain::view::{RunView, ServiceView};

/// An error as up to three lines: what happened, why, and what to do now. The last two are optional.
pub(in crate::cli) fn problem(problem: &Problem) -> String {
    format!("error{}: {}", bracketed(problem.code), parts(problem))
}

/// An error without the `error` prefix.
pub(in crate::cli) fn parts(problem: &Problem) -> String {
    let mut text = problem.what.clone();
    if !problem.why.is_empty() {
        text = format!("{text}\n  why: {}", problem.why);
    }
    if !problem.todo.is_empty() {
        text = format!("{text}\n  now: {}", problem.todo);
    }
    text
}

/// A code behind the word that it explains: `[PM0501]`.
fn bracketed(code: Option<Code>) -> String {
    code.map_or(String::new(), |code| format!("[{code}]"))
}

/// The outcome of a run, printed last on stdout.
pub fn summary(view: &RunView) -> String {
    let took = spoken(Duration::from_millis(view.elapsed_ms));
    let (title, environment) = (view.plan.title(), &view.plan.environment);
    let state = match &view.state {
        RunState::Ended { outcome } => outcome.word(),
        state => state.label(),
    };
    let mut text =
        format!("{title} on {environment}: {} after {took} (run {})\n", state, view.number);
    for (name, seen) in &view.databases {
        let at = seen.version.as_ref().map_or("unknown".to_owned(), ToString::to_string);
        let half = seen.dirty.as_ref().map(|v| format!("; {v} is HALF DONE")).unwrap_or_default();
        text = format!("{text}  {name:<12} schema {at}{half}\n");
    }
    let members = view.plan.members.iter().filter(|_| view.plan.kind != RunKind::Migrate);
    for member in members {
        let service = member.service();
        let seen = view.services.get(service);
        let live = seen.map_or_else(|| "not read".to_owned(), ServiceView::live);
        text = format!("{text}  {service:<12} {:<28} {live}\n", member.url);
        let held = seen.is_some_and(|s| s.held_policy.is_some());
        if held && matches!(view.state, RunState::Ended { .. }) {
            text = format!(
                "{text}  {:<12} automatic rollouts are DISABLED until a run is promoted; now: pointsman allow-rollouts {environment}\n",
                ""
            );
        }
    }
    // The first line is enough for a success; any other outcome is described in full.
    let good = matches!(
        view.state,
        RunState::Ended { outcome: Outcome::Promoted | Outcome::CleanedUp | Outcome::Migrated }
    );
    if let Some(customers) = view.customers(false).filter(|_| !good) {
        text = format!("{text}{customers}\n");
        let shared = view.services.values().any(|seen| seen.green_share().is_some());
        if view.split().is_some() || shared {
            text = format!("{text}  now: pointsman rollback {environment}\n");
        } else if view.traffic_unknown() {
            text = format!("{text}  now: pointsman status {environment}\n");
        }
    }
    if let Some((step, failure, class)) = view.failure.as_ref().filter(|_| !good) {
        // A person ended it: nothing failed, and there is no cause to fix.
        let stopped = *class == Failure::Cancelled;
        let code = bracketed(failure.code.filter(|_| !stopped));
        let how = if stopped { "stopped" } else { "failed" };
        text = format!("{text}{step} {how}{code}: {}\n", failure.what);
        if !failure.why.is_empty() {
            text = format!("{text}  why: {}\n", failure.why);
        }
        if !stopped || !failure.todo.is_empty() {
            text = format!("{text}  now: {}\n", advice(view, &failure.todo));
        }
    }
    text
}

fn advice(view: &RunView, todo: &str) -> String {
    let run = view.number.0;
    if !todo.is_empty() {
        return todo.to_owned();
    }
    if view.touched_traffic() {
        return format!("pointsman status {}; pointsman logs {run}", view.plan.environment);
    }
    format!("traffic did not change; read pointsman logs {run}, fix the cause, deploy again")
}
