//! The History pane: the runs of every environment, newest first.

use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::view::RunView;

/// The scroll position.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPane {
    /// The runs, newest first.
    pub runs: Vec<RunView>,
    /// Whether they were read yet.
    pub read: bool,
    /// The reason why they cannot be read.
    pub problem: Option<Problem>,
    pub selected: usize,
    /// The run that is opened, if one is.
    pub open: Option<RunNumber>,
    /// Whether the opened one is shown beside the one before it.
    pub compare: bool,
}

impl HistoryPane {
    pub fn chosen(&self) -> Option<&RunView> {
        self.runs.get(self.selected)
    }

    /// The run that is opened.
    pub fn opened(&self) -> Option<&RunView> {
        self.runs.iter().find(|run| Some(run.number) == self.open)
    }

    /// The run of the same kind on the same environment before one.
    pub fn before(&self, run: &RunView) -> Option<&RunView> {
        self.runs.iter().find(|earlier| {
            earlier.number < run.number
                && earlier.plan.kind == run.plan.kind
                && earlier.plan.environment == run.plan.environment
                && earlier.ended.is_some()
        })
    }
}
