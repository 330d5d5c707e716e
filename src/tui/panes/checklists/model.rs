//! The Checklists pane: the checklist items of the selected environment's run.

use crate::domain::checklist::{Act, Item, ItemStatus, List, Standing, Tally, listed};
use crate::domain::time::Timestamp;
use crate::tui::list::{self, Rank};
use crate::tui::model::Model;
use crate::tui::model::environments::Environment;
use crate::tui::panes::Pane;

/// The state of the pane.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChecklistPane {
    /// Whether settled items are hidden.
    pub open_only: bool,
}

/// The orders of the list. The three checklists stay one after the other in each of them.
pub(in crate::tui) const ORDERS: &[&str] = &["as configured", "open first", "required first"];

/// The rows of the list.
pub(in crate::tui) fn list(model: &Model) -> Vec<list::Row> {
    let Some(here) = model.here() else { return Vec::new() };
    let row = |(item, seen): &Row<'_>| {
        let list = item.list as u64 * 2;
        let (settled, optional) = (seen.standing.settled(), !item.required);
        list::Row {
            key: item.id.clone(),
            text: [&item.text, &item.group, &seen.said, seen.standing.label()].join(" "),
            ranks: vec![
                Rank::Number(list + u64::from(settled)),
                Rank::Number(list + u64::from(optional)),
            ],
        }
    };
    shown(model, here).iter().map(row).collect()
}

/// The items that are listed.
pub(in crate::tui) fn shown<'a>(model: &Model, here: &'a Environment) -> Vec<Row<'a>> {
    let open_only = model.panes.checklists.open_only;
    let mut rows = rows(here, model.now);
    rows.retain(|(_, seen)| !(open_only && seen.standing.settled()));
    rows
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

/// The selected item in full.
pub(in crate::tui) fn sheet(model: &Model) -> Option<String> {
    let here = model.here()?;
    let rows = shown(model, here);
    let (item, seen) = rows.get(model.chosen(Pane::Checklists)?)?;
    let required = if item.required { "required" } else { "optional" };
    let source = match &item.source {
        Some(source) => format!("checked by the {source}"),
        None => "ticked by a person".to_owned(),
    };
    let mut lines = vec![
        item.text.clone(),
        String::new(),
        format!("list      {}, {required}", item.list.title()),
        format!("state     {}", seen.standing.label()),
        format!("evidence  {source}"),
    ];
    lines.extend((!seen.said.is_empty()).then(|| format!("          {}", seen.said)));
    lines.push(format!("id        {}", item.id));
    Some(lines.join("\n"))
}
