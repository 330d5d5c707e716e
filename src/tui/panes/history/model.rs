//! The History pane: the runs of every environment, newest first.

use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::view::RunView;

/// The runs, the selected one and the opened one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPane {
    /// The runs, newest first.
    pub runs: Vec<RunView>,
    /// Whether the runs were read yet.
    pub read: bool,
    /// The reason why the runs cannot be read, if so.
    pub problem: Option<Problem>,
    pub selected: usize,
    /// The opened run, if any.
    pub open: Option<RunNumber>,
    /// Whether the opened run is compared with the previous one.
    pub compare: bool,
}

impl HistoryPane {
    pub fn chosen(&self) -> Option<&RunView> {
        self.runs.get(self.selected)
    }

    /// The opened run.
    pub fn opened(&self) -> Option<&RunView> {
        self.runs.iter().find(|run| Some(run.number) == self.open)
    }

    /// The previous ended run of the same kind on the same environment.
    pub fn before(&self, run: &RunView) -> Option<&RunView> {
        self.runs.iter().find(|earlier| {
            earlier.number < run.number
                && earlier.plan.kind == run.plan.kind
                && earlier.plan.environment == run.plan.environment
                && earlier.ended.is_some()
        })
    }
}
