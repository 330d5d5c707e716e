//! The Checklists pane: the checklist items of the selected environment's run.

use crate::domain::checklist::{Act, Item, ItemStatus, List, Standing, Tally, listed};
use crate::domain::time::Timestamp;
use crate::tui::model::environments::Environment;

/// The selection and the filter of the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChecklistPane {
    /// Index of the selected item among the shown ones.
    pub selected: usize,
    /// Whether settled items are hidden.
    pub open_only: bool,
}

/// An item and its status.
pub type Row<'a> = (&'a Item, ItemStatus);

/// All items of the run last read, with their current status.
pub fn rows(here: &Environment, now: Option<Timestamp>) -> Vec<Row<'_>> {
    let Some(view) = here.run.as_ref().map(|run| &run.view) else { return Vec::new() };
    let now = now.unwrap_or(view.started);
    view.plan.checklist.iter().zip(listed(view, &here.ticks, now)).collect()
}

/// Counts the items of a checklist by state; of all checklists if `list` is `None`.
pub fn count(rows: &[Row<'_>], list: Option<List>) -> Tally {
    let of = rows.iter().filter(|(item, _)| list.is_none_or(|list| item.list == list));
    Tally::of(of.map(|(_, seen)| seen))
}

impl ChecklistPane {
    /// The items that pass the filter.
    pub fn shown<'r, 'a>(&self, rows: &'r [Row<'a>]) -> Vec<&'r Row<'a>> {
        rows.iter().filter(|(_, seen)| !(self.open_only && seen.standing.settled())).collect()
    }
}

/// The item of the last tick that can be undone, if `actor` made that tick.
pub fn last_own(here: &Environment, actor: &str) -> Option<String> {
    let last = here.ticks.iter().rev().find(|tick| {
        let newest = here.ticks.iter().rev().find(|other| other.item == tick.item);
        tick.act != Act::Untick && newest == Some(tick)
    })?;
    (last.actor == actor).then(|| last.item.clone())
}

/// The lists as Markdown, for the clipboard.
pub fn markdown(rows: &[Row<'_>]) -> String {
    let mut lines = Vec::new();
    for list in List::ALL {
        let tally = count(rows, Some(list));
        if tally.all == 0 {
            continue;
        }
        lines.push(format!("### {} {tally}", list.title()));
        for (item, seen) in rows.iter().filter(|(item, _)| item.list == list) {
            let tick = if seen.standing == Standing::Done { "x" } else { " " };
            let word = match seen.standing {
                Standing::Done | Standing::Open => String::new(),
                other => format!(" **{}**", other.label()),
            };
            let said =
                if seen.said.is_empty() { String::new() } else { format!(" ({})", seen.said) };
            lines.push(format!("- [{tick}] {}{word}{said}", item.text));
        }
        lines.push(String::new());
    }
    lines.join("\n")
}
