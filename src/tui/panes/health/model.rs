//! The state of the Health pane, and its texts.

use std::time::Duration;

use crate::domain::probe::{ProbeSnapshot, State};

/// The selection and the filter of the pane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HealthPane {
    /// The key of the selected probe; `None`: the first. An index would name another probe when the list is sorted again.
    pub selected: Option<String>,
    /// Whether healthy probes are folded, if a person chose.
    pub folds: Option<bool>,
}

impl HealthPane {
    /// Whether healthy probes are folded into one line: by default while another one needs attention.
    pub fn folds(&self, probes: &[ProbeSnapshot]) -> bool {
        let sick = |probe: &ProbeSnapshot| !matches!(probe.state, State::Ok | State::Off);
        self.folds.unwrap_or_else(|| probes.iter().any(sick))
    }

    /// The probes that are listed, the worst first.
    pub fn shown<'a>(&self, probes: &'a [ProbeSnapshot]) -> Vec<&'a ProbeSnapshot> {
        let folds = self.folds(probes);
        let mut shown: Vec<_> =
            probes.iter().filter(|probe| !(folds && probe.state == State::Ok)).collect();
        // The sort is stable: the roles of a service stay together.
        shown.sort_by_key(|probe| probe.state.severity());
        shown
    }

    /// The index of the selected probe among the listed ones.
    pub fn at(&self, shown: &[&ProbeSnapshot]) -> usize {
        let selected = self.selected.as_ref();
        let at = selected.and_then(|key| shown.iter().position(|probe| probe.key == *key));
        at.unwrap_or(0)
    }
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
