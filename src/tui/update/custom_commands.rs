//! Custom commands: choosing one, and showing its output.

use super::acts::{confirm, question};
use crate::domain::custom_command::{CustomCommand, CustomCommandRun, CustomCommandState};
use crate::domain::error::Problem;
use crate::domain::policy::Protection;
use crate::tui::effect::Effect;
use crate::tui::keys::Key;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, CustomCommandAct, Dialog, Item, Kind, Picker, Purpose};
use crate::tui::model::overlay::Overlay;
use crate::tui::panes::pipeline::model::JobLog;

/// Number of latest lines shown first.
const TAIL_LINES: usize = 20;

/// Opens the list of commands for the selected environment.
pub(in crate::tui) fn pick(model: &mut Model, key: Key) -> Vec<Effect> {
    let Some(here) = model.here().cloned() else { return Vec::new() };
    let item = |command: &CustomCommand| {
        let last = model.custom_command_runs.iter().find(|run| run.name == command.name);
        let note = match last.filter(|run| run.environment == here.name) {
            Some(run) if run.state == CustomCommandState::Running => {
                "runs; Enter stops it".to_owned()
            }
            Some(run) => format!("{}; last: {}", command.argv.join(" "), run.state.label()),
            None => command.argv.join(" "),
        };
        Item::new(command.name.clone(), note)
    };
    let fits = |command: &&CustomCommand| command.fits(&here.name).is_ok();
    let items: Vec<Item> = model.custom_commands.iter().filter(fits).map(item).collect();
    let picker = Picker::new(Purpose::CustomCommands, here.name.clone(), items);
    model.open(Kind::Pick(Box::new(picker)), Some(key));
    Vec::new()
}

/// Whether a command is configured for the selected environment.
pub(in crate::tui) fn available(model: &Model) -> Result<(), String> {
    let Some(here) = model.here() else { return Err("the config has no environment".to_owned()) };
    let fits = model.custom_commands.iter().any(|command| command.fits(&here.name).is_ok());
    fits.then_some(()).ok_or_else(|| format!("no command of the config is for {}", here.name))
}

/// Opens the confirmation to run a command by its name, as strict as the
/// environment's protection, or to stop it if it is running.
pub(in crate::tui) fn ask(model: &mut Model, name: &str) {
    let command = model.custom_commands.iter().find(|command| command.name == name).cloned();
    let (Some(here), Some(command)) = (model.here().cloned(), command) else { return };
    if let Err(why) = command.fits(&here.name) {
        model.tell(why);
        return;
    }
    let going = |run: &&CustomCommandRun| {
        run.name == name && run.environment == here.name && run.state == CustomCommandState::Running
    };
    let going = model.custom_command_runs.iter().find(going).map(|run| run.id);
    let (title, lines, act, tier) = if let Some(id) = going {
        let lines = vec![format!("Stops {name} (run {id}) and what it started.")];
        ("Stop a command", lines, CustomCommandAct::Stop(id), Protection::Open)
    } else {
        let lines = vec![
            format!("Runs {}", command.argv.join(" ")),
            format!("in {}", command.folder.display()),
            "It continues without this screen; its log is kept.".to_owned(),
        ];
        ("Run a command", lines, CustomCommandAct::Run(command), here.protection)
    };
    confirm(model, question(&here, tier, title, lines, Action::CustomCommands(act)), None);
}

/// Handles Enter in the list.
pub(in crate::tui) fn chosen(picker: &mut Picker, model: &mut Model) -> Vec<Effect> {
    match picker.items.get(picker.selected).map(|item| item.value.clone()) {
        Some(name) => ask(model, &name),
        None => picker.problem = Some(Problem::new("there is nothing to choose here")),
    }
    Vec::new()
}

fn ours(dialog: &Dialog) -> bool {
    matches!(&dialog.kind, Kind::Confirm(asked) if matches!(asked.action, Action::CustomCommands(_)))
}

/// Shows the output of a run. It opens once; after the user closes it, it stays closed.
pub(in crate::tui) fn said(model: &mut Model, log: JobLog, first: bool) {
    let end = log.lines.len().saturating_sub(TAIL_LINES);
    let from = match &model.overlay {
        Some(Overlay::JobLog(open, from)) if open.job == log.job => {
            // A user who scrolled up keeps the position.
            let followed = *from >= open.lines.len().saturating_sub(TAIL_LINES);
            if followed { end } else { *from }
        }
        // The command's own confirmation may still be closing; other dialogs are not covered.
        _ if first && model.dialog.as_ref().is_none_or(ours) => end,
        _ => return,
    };
    model.overlay = Some(Overlay::JobLog(log, from));
}
