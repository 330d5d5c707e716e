//! `checklist`: lists the items, and ticks, unticks and overrides them.

use serde_json::json;

use super::Session;
use super::args::{ChecklistArguments, RunWord};
use super::exit::{Failed, Finished, OK, REFUSED, USAGE};
use crate::domain::checklist::{Act, Item, ItemStatus, List, Tally};
use crate::engine::proposal::{self, ChecklistView};

pub(super) fn checklist(session: &Session, arguments: &ChecklistArguments) -> Finished {
    let of = match arguments.of.parse() {
        Ok(word @ (RunWord::Last | RunWord::LastOf(_))) => session.run(&word)?.to_string(),
        Ok(RunWord::Number(_)) | Err(_) => arguments.of.clone(),
    };
    let look = || {
        let loaded = || session.config().map_err(|failed| *failed.problem);
        let release = arguments.release.as_ref();
        proposal::checklist(&session.app.services(), loaded, &of, release, &arguments.services)
    };
    let mut listing = look()?;
    if let Some(act) = arguments.act.map(Act::from) {
        // Check every item before changing any: either all change, or none.
        let items = arguments.items.iter().map(|named| listing.find(named).cloned());
        let items: Vec<Item> =
            items.collect::<Result<_, _>>().map_err(|problem| Failed::with(USAGE, problem))?;
        for item in &items {
            let run = listing.run.as_deref();
            crate::domain::checklist::may_act(item, act, &arguments.note, run)
                .map_err(|problem| Failed::with(REFUSED, problem))?;
        }
        for item in &items {
            listing.act(&session.app.services(), item, act, &arguments.note)?;
        }
        listing = look()?;
    }
    session.result(&text(&listing), &to_json(&listing));
    Ok(OK)
}

fn counted(listing: &ChecklistView, list: List) -> Tally {
    let of = listing.items.iter().filter(|(item, _)| item.list == list);
    Tally::of(of.map(|(_, seen)| seen))
}

fn text(listing: &ChecklistView) -> String {
    let run = listing.run.as_ref().map(|view| format!(", run {}", view.number));
    let mut lines =
        vec![format!("{} on {}{}", listing.release, listing.environment, run.unwrap_or_default())];
    for list in List::ALL {
        let tally = counted(listing, list);
        if tally.all == 0 {
            continue;
        }
        lines.push(format!("\n{}  {tally}  ({})", list.title(), list.label()));
        let mut group = "";
        for (item, seen) in listing.items.iter().filter(|(item, _)| item.list == list) {
            if item.group != group {
                lines.push(format!("  {}", item.group));
                group = &item.group;
            }
            lines.push(line(item, seen));
        }
    }
    lines.join("\n")
}

fn line(item: &Item, seen: &ItemStatus) -> String {
    let kind = match (&item.source, item.required) {
        (Some(_), true) => "auto req",
        (Some(_), false) => "auto opt",
        (None, true) => "req",
        (None, false) => "opt",
    };
    let line =
        format!("    {:<14}  {:<34}  {kind:<8}  {}", seen.standing.label(), item.text, seen.said);
    line.trim_end().to_owned()
}

fn to_json(listing: &ChecklistView) -> serde_json::Value {
    let items = listing.items.iter().map(|(item, seen)| {
        json!({
            "id": item.id, "list": item.list, "group": item.group, "text": item.text,
            "required": item.required, "auto": item.source.as_ref().map(ToString::to_string),
            "standing": seen.standing, "settled": seen.standing.settled(), "said": seen.said,
        })
    });
    let lists = List::ALL.map(|list| {
        let Tally { done, overridden, all } = counted(listing, list);
        // Scripts rely on this key's name: it counts the items that block nothing.
        let counted = json!({"settled": done + overridden, "overridden": overridden, "of": all});
        (list.label().to_owned(), counted)
    });
    json!({
        "environment": listing.environment, "release": listing.release,
        "run": listing.run.as_ref().map(|view| view.number),
        "lists": lists.into_iter().collect::<serde_json::Map<_, _>>(),
        "items": items.collect::<Vec<_>>(),
    })
}
