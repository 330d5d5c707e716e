//! The locks of a run's databases over its life.

use std::time::Duration;

use super::super::context::Asked;
use super::super::database::{Databases, NotLocked};
use crate::error::EngineError;
use crate::outside::Outside;
use pointsman_core::event::Outcome;
use pointsman_core::run::RunState;
use pointsman_core::view::RunView;

/// A run that is carried on waits no longer for the lock of each of its databases.
const RELOCK_WITHIN: Duration = Duration::from_secs(5);
/// Time limit for releasing the locks of an ended run; after it they expire.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// The databases whose lock this run had, or may have had, when its process before this one went: it may
/// have died between taking a lock and writing that down. `true`: it had.
pub(super) fn had(view: &RunView) -> Vec<(String, bool)> {
    let fence = |name: &str| view.databases.get(name).is_some_and(|seen| seen.fence.is_some());
    let begun = view.steps.iter().any(|step| step.began_ms.is_some());
    let named = view.plan.databases.iter().map(|d| (d.name.clone(), fence(&d.name)));
    named.filter(|(_, had)| *had || begun).collect()
}

/// Takes those locks again.
pub(super) async fn again(outside: &Outside, names: &[(String, bool)]) -> Result<(), EngineError> {
    for (name, had) in names {
        // An unavailable database is retried by the step that needs it, and blocks nothing else.
        let taken = tokio::select! {
            taken = outside.databases.locked(name) => taken,
            () = outside.clock.sleep(RELOCK_WITHIN) => continue,
        };
        match taken {
            Err(NotLocked::Busy(_)) if !had => {}
            Err(busy @ NotLocked::Busy(_)) => {
                return Err(EngineError::CannotCarryOn(busy.problem(name)));
            }
            Err(NotLocked::Failed(error)) => tracing::warn!(%error, "a lock was not regained"),
            Ok(_) => {}
        }
    }
    Ok(())
}

/// Before an effect: a run without its lock must have none.
pub(super) fn still_ours(
    databases: &Databases,
    asked: &Asked,
    gives_back: bool,
) -> Result<(), EngineError> {
    let lost = match asked {
        Asked::Lease => databases.lost(gives_back),
        Asked::Record(_) => None,
    };
    lost.map_or(Ok(()), |problem| Err(EngineError::CannotCarryOn(problem)))
}

/// Releases every lock and records how the run ended.
pub(super) async fn release(outside: &Outside, ended: &Result<RunView, EngineError>) {
    let outcome = match ended {
        Ok(RunView { state: RunState::Ended { outcome }, .. }) => Outcome::label(*outcome),
        _ => "left",
    };
    // A server that does not answer must not hold up what is over.
    tokio::select! {
        () = outside.databases.release(outcome) => {}
        () = outside.clock.sleep(RELEASE_WITHIN) => {}
    }
}
