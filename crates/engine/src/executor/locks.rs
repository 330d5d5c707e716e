//! Takes and releases the locks of a run's databases.

use std::time::Duration;

use super::super::context::Asked;
use super::super::database::{Databases, NotLocked};
use crate::error::EngineError;
use crate::outside::Outside;
use pointsman_core::event::Outcome;
use pointsman_core::run::RunState;
use pointsman_core::view::RunView;

/// Time limit per database for retaking its lock when a run continues.
const RELOCK_WITHIN: Duration = Duration::from_secs(5);
/// Time limit for releasing the locks of an ended run; after it they expire.
const RELEASE_WITHIN: Duration = Duration::from_secs(5);

/// The databases whose lock the previous process of this run held (`true`), or may have held (`false`): it may have
/// died between taking a lock and recording it.
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
        let taking = outside.databases.locked(name);
        let Some(taken) = outside.clock.within(RELOCK_WITHIN, taking).await else { continue };
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

/// Checks the locks right before an effect: a run that lost a lock must have no further effect.
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
    let_go(outside, outcome).await;
}

/// Releases every lock. An unresponsive server must not delay the end of the run.
pub(super) async fn let_go(outside: &Outside, why: &str) {
    outside.clock.within(RELEASE_WITHIN, outside.databases.release(why)).await;
}
