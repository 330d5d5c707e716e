//! Turns a model and a message into the next model and the effects for the driver. Pure: no IO, no clock, no drawing.

pub(super) mod actions;
pub mod acts;
pub(super) mod changes;
pub(super) mod custom_commands;
pub(super) mod dialog;
pub(super) mod navigate;
pub(super) mod overlay;
pub(super) mod picker;
pub(super) mod program;
pub(super) mod ring;
pub(super) mod text;

use super::effect::{Effect, LogAsk};
use super::keys::bindings::{Bindings, Meaning};
use super::keys::commands::{Command, Group, row_of};
use super::keys::{Code, Key};
use super::list;
use super::model::Model;
use super::model::dialog::{Dialog, Kind};
use super::model::environments::RunSnapshot;
use super::model::messages::Level;
use super::model::overlay::Overlay;
use super::msg::{Msg, Stored};
use super::panes::{Pane, health, history, logs, pipeline};
use crate::domain::ids::EnvironmentName;
use crate::domain::probe::placed;
use crate::domain::snapshot::EnvironmentSnapshot;

/// Applies one message to the model, and returns the effects to run.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Resize(width, height) => model.resize((width, height)),
        // Dialogs are answered by keys, never by a stray click.
        Msg::Click(pane, row) if model.dialog.is_none() && model.overlay.is_none() => {
            model.focus = pane;
            if let Some(key) = row {
                list::update::leave_place(model, pane);
                pane.behaviour().select(model, &key);
                return follow(model).into_iter().collect();
            }
        }
        Msg::ClickHeader(pane) if model.dialog.is_none() && model.overlay.is_none() => {
            model.focus = pane;
            return list::update::sort(model);
        }
        Msg::ClickKey(name) if model.dialog.is_none() && model.overlay.is_none() => {
            return match model.bindings.meaning(&name, model.focus) {
                // No key of the keyboard opened what the command opens, so none is ignored in it.
                Meaning::Command(command) => run(model, command, Key::plain(Code::Function(0))),
                Meaning::Prefix | Meaning::Nothing => Vec::new(),
            };
        }
        Msg::Hold(border) => model.held_border = border,
        Msg::Drag(x) => navigate::drag(model, x),
        Msg::Wheel(pane, by) if model.dialog.is_none() && model.overlay.is_none() => {
            pane.behaviour().wheel(model, by);
            return logs::update::window(model);
        }
        Msg::Focus(focused) => model.focused = focused,
        Msg::Tick(now, elapsed) => model.goes_on(now, elapsed),
        Msg::Key(key) => return pressed(model, key),
        Msg::Actor(actor) => model.actor = actor,
        Msg::Paste(text) => pasted(model, &text),
        Msg::Stored(Err(problem)) => model.blind = Some(problem),
        Msg::Stored(Ok(stored)) => return read(model, stored),
        Msg::Alerts(queue) => model.panes.alerts.queue = Some(queue),
        Msg::Looked(name, seen) => looked(model, &name, seen),
        Msg::Probed(name, probes, turned) => {
            return health::update::probed(model, &name, probes, turned);
        }
        Msg::Logged(run, asked, extent, tail) => {
            if (model.panes.logs.run, model.panes.logs.asked) == (Some(run), asked) {
                model.panes.logs.grows(extent, tail);
                return logs::update::window(model);
            }
        }
        Msg::Progress(run, words) => model.progresses(run, words),
        Msg::LogWindow(asked, from, lines) if asked == model.panes.logs.asked => {
            model.panes.logs.window = (from, lines);
        }
        Msg::LogFound(asked, mark, at) if asked == model.panes.logs.asked => {
            return logs::update::found(model, mark, at);
        }
        Msg::LogWindow(..)
        | Msg::LogFound(..)
        | Msg::Click(..)
        | Msg::ClickHeader(_)
        | Msg::ClickKey(_)
        | Msg::Wheel(..) => {}
        Msg::ToClipboard(text, told) => {
            model.tell(told);
            return vec![Effect::ToClipboard(text)];
        }
        Msg::Clip(text, lines) => return vec![Effect::Copy(text, lines)],
        Msg::Observed(run, doubt) => {
            let of = |e: &&mut super::model::environments::Environment| {
                e.in_doubt().is_some_and(|r| r.view.number == run)
            };
            if let Some(here) = model.environments.iter_mut().find(of) {
                here.doubt = Some(doubt);
            }
        }
        Msg::Offered(ticket, releases) => acts::offer(model, ticket, releases),
        Msg::Compared(ticket, to, compared) => changes::compared(model, ticket, &to, compared),
        Msg::Pushed(ticket, lines) => dialog::told(model, ticket, lines),
        Msg::Targets(ticket, targets) => picker::targets(model, ticket, targets),
        Msg::Proposed(ticket, proposed) => dialog::proposed(model, ticket, proposed),
        Msg::Pipeline(name, answered) => return pipeline::update::seen(model, &name, answered),
        Msg::Figures(name, read) => health::figures::read(model, &name, read),
        Msg::JobLog(log) => pipeline::update::logged(model, log),
        Msg::CustomCommands(runs) => model.custom_command_runs = runs,
        Msg::CustomCommandLog(log, first) => custom_commands::said(model, log, first),
        Msg::Past(past) => history::update::read(model, past),
        Msg::Damaged(damaged) => model.panes.history.latest_damaged = damaged,
        Msg::Configured(ui) => {
            (model.mouse, model.motion) = (ui.mouse, ui.motion);
            if let Some(Ok(bindings)) = ui.keys.as_ref().map(Bindings::with) {
                model.bindings = bindings;
            }
        }
        Msg::Terminal(report) => model.terminal = report,
        Msg::ConfigProblem(problem) => model.config_problem = problem,
        Msg::Tell(text) => model.tell(text),
        Msg::Alarm(text) => model.say(Level::Error, text),
        Msg::Done(ticket, done) => return dialog::done(model, ticket, done),
    }
    Vec::new()
}

