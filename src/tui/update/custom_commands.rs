//! Custom commands: confirming one, and showing its output.

use super::acts::{confirm, question};
use crate::domain::custom_command::{CustomCommand, CustomCommandState};
use crate::domain::policy::Protection;
use crate::tui::model::Model;
use crate::tui::model::dialog::{Action, CustomCommandAct, Dialog, Kind};
use crate::tui::model::overlay::Overlay;
use crate::tui::panes::pipeline::model::JobLog;

/// Number of latest lines shown first.
const TAIL_LINES: usize = 20;

/// Whether a command is configured for the selected environment.
pub(in crate::tui) fn available(model: &Model) -> Result<(), String> {
    let Some(here) = model.here() else { return Err("the config has no environment".to_owned()) };
    let any = !model.team_commands_here().is_empty();
    any.then_some(()).ok_or_else(|| format!("no command of the config is for {}", here.name))
}

/// Opens the confirmation to run a command on its subject, as strict as the environment's protection, or to stop it if
/// it is running.
pub(in crate::tui) fn ask(model: &mut Model, command: CustomCommand) {
    let Some(here) = model.here().cloned() else { return };
    if model.read_only {
        model.tell("this screen is read-only");
        return;
    }
    let going = model.last_of(&command);
    let going = going.filter(|(_, state)| **state == CustomCommandState::Running).map(|(id, _)| id);
    let name = command.title();
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
