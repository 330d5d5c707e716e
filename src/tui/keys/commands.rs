//! Every command of the screen, declared once. Dispatch, hints, help, the palette, the popup after a prefix, rebinding
//! and the manual's key reference all read this table. A command is one row here and one function.

use super::Key;
use crate::tui::effect::{Effect, Take};
use crate::tui::list;
use crate::tui::model::Model;
use crate::tui::model::arrangement::Preset;
use crate::tui::panes::{Pane, checklists, health, history, logs, migrations, pipeline};
use crate::tui::update::{actions, acts, custom_commands, navigate, overlay, program};

/// Risk level of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Danger {
    /// Changes nothing outside the screen.
    None,
    /// Can only pause or continue a run, or suppress alerts.
    Waits,
    /// Changes a deployment. Needs a confirmation, as strict as the environment's protection requires.
    Asks,
}

/// The groups of commands in help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Acts,
    Moves,
    Logs,
    Health,
    Migrations,
    Checklists,
    History,
    Pipeline,
    Program,
}

impl Group {
    /// The heading in help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Acts => "DEPLOYMENT (confirmed first)",
            Self::Moves => "NAVIGATION",
            Self::Logs => "LOGS AND COPYING",
            Self::Health => "HEALTH",
            Self::Migrations => "MIGRATIONS",
            Self::Checklists => "CHECKLISTS",
            Self::History => "HISTORY",
            Self::Pipeline => "PIPELINE",
            Self::Program => "PROGRAM",
        }
    }
}

/// One command of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub command: Command,
    /// Its name in the palette and the config.
    pub name: &'static str,
    /// Default keys; hints show the first one. `g d` is a sequence of two keys.
    pub keys: &'static [&'static str],
    /// Its group in help.
    pub group: Group,
    pub danger: Danger,
    /// The only pane where its keys work; `None`: everywhere.
    pub pane: Option<Pane>,
    /// Its description in help.
    pub doc: &'static str,
    /// Whether the command is available now; the error says why not.
    pub when: fn(&Model) -> Result<(), String>,
    pub run: fn(&mut Model, Key) -> Vec<Effect>,
}

/// The condition of commands that are always available.
#[expect(clippy::unnecessary_wraps, reason = "has the form of every condition")]
fn always(_: &Model) -> Result<(), String> {
    Ok(())
}

macro_rules! commands {
    (@pane any) => { None };
    (@pane $pane:ident) => { Some(Pane::$pane) };
    ($($id:ident $name:literal [$($key:literal),+] $group:ident $danger:ident $pane:ident $doc:literal,
        $when:expr => $run:expr;)*) => {
        /// Every command that a key or the palette can run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Command { $($id),* }

        /// The command table. No lower-case key and no Ctrl key changes a
        /// deployment; `p` can only pause or resume a run.
        pub const COMMANDS: &[Row] = &[$(Row {
            command: Command::$id,
            name: $name,
            keys: &[$($key),+],
            group: Group::$group,
            danger: Danger::$danger,
            pane: commands!(@pane $pane),
            doc: $doc,
            when: $when,
            run: $run,
        }),*];
    };
}

