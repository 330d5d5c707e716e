//! The store of probe results. They are telemetry: the last seconds may be lost.

use crate::error::Problem;
use crate::probe::{Measurement, ProbeChange};

/// Stores probe results and changes of state.
pub trait SampleStore: Send {
    /// Writes results, each with the key of its probe, and changes.
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
}
