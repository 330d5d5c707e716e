//! The state of the Health pane, and its texts.

use std::time::Duration;

use crate::domain::probe::{ProbeSnapshot, State};
use crate::domain::snapshot::ServiceSnapshot;
use crate::domain::time::Timestamp;
use crate::domain::view::TrafficState;
use crate::tui::list::{Rank, Row};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;
use crate::tui::view::moment;

/// Number of state changes in the sheet of a probe.
const CHANGES_SHOWN: usize = 20;

/// The state of the pane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthPane {
    /// Whether healthy probes are folded, if a person chose.
    pub folds: Option<bool>,
}

impl HealthPane {
    /// Whether healthy probes are folded into one line: by default while another one needs attention.
    pub fn folds(&self, probes: &[ProbeSnapshot]) -> bool {
        let sick = |probe: &ProbeSnapshot| !matches!(probe.state, State::Ok | State::Off);
        self.folds.unwrap_or_else(|| probes.iter().any(sick))
    }
}

/// The orders of the list.
pub(in crate::tui) const ORDERS: &[&str] = &["worst first", "name", "slowest first"];

/// The rows of the list.
pub(in crate::tui) fn list(model: &Model) -> Vec<Row> {
    let Some(here) = model.here() else { return Vec::new() };
    let row = |probe: &&ProbeSnapshot| Row {
        key: probe.key.clone(),
        text: [
            &probe.label(),
            slot(probe, here).as_str(),
            probe.state.word(),
            &probe.address,
            &probe.why,
        ]
        .join(" "),
        ranks: vec![
            Rank::Text(probe.label()),
            Rank::descending(probe.last.map_or(0, |time| time.as_micros() as u64)),
        ],
    };
    listed(model).iter().map(row).collect()
}

/// The probes that are listed, the worst first. A filter searches the folded ones too.
pub(in crate::tui) fn listed(model: &Model) -> Vec<&ProbeSnapshot> {
    let Some(here) = model.here() else { return Vec::new() };
    let filtered = !model.lists.of(Pane::Health).filter.value().is_empty();
    let folds = model.panes.health.folds(&here.probes) && !filtered;
    let mut listed: Vec<_> =
        here.probes.iter().filter(|probe| !(folds && probe.state == State::Ok)).collect();
    // The sort is stable: the roles of a service stay together.
    listed.sort_by_key(|probe| probe.state.severity());
    listed
}

/// The selected probe.
pub(in crate::tui) fn chosen(model: &Model) -> Option<&ProbeSnapshot> {
    listed(model).get(model.chosen(Pane::Health)?).copied()
}

/// The number of probes in each state, worst first: `1 down · 6 ok`.
pub fn counts(probes: &[ProbeSnapshot]) -> Vec<(State, usize)> {
    let mut order =
        [State::Down, State::Flapping, State::Degraded, State::Stale, State::Off, State::Ok];
    order.sort_by_key(|state| state.severity());
    let of = |state| (state, probes.iter().filter(|probe| probe.state == state).count());
    order.into_iter().map(of).filter(|(_, count)| *count > 0).collect()
}

/// Where customers are, for a probe of a service. Neither build is idle while both share the traffic.
pub fn place(probe: &ProbeSnapshot, here: &Environment) -> &'static str {
    let of = |service: &&ServiceSnapshot| service.service.as_str() == probe.name;
    let service = here.seen.as_ref().and_then(|(seen, _)| seen.services.iter().find(of));
    let shared = service.is_some_and(|s| matches!(s.traffic, TrafficState::Split(_)));
    match (probe.side, probe.live) {
        (_, true) => "live",
        (Some(_), false) if shared => "shares",
        (Some(_), false) => "idle",
        (None, false) => "",
    }
}

/// The slot of a probe, `BLUE live` or `GREEN idle`; `-` if it does not probe a service.
pub fn slot(probe: &ProbeSnapshot, here: &Environment) -> String {
    let place = place(probe, here);
    match probe.side {
        Some(side) => format!("{:<5} {place}", side.to_string().to_uppercase()),
        None if place.is_empty() => "-".to_owned(),
        None => place.to_owned(),
    }
}

/// A duration as `142 ms`.
pub fn time(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

/// The table as text, for the clipboard.
pub fn table(here: &Environment) -> String {
    let one = |probe: &ProbeSnapshot| {
        format!(
            "{:<12} {:<10} {:<9} {:>7} {}  {}",
            probe.name,
            slot(probe, here),
            probe.state.word(),
            time(probe.last),
            probe.address,
            probe.why
        )
    };
    here.probes.iter().map(one).collect::<Vec<_>>().join("\n")
}

/// The selected probe in full.
pub(in crate::tui) fn sheet(model: &Model) -> Option<String> {
    let (probe, here) = (chosen(model)?, model.here()?);
    let time_of = |at: Timestamp| moment(at, model.now);
    let mut lines = vec![format!("{}  {}", probe.label(), slot(probe, here)), String::new()];
    let since = probe.since.map_or(String::new(), |at| format!(" since {}", time_of(at)));
    lines.push(format!("state     {}{since}", probe.state.word()));
    lines.push(format!("because   {}", probe.why));
    lines.push(format!("asks      {}", probe.address));
    let n = probe.stats.good + probe.stats.bad;
    let (last, p95, p99) = (time(probe.last), time(probe.stats.p95), time(probe.stats.p99));
    let slow = time(Some(probe.rules.slow));
    lines.push(format!("took      last {last}, p95 {p95}, p99 {p99}, slow from {slow}"));
    lines.push(format!("answers   {n}, {} of them bad", probe.stats.bad));
    let timing = probe.timing.to_string();
    lines.extend((!timing.is_empty()).then(|| format!("last      {timing}")));
    lines.extend(probe.fault.as_ref().map(|(fault, said, at)| {
        format!("last bad  {}: {} ({said})", time_of(*at), fault.label())
    }));
    lines
        .extend(probe.certificate.map(|until| format!("TLS       valid until {}", time_of(until))));
    lines.extend(
        probe.muted.as_ref().map(|(at, why)| format!("muted     until {}: {why}", time_of(*at))),
    );
    lines.push(format!("rules     {}", probe.rules));
    let turned = model.here().into_iter().flat_map(|here| &here.turned);
    let turned: Vec<_> = turned.filter(|turned| turned.name == probe.label()).collect();
    if !turned.is_empty() {
        lines.extend([String::new(), "state changes, newest first".to_owned()]);
    }
    lines.extend(turned.iter().take(CHANGES_SHOWN).map(|turned| {
        let change = &turned.change;
        let (from, to) = (change.from.word(), change.to.word());
        format!("  {}  {from} to {to}: {}", time_of(change.at), change.why)
    }));
    Some(lines.join("\n"))
}
