//! Freeze windows before a run begins. A rollback never comes here (deploy-tools.md Z2).

use super::Refusal;
use crate::app::App;
use crate::domain::error::Problem;
use crate::domain::freeze::{Freeze, frozen};
use crate::domain::ids::EnvironmentName;

/// Refuses what is frozen now. With a reason the windows in force are set aside, for this run alone, and
/// that is told.
pub(super) fn not_frozen(
    app: &App,
    environment: &EnvironmentName,
    freezes: &mut Vec<Freeze>,
    reason: Option<&String>,
) -> Result<Option<String>, Refusal> {
    let now = app.clock.now();
    let Some(told) = frozen(freezes, now) else { return Ok(None) };
    if reason.is_none() {
        return Err(Refusal::Refused(
            Problem::new(format!("{environment} is frozen"))
                .because(told)
                .try_this("wait, or say why not with --reason TEXT; a rollback is never frozen"),
        ));
    }
    freezes.retain(|freeze| freeze.in_force(now).is_none());
    Ok(Some(format!("\nSets a freeze aside, for this run alone: {told}.")))
}
