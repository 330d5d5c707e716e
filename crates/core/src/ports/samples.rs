//! Probe results that are kept: telemetry, which may lose the last seconds.

use std::collections::BTreeMap;

use crate::error::Problem;
use crate::probe::{Measurement, Mute, ProbeChange};

/// Keeps probe results, changes of state and mutes.
pub trait SampleStore: Send {
    /// Writes results and changes. Each result is of the probe with that key.
    fn keep(
        &mut self,
        heard: &[(String, Measurement)],
        turned: &[ProbeChange],
    ) -> Result<(), Problem>;
    /// Deletes results that are too old.
    fn prune(&self) -> Result<(), Problem>;
    /// The latest results of a probe, oldest first.
    fn recent(&self, probe: &str, most: usize) -> Result<Vec<Measurement>, Problem>;
    /// The latest changes of the probes whose key starts with `of`, newest first.
    fn changes(&self, of: &str, most: usize) -> Result<Vec<ProbeChange>, Problem>;
    /// The mutes in force, by probe.
    fn mutes(&self) -> Result<BTreeMap<String, Mute>, Problem>;
}
