//! The Deploy pane.

use crate::domain::ids::RunNumber;

/// How far a step is, as its runner says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    pub step: String,
    /// With which service; none: as a whole.
    pub service: Option<String>,
    pub text: String,
}

/// The scroll position.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployPane {
    /// Lines scrolled away at the top.
    pub scroll: usize,
    /// The selected way on from a run in doubt.
    pub choice: usize,
    /// How far the step under way of a run is.
    pub progress: Option<(RunNumber, Vec<Progress>)>,
    /// How far it is by now, where that is shown later.
    pub coming: Option<(RunNumber, Vec<Progress>)>,
}
