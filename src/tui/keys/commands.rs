//! Every command of the screen, declared once: dispatch, hints and help read this table.

use super::Key;

/// A command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the table documents each")]
pub enum Command {
    Deploy,
    Switch,
    Rollback,
    Abort,
    CleanUp,
    Retry,
    Skip,
    Pause,
    Open,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Follow,
    NextEnvironment,
    PreviousEnvironment,
    NextPane,
    PreviousPane,
    Environments,
    DeployPane,
    Logs,
    Dashboard,
    Zoom,
    Help,
    Back,
    Redraw,
    Suspend,
    Interrupt,
    Quit,
}

/// How a command is shown in help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Changes a deployment; each asks first.
    Acts,
    /// Moves and shows.
    Looks,
    /// The program itself.
    Program,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Which command.
    pub command: Command,
    /// Its name in the palette and the config.
    pub name: &'static str,
    /// What it does, for help.
    pub doc: &'static str,
    /// Where help shows it.
    pub group: Group,
    /// Its keys, the first one shown in hints.
    pub keys: &'static [&'static str],
}

const fn row(
    command: Command,
    group: Group,
    name: &'static str,
    doc: &'static str,
    keys: &'static [&'static str],
) -> Row {
    Row { command, name, doc, group, keys }
}

/// The table. No lower-case key and no Ctrl key changes a deployment; `p` can only make one wait.
pub const COMMANDS: &[Row] = {
    use Command as C;
    use Group::{Acts, Looks, Program};
    &[
        row(C::Deploy, Acts, "deploy", "deploy a release here", &["D"]),
        row(C::Switch, Acts, "switch", "open the gate: switch traffic to green", &["T"]),
        row(C::Rollback, Acts, "rollback", "give traffic back", &["B"]),
        row(C::Abort, Acts, "abort", "end the run before traffic moved", &["A"]),
        row(C::CleanUp, Acts, "clean-up", "stop blue and delete what no rollback needs", &["K"]),
        row(C::Retry, Acts, "retry", "try the failed step again", &["R"]),
        row(C::Skip, Acts, "skip", "leave the failed step out, with a reason", &["S"]),
        row(C::Pause, Acts, "pause", "pause before the next step, or go on", &["p"]),
        row(C::Open, Looks, "open", "open, or the gate's own act", &["Enter"]),
        row(C::Up, Looks, "up", "up", &["k", "Up"]),
        row(C::Down, Looks, "down", "down", &["j", "Down"]),
        row(C::PageUp, Looks, "page-up", "page up", &["PgUp", "Ctrl-u"]),
        row(C::PageDown, Looks, "page-down", "page down", &["PgDn", "Ctrl-d"]),
        row(C::Top, Looks, "top", "to the top", &["g", "Home"]),
        row(C::Bottom, Looks, "bottom", "to the bottom", &["G", "End"]),
        row(C::Follow, Looks, "follow", "follow the log", &["f"]),
        row(C::NextEnvironment, Looks, "next", "next environment", &["]"]),
        row(C::PreviousEnvironment, Looks, "previous", "previous environment", &["["]),
        row(C::NextPane, Looks, "next-pane", "next pane", &["Tab"]),
        row(C::PreviousPane, Looks, "previous-pane", "previous pane", &["Shift-Tab"]),
        row(C::Environments, Looks, "environments", "pane Environments; again: zoom", &["1"]),
        row(C::DeployPane, Looks, "run", "pane Deploy; again: zoom", &["2"]),
        row(C::Logs, Looks, "logs", "pane Logs; again: zoom", &["3"]),
        row(C::Dashboard, Looks, "dashboard", "all panes", &["0"]),
        row(C::Zoom, Looks, "zoom", "this pane alone, or all", &["z"]),
        row(C::Help, Program, "help", "this help", &["?"]),
        row(C::Back, Program, "back", "one level back; never quits, never stops a run", &["Esc"]),
        row(C::Redraw, Program, "redraw", "draw everything anew", &["Ctrl-l"]),
        row(C::Suspend, Program, "suspend", "back to the shell until fg", &["Ctrl-z"]),
        row(C::Interrupt, Program, "interrupt", "quit question", &["Ctrl-c"]),
        row(C::Quit, Program, "quit", "quit; a run goes on without the screen", &["q"]),
    ]
};

/// What a key does.
pub fn of(key: Key) -> Option<Command> {
    let name = key.name();
    COMMANDS.iter().find(|row| row.keys.contains(&name.as_str())).map(|row| row.command)
}

/// The row of a command.
pub fn row_of(command: Command) -> Option<&'static Row> {
    COMMANDS.iter().find(|row| row.command == command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_does_two_things_and_only_capitals_act() {
        let mut all: Vec<&str> = COMMANDS.iter().flat_map(|row| row.keys).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
        for row in COMMANDS.iter().filter(|row| row.group == Group::Acts) {
            let capital =
                row.keys.iter().all(|k| k.len() == 1 && k.as_bytes()[0].is_ascii_uppercase());
            assert!(capital || row.command == Command::Pause, "{}", row.name);
        }
    }
}
