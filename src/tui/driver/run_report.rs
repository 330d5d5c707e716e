//! Copies or saves the report of a run.

use super::acts::Acts;
use crate::domain::error::Problem;
use crate::domain::ids::RunNumber;
use crate::domain::report;
use crate::ports::journal::{Journal as _, JournalError};
use crate::tui::effect::LogUse;
use crate::tui::msg::Msg;

impl Acts {
    pub(super) fn report(&self, run: RunNumber, what: LogUse) -> Result<Msg, Problem> {
        let store = self.app.readable_store();
        let store = store.map_err(JournalError::problem)?;
        let listed = store.run(run).map_err(JournalError::problem)?;
        let (view, driven) = (listed.view, listed.runner.is_some());
        let facts = store.facts(run, 0).map_err(JournalError::problem)?;
        let changes = self.loaded.changes_of(&view);
        let text = report::markdown(&view, &facts, changes.as_ref(), driven);
        if what == LogUse::Copy {
            let lines = text.lines().count();
            return Ok(Msg::Clip(text, lines));
        }
        let file = self.app.export(&format!("run-{}.md", run.0), &text)?;
        Ok(Msg::Tell(format!("saved the report of run {run} to {}", file.display())))
    }
}
