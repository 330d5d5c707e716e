//! Reminders, once per `remind` interval, while a cause persists.

use std::time::Duration;

use super::{Alert, Kind, SeenByAll};
use crate::ids::{EnvironmentName, ServiceName};
use crate::probe::{ProbeSnapshot, State};
use crate::redact::redacted;
use crate::time::{Timestamp, spoken};
use crate::view::RunView;

/// A reminder that a probe is still down, once per `remind` interval. Muted probes get none.
pub fn still_down(
    environment: &EnvironmentName,
    probe: &ProbeSnapshot,
    remind: Duration,
    now: Timestamp,
) -> Option<Alert> {
    let since = probe.since.filter(|_| probe.state == State::Down && probe.muted.is_none())?;
    let (times, length) = times(since, remind, now)?;
    let key = format!("probe/{}/down/{since}/{times}", probe.key);
    let text = format!("{environment}: {} is still DOWN, for {length}", probe.name);
    Some(Alert {
        environment: Some(environment.clone()),
        why: redacted(&probe.why),
        // Each machine counts from the moment at which it found the probe down.
        seen_by_all: Some(SeenByAll::State {
            subject: format!("{}/down", probe.key),
            stands: "still down".to_owned(),
            within: remind / 2,
        }),
        ..Alert::new(Kind::ProbeDown, key, now, text)
    })
}

/// A reminder that a run still waits for a person, once per `remind` interval.
pub fn still_waits(view: &RunView, remind: Duration, now: Timestamp) -> Option<Alert> {
    if !view.plan.waits_for_people() || view.looks_at_list() {
        return None;
    }
    let step = view.gate().and(view.state.step())?;
    let began = view.steps.iter().rev().find(|s| &s.plan.id == step)?.began_ms?;
    let since = view.started.checked_add(Duration::from_millis(began)).ok()?;
    let (times, length) = times(since, remind, now)?;
    let (environment, run) = (&view.plan.environment, view.number);
    let key = format!("run/{run}/{step}/waits/{times}");
    let text = format!("{environment}: run {run} still waits at {step}, for {length}");
    let alert = Alert::new(Kind::Gate, key, now, text).about(view);
    let now = format!("pointsman attach {}", run.0);
    Some(Alert { now, seen_by_all: Some(SeenByAll::Event), ..alert })
}

/// A reminder that automatic rollouts of services are still disabled by a run that has ended, once per `remind`
/// interval. `None` before the first interval has passed.
pub fn still_held(
    view: &RunView,
    held: &[ServiceName],
    remind: Duration,
    now: Timestamp,
) -> Option<Alert> {
    let (times, length) = times(view.ended?, remind, now)?;
    let (environment, run) = (&view.plan.environment, view.number);
    let names: Vec<_> = held.iter().map(ServiceName::as_str).collect();
    let text =
        format!("{environment}: automatic rollouts of {} are still disabled", names.join(", "));
    let alert =
        Alert::new(Kind::RolloutsHeld, format!("run/{run}/held/{times}"), now, text).about(view);
    Some(Alert {
        why: format!(
            "run {run} disabled them and ended {length} ago; a push builds nothing until they are enabled"
        ),
        now: format!("pointsman allow-rollouts {environment}"),
        seen_by_all: Some(SeenByAll::Event),
        ..alert
    })
}

/// The number of reminders about a run's held rollouts that are due by now.
pub fn held_reminders(view: &RunView, remind: Duration, now: Timestamp) -> u128 {
    view.ended.and_then(|ended| times(ended, remind, now)).map_or(0, |(times, _)| times)
}

/// Number of `remind` intervals since a time, and the time passed in words. None before the first
/// interval has passed, or if `remind` is zero.
fn times(since: Timestamp, remind: Duration, now: Timestamp) -> Option<(u128, String)> {
    let gone = Duration::try_from(now.duration_since(since)).ok()?;
    let times = gone.as_millis().checked_div(remind.as_millis()).filter(|times| *times > 0)?;
    Some((times, spoken(gone)))
}
