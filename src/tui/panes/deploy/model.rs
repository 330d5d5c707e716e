//! The state of the Deploy pane.

use crate::domain::ids::RunNumber;

/// The progress of a step, as reported by its runner.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Progress {
    pub step: String,
    /// The service; `None`: the step as a whole.
    pub service: Option<String>,
    pub text: String,
}

/// The selected step, the selected choice and the step progress.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployPane {
    /// The selected step, if not the current one.
    pub selected: Option<usize>,
    /// Index of the selected choice for a run in doubt.
    pub choice: usize,
    /// The shown progress of a run's current step.
    pub progress: Option<(RunNumber, Vec<Progress>)>,
    /// Newer progress that is shown later, with reduced motion.
    pub coming: Option<(RunNumber, Vec<Progress>)>,
}
