//! The state of the Health pane, and its texts.

use std::time::Duration;

use crate::domain::probe::{ProbeSnapshot, State};
use crate::tui::list::{Rank, Row};
use crate::tui::model::Model;
use crate::tui::panes::Pane;

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
    let row = |probe: &&ProbeSnapshot| Row {
        key: probe.key.clone(),
        text: [
            &probe.label(),
            slot(probe).as_str(),
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

/// The slot of a probe, `BLUE live` or `GREEN idle`; `-` if it does not probe a service.
pub fn slot(probe: &ProbeSnapshot) -> String {
    match probe.side {
        Some(side) => {
            let live = if probe.live { "live" } else { "idle" };
            format!("{:<5} {live}", side.to_string().to_uppercase())
        }
        None => "-".to_owned(),
    }
}

/// A duration as `142 ms`.
pub fn time(time: Option<Duration>) -> String {
    time.map_or("-".to_owned(), |time| format!("{} ms", time.as_millis()))
}

/// The table as text, for the clipboard.
pub fn table(probes: &[ProbeSnapshot]) -> String {
    let one = |probe: &ProbeSnapshot| {
        format!(
            "{:<12} {:<10} {:<9} {:>7} {}  {}",
            probe.name,
            slot(probe),
            probe.state.word(),
            time(probe.last),
            probe.address,
            probe.why
        )
    };
    probes.iter().map(one).collect::<Vec<_>>().join("\n")
}
