//! The Migrations pane: applying and undoing migrations, by version.

use crate::domain::error::Problem;
use crate::domain::guard::Justification;
use crate::domain::migration::{Phase, SchemaWay, Undo, WaysBack};
use crate::domain::readiness::Target;
use crate::domain::release::{ReleaseLabel, SchemaVersion};
use crate::tui::effect::{Effect, Intent, Ticket};
use crate::tui::keys::Key;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Item, Kind, Picker, Purpose};
use crate::tui::panes::migrations::model::{chosen, downwards, upwards};

pub(in crate::tui) fn migrate(model: &mut Model, key: Key) -> Vec<Effect> {
    ask(model, Purpose::Migrate, key)
}

pub(in crate::tui) fn undo(model: &mut Model, key: Key) -> Vec<Effect> {
    ask(model, Purpose::Undo, key)
}

/// Opens the dialog for the version to migrate up or down to.
fn ask(model: &mut Model, purpose: Purpose, key: Key) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else { return Vec::new() };
    let Some((database, row)) = chosen(model) else {
        model.tell("no migration is selected: no database was read, or none passes the filter");
        return Vec::new();
    };
    let items: Vec<Item> = match purpose {
        Purpose::Migrate => upwards(database)
            .into_iter()
            .map(|row| {
                let phase = row.file.as_ref().map(|m| m.phase);
                let warns =
                    if phase == Some(Phase::Contract) { "; old code stops working" } else { "" };
                let word = phase.map_or("", Phase::label);
                let note = format!("{word}: {}{warns}", row.description());
                Item::new(row.version.to_string(), note)
            })
            .collect(),
        _ => downwards(database)
            .into_iter()
            .map(|to| {
                let undone = database.rows.iter().filter(|r| r.version > to && r.record.is_some());
                let undone: Vec<_> = undone.map(|r| r.version.to_string()).collect();
                Item::new(to.to_string(), format!("undoes {}", undone.join(", ")))
            })
            .collect(),
    };
    if items.is_empty() {
        let what =
            if purpose == Purpose::Migrate { "nothing is pending" } else { "nothing is applied" };
        model.tell(format!("{what} on {}", database.name));
        return Vec::new();
    }
    let wanted = row.version.to_string();
    let selected = items.iter().position(|item| item.value == wanted).unwrap_or(0);
    let about = Some((database.name.clone(), format!("{} ({})", database.name, database.place)));
    let picker = Picker { about, selected, ..Picker::new(purpose, here.name.clone(), items) };
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

/// Handles Enter in that dialog: requests a plan.
pub(in crate::tui) fn answered(picker: &mut Picker, ticket: Ticket) -> Vec<Effect> {
    let to = picker.items.get(picker.selected).and_then(|item| item.value.parse().ok());
    let (Some(to), Some((database, _))) = (to, picker.about.clone()) else {
        picker.problem = Some(Problem::new("there is nothing to choose here"));
        return Vec::new();
    };
    let environment = picker.environment.clone();
    let Some(why) = why(picker) else { return Vec::new() };
    let down = picker.purpose == Purpose::Undo;
    picker.waits = Some("looking at the database");
    vec![Effect::Propose(ticket, Intent::Migrate { environment, database, to, down, why })]
}

/// A note on a rollback target that would undo migrations: the schema version it was made for.
pub(in crate::tui) fn note(target: &Target) -> String {
    let asks = target.schema.iter().find(|ways| !ways.undone.is_empty());
    asks.and_then(|ways| ways.undone.last())
        .map_or(String::new(), |last| format!("; was made for schema {}", last.leaves))
}

/// Handles Enter on a rollback target: opens the second page if a database is affected, otherwise requests a plan.
pub(in crate::tui) fn back(picker: &mut Picker, to: &ReleaseLabel, ticket: Ticket) -> Vec<Effect> {
    let target = picker.targets.iter().find(|target| target.release.to_string() == to.as_str());
    let asks = |ways: &&WaysBack| ways.open(SchemaWay::Keep).is_err() || !ways.undone.is_empty();
    let Some(ways) = target.and_then(|target| target.schema.iter().find(asks)).cloned() else {
        return roll_back(picker, to, None, ticket);
    };
    let (items, undone) = pages(&ways);
    let (environment, reason) = (picker.environment.clone(), picker.reason.clone());
    let left = ways.undone.last().map_or(&ways.now, |undone| &undone.leaves);
    let about = format!("{to} was made for schema {left}. {} is at {}.", ways.database, ways.now);
    let keep = ways.open(SchemaWay::Keep).is_ok();
    *picker = Picker {
        about: Some((to.to_string(), about)),
        selected: undone.iter().position(Option::is_some).filter(|_| !keep).unwrap_or(0),
        ways: undone,
        reason,
        ..Picker::new(Purpose::RollbackSchema, environment, items)
    };
    Vec::new()
}

/// The items of the second page, each a way to treat the database with a note or the reason
/// why it is refused, and what each item undoes.
fn pages(ways: &WaysBack) -> (Vec<Item>, Vec<Option<(String, SchemaVersion)>>) {
    let undone: Vec<_> = ways.undone.iter().map(|u| u.migration.version.to_string()).collect();
    let loses = ways.undone.iter().any(|u| u.migration.undo == Undo::DataLoss);
    let loses = if loses { "; what was written since is lost" } else { "" };
    let one = |(way, open): &(SchemaWay, Result<(), String>)| {
        let value = match way {
            SchemaWay::Keep => format!("keep {}", ways.now),
            way => format!("undo {} the switch", way.label()),
        };
        let note = match open {
            Ok(()) if *way == SchemaWay::Keep => "recommended: the target works with it".to_owned(),
            Ok(()) => format!("undoes {}{loses}", undone.join(", ")),
            Err(why) => format!("NOT offered: {why}"),
        };
        let offered = ways.undo() == Some(*way);
        let last = ways.undone.last().filter(|_| offered);
        let item = Item { refused: open.clone().err(), ..Item::new(value, note) };
        (item, last.map(|u| (ways.database.clone(), u.leaves.clone())))
    };
    ways.ways.iter().map(one).unzip()
}

/// Handles Enter on that page.
pub(in crate::tui) fn chosen_way(picker: &mut Picker, ticket: Ticket) -> Vec<Effect> {
    let item = picker.items.get(picker.selected);
    if let Some((item, why)) = item.and_then(|item| Some((item, item.refused.as_ref()?))) {
        picker.problem = Some(Problem::new(format!("{} is not safe", item.value)).because(why));
        return Vec::new();
    }
    let undo = picker.ways.get(picker.selected).cloned().flatten();
    let to = picker.about.as_ref().and_then(|(release, _)| ReleaseLabel::new(release.clone()).ok());
    to.map_or_else(Vec::new, |to| roll_back(picker, &to, undo, ticket))
}

/// The reason and the overrides. If they are invalid, the picker shows the problem.
fn why(picker: &mut Picker) -> Option<Justification> {
    picker.why().inspect_err(|problem| picker.problem = Some(problem.clone())).ok()
}

fn roll_back(
    picker: &mut Picker,
    to: &ReleaseLabel,
    undo: Option<(String, SchemaVersion)>,
    ticket: Ticket,
) -> Vec<Effect> {
    let (environment, to) = (picker.environment.clone(), Some(to.clone()));
    let Some(why) = why(picker) else { return Vec::new() };
    picker.waits = Some("checking whether that may begin");
    vec![Effect::Propose(ticket, Intent::Rollback { environment, to, undo, why })]
}