/// Stores the snapshot of an environment with its time.
fn looked(model: &mut Model, name: &EnvironmentName, seen: EnvironmentSnapshot) {
    let at = model.elapsed;
    if let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) {
        here.seen = Some((seen, at));
    }
}

/// Inserts a paste into the active input. Anywhere else, a paste has no effect.
fn pasted(model: &mut Model, pasted_text: &str) {
    let line = match (&mut model.overlay, &mut model.panes.logs.typing) {
        (
            Some(
                Overlay::Help(finder) | Overlay::Palette(finder) | Overlay::Messages(finder, true),
            ),
            _,
        ) => Some(&mut finder.input),
        (Some(Overlay::Actions(actions)), _) => Some(&mut actions.finder.input),
        (None, Some(typing)) if model.dialog.is_none() => Some(typing),
        (None, None) if model.dialog.is_none() => model.lists.typed_in(model.focus),
        _ => None,
    };
    match line {
        Some(input) => text::insert(input, pasted_text),
        None => dialog::pasted(model, pasted_text),
    }
}

/// Takes the current content of the store. An open dialog shows if its environment changed.
fn read(model: &mut Model, stored: Vec<Stored>) -> Vec<Effect> {
    model.blind = None;
    let mut effects = Vec::new();
    for Stored { environment, run, ticks, lock } in stored {
        let Some(here) = model.environments.iter_mut().find(|e| e.name == environment) else {
            continue;
        };
        let doubted = here.in_doubt().map(|r| r.view.number);
        let stood = |run: &Option<RunSnapshot>| {
            let traffic = |r: &RunSnapshot| {
                r.view.services.values().map(|s| s.traffic.clone()).collect::<Vec<_>>()
            };
            // Traffic that the run has read on another build gives the builds, and so their probes, other roles.
            let due = |r: &RunSnapshot| r.view.open_gate.is_some_and(|open| open.reminded);
            run.as_ref()
                .map(|r| (r.view.number, r.view.decided_at, r.runner.is_some(), traffic(r), due(r)))
        };
        let moved = stood(&here.run) != stood(&run);
        let rings = moved && here.read;
        (here.run, here.ticks, here.lock, here.read) = (run, ticks, lock, true);
        let doubtful = here.in_doubt().map(|r| r.view.number);
        if let Some(number) = doubtful.filter(|_| doubted != doubtful || moved) {
            here.doubt = None;
            effects.push(Effect::Observe(number));
        }
        if let Some(run) = here.driven().map(|run| run.view.clone()) {
            here.probes = placed(std::mem::take(&mut here.probes), &run);
        }
        let changed = here.run.clone().filter(|_| rings);
        effects.extend(changed.and_then(|run| ring::ring(model, &run)));
        if moved {
            effects.push(Effect::Look(environment));
            effects.push(Effect::Past);
        }
    }
    // Where no run ever was, none changes: read the empty list once.
    if !model.panes.history.read && !effects.contains(&Effect::Past) {
        effects.push(Effect::Past);
    }
    if !std::mem::replace(&mut model.settled, true) {
        navigate::begin_where_somebody_is_needed(model);
    }
    dialog::recheck(model);
    effects.extend(follow(model));
    effects
}

