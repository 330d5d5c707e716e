//! Keys in the list of actions. An action that changes something opens its confirmation, as its own key does.

use super::overlay::typed;
use super::{acts, custom_commands, run};
use crate::tui::effect::Effect;
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::actions::{Actions, Entry};
use crate::tui::model::overlay::Overlay;

/// Opens the actions of the row under the cursor.
pub(in crate::tui) fn open(model: &mut Model) -> Vec<Effect> {
    // What acts on a run acts in its environment.
    acts::select_environment_of_chosen_run(model);
    model.overlay = Some(Overlay::Actions(Actions::default()));
    Vec::new()
}

/// Opens the list of the team's commands.
pub(in crate::tui) fn open_team(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Actions(Actions { team: true, ..Actions::default() }));
    Vec::new()
}

pub(super) fn pressed(model: &mut Model, mut actions: Actions, key: Key) -> Vec<Effect> {
    let entries = model.actions(&actions);
    match key.code {
        Code::Esc if !actions.finder.input.value().is_empty() => actions.finder.input.reset(),
        Code::Esc => return Vec::new(),
        Code::Enter => match entries.into_iter().nth(actions.finder.selected) {
            Some(Entry::Command(command)) => return run(model, command, key),
            Some(Entry::Team(command)) => {
                custom_commands::ask(model, command);
                return Vec::new();
            }
            None => {}
        },
        _ => typed(&mut actions.finder, key, entries.len()),
    }
    model.overlay = Some(Overlay::Actions(actions));
    Vec::new()
}
