//! The Migrations pane: applying and undoing, each by its version.

use crate::domain::error::Problem;
use crate::domain::migration::Phase;
use crate::tui::effect::{Effect, Intent, Ticket};
use crate::tui::keys::Key;
use crate::tui::keys::commands::Command;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Item, Kind, Picker, Purpose};
use crate::tui::model::schema::{chosen, downwards, listed, upwards};

/// Opens the box that asks up or down to which version.
pub(super) fn ask(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else { return Vec::new() };
    let Some((database, row)) = chosen(&here, &model.schema) else {
        model.tell("there is no database here, or nobody has looked yet");
        return Vec::new();
    };
    let purpose = if command == Command::Migrate { Purpose::Migrate } else { Purpose::Undo };
    let items: Vec<Item> = match purpose {
        Purpose::Migrate => upwards(database)
            .into_iter()
            .map(|row| {
                let phase = row.file.as_ref().map(|m| m.phase);
                let warns =
                    if phase == Some(Phase::Contract) { "; old code stops working" } else { "" };
                let word = phase.map_or("", Phase::word);
                let note = format!("{word}: {}{warns}", row.description());
                Item { value: row.version.to_string(), note }
            })
            .collect(),
        _ => downwards(database)
            .into_iter()
            .map(|to| {
                let undone = database.rows.iter().filter(|r| r.version > to && r.record.is_some());
                let undone: Vec<_> = undone.map(|r| r.version.to_string()).collect();
                Item { value: to.to_string(), note: format!("undoes {}", undone.join(", ")) }
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

/// Enter in that box: asks whether it may begin.
pub(super) fn answered(picker: &mut Picker, ticket: Ticket) -> Vec<Effect> {
    let to = picker.items.get(picker.selected).and_then(|item| item.value.parse().ok());
    let (Some(to), Some((database, _))) = (to, picker.about.clone()) else {
        picker.problem = Some(Problem::new("there is nothing to choose here"));
        return Vec::new();
    };
    let (environment, reason) = (picker.environment.clone(), picker.why());
    let down = picker.purpose == Purpose::Undo;
    picker.waits = Some("looking at the database");
    vec![Effect::Propose(ticket, Intent::Migrate { environment, database, to, down, reason })]
}

/// By so many migrations.
pub(super) fn down(model: &mut Model, by: isize) {
    let last = model.here().map_or(0, |here| listed(here).len().saturating_sub(1));
    model.schema.selected = model.schema.selected.saturating_add_signed(by).min(last);
}
