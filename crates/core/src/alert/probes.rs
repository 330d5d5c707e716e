//! Alerts about probes.

use std::time::Duration;

use super::{Alert, Kind, SeenByAll};
use crate::ids::EnvironmentName;
use crate::probe::{CERTIFICATE, MISSED_PROBES, NO_RECENT_PROBE, ProbeChange, SET_UP, State};
use crate::redact::redacted;

/// How far apart two machines notice the same change, unless the probe's interval is a long one.
const NOTICED_WITHIN: Duration = Duration::from_mins(2);

/// The alert for a change of a probe's state. `interval`: that of the probe. A probe that is still being checked raises none;
/// the caller silences muted probes.
pub fn of_probe(
    environment: &EnvironmentName,
    turned: &ProbeChange,
    interval: Duration,
) -> Option<Alert> {
    let change = &turned.change;
    let ends = change.to == State::Degraded && change.why.contains(CERTIFICATE);
    let (kind, what) = match change.to {
        State::Degraded if ends && !matches!(change.from, State::Down | State::Flapping) => {
            (Kind::Certificate, "has a certificate that ends soon")
        }
        // Setting up an unused build raises no alert, and does not mean that a failed build recovered.
        State::Degraded if change.why.starts_with(SET_UP) => return None,
        State::Down => (Kind::ProbeDown, "is DOWN"),
        State::Flapping => (Kind::Flapping, "goes up and down"),
        State::Ok | State::Degraded => (Kind::ProbeUp, "is up again"),
        // A pause in probing (a restart, a sleeping machine) raises no alert.
        State::Stale if change.why == NO_RECENT_PROBE => return None,
        State::Stale => (Kind::Blind, "cannot be asked any more"),
        State::Off => return None,
    };
    let customers = if turned.live { " for customers" } else { "" };
    let at = change.at;
    let key = format!("probe/{}/{}/{at}", turned.key, change.to.label());
    let text = format!("{environment}: {} {what}{customers}", turned.name);
    let within = NOTICED_WITHIN.max(interval * MISSED_PROBES);
    let (subject, stands) = (turned.subject().to_owned(), kind.event_type().to_owned());
    Some(Alert {
        // Two screens may notice the change a few seconds apart; only the first alert is sent.
        turns: Some((subject.clone(), stands.clone())),
        seen_by_all: Some(SeenByAll::State { subject, stands, within }),
        environment: Some(environment.clone()),
        why: redacted(&change.why),
        ..Alert::new(kind, key, at, text)
    })
}
