//! The state of the Health pane, and its texts.

use std::time::Duration;

use crate::domain::probe::{ProbeSnapshot, State};

/// The selection and the filter of the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HealthPane {
    /// Index of the selected probe among the shown ones.
    pub selected: usize,
    /// Whether healthy probes are hidden.
    pub hides_ok: bool,
}

impl HealthPane {
    /// The probes that pass the filter.
    pub fn shown<'a>(&self, probes: &'a [ProbeSnapshot]) -> Vec<&'a ProbeSnapshot> {
        let hidden = |probe: &&ProbeSnapshot| self.hides_ok && probe.state == State::Ok;
        probes.iter().filter(|probe| !hidden(probe)).collect()
    }
}

/// The number of probes in each state, worst first: `1 down · 6 ok`.
pub fn counts(probes: &[ProbeSnapshot]) -> Vec<(State, usize)> {
    let order =
        [State::Down, State::Flapping, State::Degraded, State::Stale, State::Off, State::Ok];
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
