//! Notifications for a user whose attention is elsewhere.

use std::time::Duration;

use crate::domain::run::RunState;
use crate::domain::view::WaitsFor;
use crate::tui::effect::Effect;
use crate::tui::model::Model;
use crate::tui::model::environments::RunSnapshot;

/// Minimum time between notifications.
const RING_EVERY: Duration = Duration::from_secs(10);

/// Notifies the user of a run's new state.
pub(in crate::tui) fn ring(model: &mut Model, run: &RunSnapshot) -> Option<Effect> {
    let view = &run.view;
    let over = matches!(view.state, RunState::Ended { .. });
    let what = match &view.state {
        _ if run.runner.is_none() && !over => "is interrupted".to_owned(),
        RunState::Waiting { .. } => match view.waits_for() {
            Some(WaitsFor::Rules) => return None,
            Some(WaitsFor::Health) => "waits: GREEN's health is not known to be good".to_owned(),
            Some(WaitsFor::Person) | None => view
                .approvals_sentence()
                .map_or("waits for you".to_owned(), |told| format!("waits: {told}")),
        },
        RunState::Failed { step, .. } => format!("failed in {step} and waits for you"),
        RunState::Ended { outcome } => format!("ended: {}", outcome.word()),
        _ => return None,
    };
    call(model, &format!("run {} on {} {what}", view.number, view.plan.environment))
}

/// Notifies the user, unless the terminal has the focus, and at most once per `RING_EVERY`.
pub(in crate::tui) fn call(model: &mut Model, text: &str) -> Option<Effect> {
    let late = model.rang.is_none_or(|at| model.elapsed.saturating_sub(at) >= RING_EVERY);
    if model.focused || !late {
        return None;
    }
    model.rang = Some(model.elapsed);
    Some(Effect::Ring(text.to_owned()))
}
