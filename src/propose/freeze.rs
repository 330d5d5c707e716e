//! Freeze windows before a run begins. Rollbacks are never frozen, so they do not come here.

use crate::app::App;
use crate::domain::error::Problem;
use crate::domain::freeze::{Freeze, frozen};
use crate::domain::guard::{Guard, Guards, Why};
use crate::domain::ids::EnvironmentName;

/// Meets the guard where a window is in force. Where it is overridden, the windows in force do not count for
/// this run; later ones do.
pub(super) fn not_frozen(
    app: &App,
    environment: &EnvironmentName,
    freezes: &mut Vec<Freeze>,
    why: &Why,
    guards: &mut Guards,
) {
    let now = app.clock.now();
    let Some(told) = frozen(freezes, now) else { return };
    guards.meet(
        Guard::Freeze,
        Problem::new(format!("{environment} is frozen"))
            .because(told)
            .try_this("wait (a rollback is never frozen)"),
    );
    if why.overrides.contains_key(&Guard::Freeze) {
        freezes.retain(|freeze| freeze.in_force(now).is_none());
    }
}
