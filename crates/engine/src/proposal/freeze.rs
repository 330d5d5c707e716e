//! Checks freeze windows before a run starts. Rollbacks are never frozen, so they skip this check.

use crate::services::Services;
use pointsman_core::error::Problem;
use pointsman_core::freeze::{Freeze, frozen};
use pointsman_core::guard::{Guard, Guards, Justification};
use pointsman_core::ids::EnvironmentName;
use pointsman_core::plan::Member;

/// Applies the guard if a window of these services is in force. If the guard is overridden, the windows in force do not count for this
/// run; later ones do.
pub(super) fn not_frozen(
    ports: &Services,
    environment: &EnvironmentName,
    (freezes, services): (&mut Vec<Freeze>, &[Member]),
    why: &Justification,
    guards: &mut Guards,
) {
    let now = ports.clock.now();
    freezes.retain(|freeze| freeze.covers(services.iter().map(Member::service)));
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
