//! Every command of the screen, declared once: dispatch, hints, help, palette, the popup after a
//! prefix, rebinding, and the key table of the README read this table.

use crate::tui::model::Pane;

/// Everything a key or the palette can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Deploy,
    Switch,
    Rollback,
    Abort,
    CleanUp,
    CustomCommands,
    Retry,
    Skip,
    Pause,
    Open,
    Up,
    Down,
    Left,
    Right,
    PageUp,
    PageDown,
    Top,
    Bottom,
    NextEnvironment,
    PreviousEnvironment,
    NextPane,
    PreviousPane,
    Environments,
    DeployPane,
    Logs,
    Health,
    History,
    Pipeline,
    ApproveDeployment,
    RejectDeployment,
    RunFailedAgain,
    BeginPipeline,
    Dashboard,
    Zoom,
    NextNeed,
    Search,
    NextMatch,
    PreviousMatch,
    NextError,
    PreviousError,
    Follow,
    Filter,
    News,
    Wrap,
    Level,
    Time,
    Source,
    ThisStep,
    Select,
    SetMark,
    ToMark,
    Copy,
    CopyAll,
    Save,
    Compare,
    ProbeNow,
    HideOk,
    Mute,
    Unmute,
    Migrations,
    Migrate,
    UndoMigrations,
    Checklists,
    Tick,
    TickWithNote,
    SetAside,
    Untick,
    OpenOnly,
    Messages,
    Mouse,
    Help,
    Palette,
    Back,
    Redraw,
    Suspend,
    Interrupt,
    LeaveNow,
    Terminal,
    Card,
    Handover,
    Quit,
}

/// How much a command dares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Changes nothing outside the screen.
    None,
    /// Can only pause or continue a run, or suppress alerts.
    Waits,
    /// Changes a deployment; asks first, as strictly as the environment's protection demands.
    Asks,
}

/// Where help shows a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Acts,
    Moves,
    Logs,
    /// Of what is watched.
    Health,
    Migrations,
    /// Of what must be true.
    Checklists,
    History,
    /// Of what tests the release.
    Pipeline,
    Program,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub command: Command,
    /// Its name in the palette and the config.
    pub name: &'static str,
    /// What it does, for help.
    pub doc: &'static str,
    /// Where help shows it.
    pub group: Group,
    /// How much it dares.
    pub danger: Danger,
    /// The only pane where its keys mean it; everywhere, if none.
    pub pane: Option<Pane>,
    /// Its keys, the first one shown in hints. `g d` is one key after the other.
    pub keys: &'static [&'static str],
}

const fn row(
    command: Command,
    group: Group,
    name: &'static str,
    doc: &'static str,
    keys: &'static [&'static str],
) -> Row {
    let danger = match (group, command) {
        (
            _,
            Command::Pause
            | Command::Tick
            | Command::TickWithNote
            | Command::Untick
            | Command::Mute
            | Command::Unmute,
        ) => Danger::Waits,
        (Group::Acts | Group::Migrations | Group::Pipeline, _) | (_, Command::SetAside) => {
            Danger::Asks
        }
        _ => Danger::None,
    };
    Row { command, name, doc, group, danger, pane: None, keys }
}

const fn only(pane: Pane, row: Row) -> Row {
    Row { pane: Some(pane), ..row }
}

