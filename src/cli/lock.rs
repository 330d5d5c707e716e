//! `lock`: a manual lock that stops everyone, including its holder, from starting a run.

use serde_json::{Value, json};

use super::Session;
use super::args::LockAct;
use super::exit::{Failed, Finished, OK, USAGE};
use crate::app::SqliteStore;
use crate::domain::code::Code;
use crate::domain::error::Problem;
use crate::domain::guard::Guard;
use crate::domain::ids::EnvironmentName;
use crate::domain::view::RunView;
use crate::engine::proposal::RUNS_SEARCHED;
use crate::ports::journal::{HumanLock, Journal as _, JournalError};

pub(super) fn lock(
    session: &Session,
    environment: &str,
    act: Option<LockAct>,
    reason: Option<&String>,
) -> Finished {
    let usage = |problem| Failed::with(USAGE, problem);
    let environment = session.config()?.spec(environment).map_err(usage)?.environment;
    let mut store = session.app.store()?;
    let why = || {
        reason.cloned().ok_or_else(|| {
            usage(
                Problem::coded(Code::REASON_NEEDED, "taking or releasing a lock needs a reason")
                    .try_this("add --reason TEXT"),
            )
        })
    };
    match act {
        None => {}
        Some(LockAct::Take) => {
            let (actor, since) = (session.app.actor(), session.app.clock.now());
            store.lock(&environment, &HumanLock { actor, reason: why()?, since })?;
        }
        Some(LockAct::Release) => {
            let why = why()?;
            let lock = store.locked(&environment)?;
            if store.unlock(&environment)? {
                tracing::info!(%environment, ?lock, actor = session.app.actor(), why, "a lock is released");
            }
        }
    }
    let lock = store.locked(&environment)?;
    let mut text = match &lock {
        None => format!("{environment} is not locked"),
        Some(lock) => format!(
            "{environment} is locked by {} since {}: {}",
            lock.actor, lock.since, lock.reason
        ),
    };
    if let Some(lock) = &lock {
        for run in passed(&store, &environment, lock)? {
            let reason = run.plan.overrides.get(&Guard::Lock).map_or("", String::as_str);
            let (number, title) = (run.number, run.plan.title());
            text =
                format!("{text}\n  run {number} overrode it: {title} by {}: {reason}", run.actor);
        }
    }
    session.result(&text, &json!({"environment": environment, "lock": to_json(lock.as_ref())}));
    Ok(OK)
}

/// The rollbacks that overrode a lock since it was taken. The holder must see them.
fn passed(
    store: &SqliteStore,
    environment: &EnvironmentName,
    lock: &HumanLock,
) -> Result<Vec<RunView>, JournalError> {
    let runs = store.runs(Some(environment), RUNS_SEARCHED)?.into_iter().map(|run| run.view);
    Ok(runs.filter(|run| run.plan.passes_lock() && run.started >= lock.since).collect())
}

/// A lock as JSON, also for `status --json`.
pub(super) fn to_json(lock: Option<&HumanLock>) -> Value {
    lock.map_or(
        Value::Null,
        |lock| json!({"actor": lock.actor, "reason": lock.reason, "since": lock.since}),
    )
}