// name, keys, help group, risk level, pane, description, availability => function
commands! {
    Switch "switch" ["T"] Acts Asks any "approve the gate: switch traffic to green",
        acts::may_switch => acts::switch;
    Deploy "deploy" ["D"] Acts Asks any "deploy a release here",
        acts::idle => acts::deploy;
    Extend "extend" ["+"] Acts Waits any "give the waiting gate its full time again",
        acts::may_extend => acts::extend;
    Claim "claim" ["c"] Acts Waits Deploy "tell others that you take care of what the run waits for",
        acts::may_claim => acts::claim;
    Offer "offer" ["o"] Acts Waits Deploy "offer the run to another person, who then drives it",
        acts::may_offer => acts::offer_run;
    Accept "accept" ["H"] Acts Asks any "take an offered run: this machine drives it",
        acts::may_accept => acts::accept;
    Pause "pause" ["p"] Acts Waits any "pause before the next step, or resume",
        acts::may_pause => acts::pause;
    Retry "retry" ["R"] Acts Asks any "retry the failed step",
        acts::may_retry => acts::retry;
    Skip "skip" ["S"] Acts Asks any "skip the failed step, with a reason",
        acts::may_skip => acts::skip;
    Abort "abort" ["A"] Acts Asks any "abort the run before traffic moves",
        acts::may_abort => acts::abort;
    Rollback "rollback" ["B"] Acts Asks any "switch traffic to the previous build",
        acts::may_roll_back => acts::roll_back;
    CleanUp "clean-up" ["K"] Acts Asks any "stop blue and delete builds that no rollback needs",
        acts::may_clean_up => acts::clean_up;
    AllowRollouts "allow-rollouts" ["P"] Acts Asks any "enable automatic rollouts that a run left disabled",
        acts::may_allow_rollouts => acts::allow_rollouts;
    CustomCommands "run" ["C"] Acts Asks any "run or stop a custom command",
        custom_commands::available => |m, _| actions::open_team(m);

    Open "open" ["Enter"] Moves None any "open; at a gate, approve it",
        always => |m, k| m.focus.behaviour().open(m, k);
    Actions "actions" ["x"] Moves None any "list what can be done with this row",
        always => |m, _| actions::open(m);
    Up "up" ["k", "Up"] Moves None any "up", always => |m, _| navigate::lines(m, -1);
    Down "down" ["j", "Down"] Moves None any "down", always => |m, _| navigate::lines(m, 1);
    Left "left" ["h", "Left"] Moves None any "sideways", always => |m, _| navigate::sideways(m, -1);
    Right "right" ["l", "Right"] Moves None any "sideways", always => |m, _| navigate::sideways(m, 1);
    PageUp "page-up" ["PgUp", "Ctrl-u"] Moves None any "page up",
        always => |m, _| navigate::lines(m, -navigate::page(m));
    PageDown "page-down" ["PgDn", "Ctrl-d"] Moves None any "page down",
        always => |m, _| navigate::lines(m, navigate::page(m));
    Top "top" ["g g", "Home"] Moves None any "to the top",
        always => |m, _| navigate::lines(m, isize::MIN / 2);
    Bottom "bottom" ["G", "End"] Moves None any "to the bottom",
        always => |m, _| navigate::lines(m, isize::MAX / 2);
    NextEnvironment "next-environment" ["]"] Moves None any "next environment",
        always => |m, _| navigate::environment(m, 1);
    PreviousEnvironment "previous-environment" ["["] Moves None any "previous environment",
        always => |m, _| navigate::environment(m, -1);
    NextPane "next-pane" ["Tab"] Moves None any "next pane", always => |m, _| navigate::step_pane(m, 1);
    PreviousPane "previous-pane" ["Shift-Tab"] Moves None any "previous pane",
        always => |m, _| navigate::step_pane(m, Pane::ALL.len() - 1);
    Environments "goto environments" ["1", "g v"] Moves None any "Environments pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Environments);
    DeployPane "goto deploy" ["2", "g d"] Moves None any "Deploy pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Deploy);
    Logs "goto logs" ["3", "g l"] Moves None any "Logs pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Logs);
    Health "goto health" ["4", "g h"] Moves None any "Health pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Health);
    Migrations "goto migrations" ["5", "g m"] Moves None any "Migrations pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Migrations);
    Checklists "goto checklists" ["6", "g c"] Moves None any "Checklists pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Checklists);
    History "goto history" ["7", "g y"] Moves None any "History pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::History);
    Pipeline "goto pipeline" ["8", "g p"] Moves None any "Pipeline pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Pipeline);
    Alerts "goto alerts" ["9", "g a"] Moves None any "Alerts pane; again: zoom",
        always => |m, _| navigate::pane(m, Pane::Alerts);
    Dashboard "dashboard" ["0"] Moves None any "all panes", always => |m, _| navigate::zoom(m, false);
    Zoom "zoom" ["z"] Moves None any "zoom this pane, or show all", always => |m, _| navigate::zoom(m, !m.zoom);
    Wider "wider" [">"] Moves None any "make the column of this pane wider",
        always => |m, _| navigate::widen(m, 4);
    Narrower "narrower" ["<"] Moves None any "make the column of this pane narrower",
        always => |m, _| navigate::widen(m, -4);
    ForDeploy "arrange deploy" ["g 1"] Moves None any "arrange the panes for a deploy",
        always => |m, _| navigate::arrange(m, Preset::Deploy);
    ForOnCall "arrange on-call" ["g 2"] Moves None any "arrange the panes for on-call: health first",
        always => |m, _| navigate::arrange(m, Preset::OnCall);
    ForChecklist "arrange checklist" ["g 3"] Moves None any "arrange the panes for the checklist",
        always => |m, _| navigate::arrange(m, Preset::Checklist);
    ForLogs "arrange logs" ["g 4"] Moves None any "arrange the panes for reading the log",
        always => |m, _| navigate::arrange(m, Preset::Logs);
    NextNeed "next-need" ["g n"] Moves None any "go to the next thing that needs a person",
        always => |m, _| navigate::next_need(m);

    Follow "follow" ["f"] Logs None any "follow the log", always => |m, _| logs::update::follow(m);
    Search "search" ["/"] Logs None any "filter this list, or search the log (re: begins a pattern)",
        always => |m, _| list::update::find(m);
    Sort "sort" [","] Moves None any "sort this list another way",
        list::update::any_order => |m, _| list::update::sort(m);
    NextMatch "next-match" ["n"] Logs None any "next match", always => |m, _| logs::update::next_match(m);
    PreviousMatch "previous-match" ["N"] Logs None any "previous match",
        always => |m, _| logs::update::previous_match(m);
    NextError "next-error" ["e"] Logs None any "next error", always => |m, _| logs::update::next_error(m);
    PreviousError "previous-error" ["E"] Logs None any "previous error",
        always => |m, _| logs::update::previous_error(m);
    NextStep "next-step" ["}"] Logs None any "next step in the log",
        always => |m, _| logs::update::next_step(m);
    PreviousStep "previous-step" ["{"] Logs None any "previous step in the log",
        always => |m, _| logs::update::previous_step(m);
    Filter "filter" ["&"] Logs None Logs "show only matches",
        always => |m, _| logs::update::filter(m);
    News "new-lines" ["d"] Logs None Logs "show only lines new since the last good run",
        always => |m, _| logs::update::news(m);
    Level "level" ["L"] Logs None Logs "show only this level and worse", always => |m, _| logs::update::level(m);
    Source "source" ["o"] Logs None Logs "show only this service", always => |m, _| logs::update::source(m);
    ThisStep "step-log" ["g s"] Logs None any "show only the log of the current step",
        always => |m, _| logs::update::this_step(m);
    Wrap "wrap" ["w"] Logs None Logs "wrap long lines", always => |m, _| logs::update::wrap(m);
    Time "time" ["t"] Logs None Logs "times: UTC, local, since the start, none",
        always => |m, _| logs::update::time(m);
    Select "select" ["v"] Logs None Logs "select lines to copy", always => |m, _| logs::update::select(m);
    SetMark "mark" ["m"] Logs None Logs "mark the line", always => |m, _| logs::update::set_mark(m);
    ToMark "to-mark" ["'"] Logs None Logs "jump to the marked line, and back",
        always => |m, _| logs::update::to_mark(m);
    Copy "copy" ["y"] Logs None any "copy the line, the selection or the report",
        always => |m, _| program::take(m, Take::Copy);
    CopyAll "copy-shown" ["Y"] Logs None any "copy everything shown",
        always => |m, _| program::take(m, Take::CopyShown);
    Save "save" ["s"] Logs None any "save the shown log or the report to a file",
        always => |m, _| program::take(m, Take::Save);

    ProbeNow "probe-now" ["F5"] Health None any "run every probe now",
        always => |m, _| health::update::probe_now(m);
    Mute "mute" ["m"] Health Waits Health "mute this probe's alerts for a while",
        health::update::any_probe => health::update::mute;
    Unmute "unmute" ["u"] Health Waits Health "unmute this probe",
        health::update::any_probe => health::update::unmute;
    HideOk "hide-ok" ["o"] Health None Health "hide healthy probes",
        always => |m, _| health::update::hide_ok(m);

    Migrate "migrate" ["M"] Migrations Asks Migrations "apply migrations up to a version",
        acts::idle => migrations::update::migrate;
    UndoMigrations "undo" ["U"] Migrations Asks Migrations "undo migrations down to a version",
        acts::idle => migrations::update::undo;

    Tick "tick" ["Space"] Checklists Waits Checklists "tick the item",
        checklists::update::any_item => |m, _| checklists::update::tick(m);
    TickWithNote "tick-note" ["i"] Checklists Waits Checklists "tick, with a note",
        checklists::update::any_item => checklists::update::tick_with_note;
    Override "override" ["O"] Checklists Asks Checklists "override the item, with a reason",
        checklists::update::any_item => checklists::update::override_item;
    Untick "untick" ["u"] Checklists Waits Checklists "remove your last tick",
        checklists::update::any_item => |m, _| checklists::update::untick(m);
    OpenOnly "open-only" ["o"] Checklists None Checklists "show only open items",
        checklists::update::any_item => |m, _| checklists::update::open_only(m);

    Compare "compare" ["c"] History None History "compare with the previous run",
        history::update::any_run => |m, _| history::update::compare(m);

    ApproveDeployment "approve" ["V"] Pipeline Asks Pipeline "approve the waiting pipeline run",
        pipeline::update::may_answer => pipeline::update::approve;
    RejectDeployment "reject" ["X"] Pipeline Asks Pipeline "reject the waiting pipeline run",
        pipeline::update::may_answer => pipeline::update::reject;
    RunFailedAgain "rerun" ["F"] Pipeline Asks Pipeline "rerun failed jobs",
        pipeline::update::may_rerun => pipeline::update::rerun;
    BeginPipeline "start" ["W"] Pipeline Asks Pipeline "start a pipeline run",
        pipeline::update::may_begin => pipeline::update::begin;

    Help "help" ["?"] Program None any "list all keys; type to filter", always => |m, _| overlay::open_help(m);
    Palette "palette" [":", "Ctrl-p"] Program None any "find a command by its name",
        always => |m, _| overlay::open_palette(m);
    Messages "messages" ["!"] Program None any "all messages", always => |m, _| overlay::open_messages(m);
    Mouse "mouse" ["F2"] Program None any "turn the mouse on or off; while on, Shift-drag selects text",
        always => |m, _| navigate::mouse(m);
    Back "back" ["Esc"] Program None any "one level back; never quits, never stops a run",
        always => |m, _| navigate::back(m);
    Redraw "redraw" ["Ctrl-l"] Program None any "redraw the screen", always => |_, _| vec![Effect::Redraw];
    Suspend "suspend" ["Ctrl-z"] Program None any "suspend to the shell; fg returns",
        always => |_, _| vec![Effect::Suspend];
    Interrupt "interrupt" ["Ctrl-c"] Program None any "ask whether to quit",
        always => |m, _| program::interrupt(m);
    LeaveNow "leave-now" ["Ctrl-\\", "Ctrl-4"] Program None any
        "press twice to leave immediately, even from a box; a run continues",
        always => |m, _| program::leave_now(m);
    Terminal "terminal-report" ["F12"] Program None any
        "report the terminal's abilities; test copying and the bell",
        always => |m, _| overlay::open_terminal(m);
    Card "break-glass" ["F9"] Program None any "incident card: the manual rollback commands",
        always => |m, _| overlay::break_glass(m);
    Handover "handover" ["g o"] Program None any "show the handover for the next shift",
        always => |m, _| overlay::open_handover(m);
    Quit "quit" ["q"] Program None any "quit; runs continue", always => program::quit;
}

/// The row of a command. The rows are in the order of the variants.
pub fn row_of(command: Command) -> &'static Row {
    &COMMANDS[command as usize]
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
