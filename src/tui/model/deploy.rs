//! The Deploy pane.

/// Where the pane stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeployPane {
    /// So many lines are scrolled away at the top.
    pub scroll: usize,
    /// The selected way on from a run in doubt.
    pub choice: usize,
}
