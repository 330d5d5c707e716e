//! The History pane: the runs of every environment, newest first.

use serde::{Deserialize, Serialize};

use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::view::RunView;
use crate::ports::journal::Damage;
use crate::tui::list::{Rank, Row};
use crate::tui::model::Model;
use crate::tui::panes::Pane;

/// The runs of every environment, as the store has them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PastRuns {
    /// The runs, newest first.
    pub runs: Vec<RunView>,
    /// Those that are left out, because a record of theirs is damaged.
    pub damaged: Vec<Damage>,
}

impl From<Vec<RunView>> for PastRuns {
    fn from(runs: Vec<RunView>) -> Self {
        Self { runs, damaged: Vec::new() }
    }
}

/// The runs and the opened one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryPane {
    /// The runs, newest first.
    pub runs: Vec<RunView>,
    /// The damaged runs, which are not among them.
    pub damaged: Vec<Damage>,
    /// The damaged runs that would be the latest of their environments.
    pub latest_damaged: Vec<Damage>,
    /// Whether the runs were read yet.
    pub read: bool,
    /// The reason why the runs cannot be read, if so.
    pub problem: Option<Problem>,
    /// The opened run, if any.
    pub open: Option<RunNumber>,
    /// Whether the opened run is compared with the previous one.
    pub compare: bool,
}

impl HistoryPane {
    /// What is damaged, each run once, newest first.
    pub fn damage(&self) -> Vec<&Damage> {
        let mut all: Vec<_> = self.damaged.iter().chain(&self.latest_damaged).collect();
        all.sort_by_key(|damage| std::cmp::Reverse(damage.run));
        all.dedup_by_key(|damage| damage.run);
        all
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

/// The orders of the list.
pub(in crate::tui) const ORDERS: &[&str] =
    &["newest first", "environment", "result", "longest first"];

/// The rows of the list.
pub(in crate::tui) fn list(model: &Model) -> Vec<Row> {
    let row = |run: &RunView| {
        let environment = run.plan.environment.as_str();
        let release = run.plan.name().map_or_else(String::new, |name| name.to_string());
        Row {
            key: run.number.to_string(),
            text: [
                &run.number.to_string(),
                environment,
                run.plan.kind.label(),
                run.state.label(),
                &release,
                &run.actor,
                run.plan.reason.as_deref().unwrap_or_default(),
            ]
            .join(" "),
            ranks: vec![
                Rank::Text(environment.to_owned()),
                Rank::Text(run.state.label().to_owned()),
                Rank::descending(run.elapsed_ms),
            ],
        }
    };
    model.panes.history.runs.iter().map(row).collect()
}

/// The selected run.
pub(in crate::tui) fn chosen(model: &Model) -> Option<&RunView> {
    model.panes.history.runs.get(model.chosen(Pane::History)?)
}