/// Follows the log of the shown run: the run opened in the History pane, otherwise the selected environment's.
fn follow(model: &mut Model) -> Option<Effect> {
    let past = model.panes.history.open.filter(|_| model.focus == Pane::History);
    let run = past.or_else(|| Some(model.here()?.run.as_ref()?.view.number));
    if model.panes.logs.run == run {
        return None;
    }
    // An environment without a run has no log: do not keep the previous one.
    model.panes.logs.begin(run);
    let run = run?;
    let (asked, query) = (model.panes.logs.asked, model.panes.logs.query.clone());
    Some(Effect::Log(LogAsk::Follow { run, asked, query }))
}

fn pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    let alone = match model.bindings.meaning(&key.name(), model.focus) {
        Meaning::Command(command) => Some(command),
        _ => None,
    };
    match alone {
        Some(Command::Redraw) => return vec![Effect::Redraw],
        Some(Command::Suspend) => return vec![Effect::Suspend],
        Some(Command::Interrupt) => return program::interrupt(model),
        Some(Command::LeaveNow) => return program::leave_now(model),
        _ => {}
    }
    if model.too_small() || model.unread() {
        // A window this small cannot show a dialog, so only pausing and quitting work.
        return match alone {
            Some(Command::Pause) if model.dialog.is_none() => run(model, Command::Pause, key),
            Some(Command::Quit) => program::quit(model, key),
            _ if matches!(model.dialog, Some(Dialog { kind: Kind::Quit, .. })) => {
                dialog::pressed(model, key)
            }
            _ => Vec::new(),
        };
    }
    if model.dialog.is_some() {
        return dialog::pressed(model, key);
    }
    if model.overlay.is_some() {
        return overlay::pressed(model, key);
    }
    if model.panes.logs.typing.is_some() {
        return logs::update::typed(model, key);
    }
    if model.filters() {
        let mut effects = list::update::typed(model, key);
        effects.extend(follow(model));
        return effects;
    }
    let sequence = match model.pending.take() {
        Some(_) if key.code == Code::Esc => return Vec::new(),
        Some((prefix, _)) => format!("{prefix} {}", key.name()),
        None => key.name(),
    };
    match model.bindings.meaning(&sequence, model.focus) {
        Meaning::Command(command) => run(model, command, key),
        Meaning::Prefix => {
            model.pending = Some((sequence, model.elapsed));
            Vec::new()
        }
        Meaning::Nothing => {
            if sequence.contains(' ') {
                model.tell(format!("{sequence} means nothing here"));
            }
            Vec::new()
        }
    }
}

/// Runs a command, whether from a key, the palette or help.
pub(super) fn run(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    // A held key repeats only movements.
    let moves = matches!(
        command,
        Command::Up
            | Command::Down
            | Command::Left
            | Command::Right
            | Command::PageUp
            | Command::PageDown
    );
    if key.repeat && !moves {
        return Vec::new();
    }
    if command == Command::Rollback {
        acts::select_environment_of_chosen_run(model);
    }
    let row = row_of(command);
    if let Err(why) = acts::available(model, command) {
        model.tell(format!("{} is off: {why}", row.name));
        return Vec::new();
    }
    let mut effects = (row.run)(model, key);
    if row.group == Group::Moves || command == Command::Back {
        effects.extend(follow(model));
        effects.extend(logs::update::window(model));
    }
    effects
}