/// The table. No lower-case key and no Ctrl key changes a deployment; `p` can only make one wait.
pub const COMMANDS: &[Row] = {
    use Command as C;
    use Group::{Acts, Checklists, Health, History, Logs, Migrations, Moves, Pipeline, Program};
    use Pane::{
        Checklists as ListPane, Health as HealthPane, History as PastPane, Logs as LogPane,
        Migrations as SchemaPane, Pipeline as TestPane,
    };
    &[
        row(C::Switch, Acts, "switch", "open the gate: switch traffic to green", &["T"]),
        row(C::Deploy, Acts, "deploy", "deploy a release here", &["D"]),
        row(C::Pause, Acts, "pause", "pause before the next step, or resume", &["p"]),
        row(C::Retry, Acts, "retry", "try the failed step again", &["R"]),
        row(C::Skip, Acts, "skip", "leave the failed step out, with a reason", &["S"]),
        row(C::Abort, Acts, "abort", "end the run before traffic moved", &["A"]),
        row(C::Rollback, Acts, "rollback", "roll back", &["B"]),
        row(C::CleanUp, Acts, "clean-up", "stop blue and delete what no rollback needs", &["K"]),
        row(C::CustomCommands, Acts, "run", "run one of the team's commands, or stop it", &["C"]),
        row(C::Open, Moves, "open", "open, or the gate's own act", &["Enter"]),
        row(C::Up, Moves, "up", "up", &["k", "Up"]),
        row(C::Down, Moves, "down", "down", &["j", "Down"]),
        row(C::Left, Moves, "left", "sideways", &["h", "Left"]),
        row(C::Right, Moves, "right", "sideways", &["l", "Right"]),
        row(C::PageUp, Moves, "page-up", "page up", &["PgUp", "Ctrl-u"]),
        row(C::PageDown, Moves, "page-down", "page down", &["PgDn", "Ctrl-d"]),
        row(C::Top, Moves, "top", "to the top", &["g g", "Home"]),
        row(C::Bottom, Moves, "bottom", "to the bottom", &["G", "End"]),
        row(C::NextEnvironment, Moves, "next-environment", "next environment", &["]"]),
        row(C::PreviousEnvironment, Moves, "previous-environment", "previous environment", &["["]),
        row(C::NextPane, Moves, "next-pane", "next pane", &["Tab"]),
        row(C::PreviousPane, Moves, "previous-pane", "previous pane", &["Shift-Tab"]),
        row(
            C::Environments,
            Moves,
            "goto environments",
            "Environments; again: zoom",
            &["1", "g v"],
        ),
        row(C::DeployPane, Moves, "goto deploy", "Deploy; again: zoom", &["2", "g d"]),
        row(C::Logs, Moves, "goto logs", "Logs; again: zoom", &["3", "g l"]),
        row(C::Health, Moves, "goto health", "Health; again: zoom", &["4", "g h"]),
        row(C::Migrations, Moves, "goto migrations", "Migrations; again: zoom", &["5", "g m"]),
        row(C::Checklists, Moves, "goto checklists", "Checklists; again: zoom", &["6", "g c"]),
        row(C::History, Moves, "goto history", "History; again: zoom", &["7", "g y"]),
        row(C::Pipeline, Moves, "goto pipeline", "Pipeline; again: zoom", &["8", "g p"]),
        row(C::Dashboard, Moves, "dashboard", "all panes", &["0"]),
        row(C::Zoom, Moves, "zoom", "this pane alone, or all", &["z"]),
        row(C::NextNeed, Moves, "next-need", "the next thing that needs a person", &["g n"]),
        row(C::Follow, Logs, "follow", "follow the log", &["f"]),
        row(C::Search, Logs, "search", "search the log; re: begins a pattern", &["/"]),
        row(C::NextMatch, Logs, "next-match", "next match", &["n"]),
        row(C::PreviousMatch, Logs, "previous-match", "previous match", &["N"]),
        row(C::NextError, Logs, "next-error", "next error", &["e"]),
        row(C::PreviousError, Logs, "previous-error", "previous error", &["E"]),
        only(LogPane, row(C::Filter, Logs, "filter", "only what the search matches", &["&"])),
        only(
            LogPane,
            row(C::News, Logs, "news", "only what the last good run did not say", &["d"]),
        ),
        only(LogPane, row(C::Level, Logs, "level", "only this level and worse", &["L"])),
        only(LogPane, row(C::Source, Logs, "source", "only this service", &["o"])),
        row(C::ThisStep, Logs, "step-log", "only the log of the step under way", &["g s"]),
        only(LogPane, row(C::Wrap, Logs, "wrap", "wrap long lines", &["w"])),
        only(LogPane, row(C::Time, Logs, "time", "UTC, local, since the run began, none", &["t"])),
        only(LogPane, row(C::Select, Logs, "select", "select lines, for y", &["v"])),
        only(LogPane, row(C::SetMark, Logs, "mark", "mark the line", &["m"])),
        only(LogPane, row(C::ToMark, Logs, "to-mark", "to the marked line, and back", &["'"])),
        row(C::Copy, Logs, "copy", "copy the line, the selection or the report", &["y"]),
        row(C::CopyAll, Logs, "copy-shown", "copy all that is shown", &["Y"]),
        row(C::Save, Logs, "save", "save the log that is shown, or the report, to a file", &["s"]),
        row(C::ProbeNow, Health, "probe-now", "ask everything that is watched now", &["F5"]),
        only(
            HealthPane,
            row(C::Mute, Health, "mute", "mute this probe's alerts for a while", &["m"]),
        ),
        only(HealthPane, row(C::Unmute, Health, "unmute", "call for it again", &["u"])),
        only(HealthPane, row(C::HideOk, Health, "hide-ok", "only what is not well", &["o"])),
        only(
            SchemaPane,
            row(C::Migrate, Migrations, "migrate", "apply migrations up to a version", &["M"]),
        ),
        only(
            SchemaPane,
            row(C::UndoMigrations, Migrations, "undo", "undo migrations down to one", &["U"]),
        ),
        only(ListPane, row(C::Tick, Checklists, "tick", "you have seen that it holds", &["Space"])),
        only(ListPane, row(C::TickWithNote, Checklists, "tick-note", "tick, with a note", &["i"])),
        only(
            ListPane,
            row(C::SetAside, Checklists, "set-aside", "override the item, with a reason", &["O"]),
        ),
        only(ListPane, row(C::Untick, Checklists, "untick", "take your last tick back", &["u"])),
        only(ListPane, row(C::OpenOnly, Checklists, "open-only", "only what is open", &["o"])),
        only(
            PastPane,
            row(C::Compare, History, "compare", "compare with the run before it", &["c"]),
        ),
        only(
            TestPane,
            row(C::ApproveDeployment, Pipeline, "approve", "approve the pipeline's run", &["V"]),
        ),
        only(
            TestPane,
            row(C::RejectDeployment, Pipeline, "reject", "end the pipeline's run there", &["X"]),
        ),
        only(TestPane, row(C::RunFailedAgain, Pipeline, "rerun", "run what failed again", &["F"])),
        only(TestPane, row(C::BeginPipeline, Pipeline, "begin", "begin a run of it", &["W"])),
        row(C::Help, Program, "help", "every key; typing filters", &["?"]),
        row(C::Palette, Program, "palette", "find a command by its name", &[":", "Ctrl-p"]),
        row(C::Messages, Program, "messages", "all messages", &["!"]),
        row(
            C::Mouse,
            Program,
            "mouse",
            "mouse on or off; while on, Shift and drag selects text",
            &["F2"],
        ),
        row(C::Back, Program, "back", "one level back; never quits, never stops a run", &["Esc"]),
        row(C::Redraw, Program, "redraw", "redraw the screen", &["Ctrl-l"]),
        row(C::Suspend, Program, "suspend", "back to the shell until fg", &["Ctrl-z"]),
        row(C::Interrupt, Program, "interrupt", "quit question", &["Ctrl-c"]),
        row(
            C::LeaveNow,
            Program,
            "leave-now",
            "press twice to leave immediately, even from a box; a run continues",
            &["Ctrl-\\", "Ctrl-4"],
        ),
        row(
            C::Terminal,
            Program,
            "terminal-report",
            "what this terminal can do; tests copying and calling",
            &["F12"],
        ),
        row(
            C::Card,
            Program,
            "break-glass",
            "how to roll back by hand, with every name filled in",
            &["F9"],
        ),
        row(C::Handover, Program, "handover", "handover for the next shift", &["g o"]),
        row(C::Quit, Program, "quit", "quit; a run continues without the screen", &["q"]),
    ]
};

/// The row of a command.
pub fn row_of(command: Command) -> Option<&'static Row> {
    COMMANDS.iter().find(|row| row.command == command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_unique_per_place_and_only_capitals_act() {
        for (at, row) in COMMANDS.iter().enumerate() {
            for other in &COMMANDS[at + 1..] {
                let shared = row.keys.iter().any(|key| other.keys.contains(key));
                let together = row.pane.is_none() || other.pane.is_none() || row.pane == other.pane;
                assert!(!(shared && together), "{} and {}", row.name, other.name);
                assert_ne!(row.name, other.name);
            }
        }
        for row in COMMANDS.iter().filter(|row| row.danger == Danger::Asks) {
            let capital =
                row.keys.iter().all(|k| k.len() == 1 && k.as_bytes()[0].is_ascii_uppercase());
            assert!(capital, "{}", row.name);
        }
    }
}
