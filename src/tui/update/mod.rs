//! From a model and a message to the next model and what the driver has to do. Pure: no IO, no
//! clock, no drawing.

pub mod acts;
mod changes;
mod checklist;
mod custom_commands;
mod dialog;
mod health;
mod history;
mod logs;
mod navigate;
mod open;
mod overlay;
mod picker;
mod pipeline;
mod ring;
mod schema;
mod text;

use std::time::Duration;

use super::effect::{Effect, LogAsk, LogUse};
use super::keys::bindings::Meaning;
use super::keys::commands::Command;
use super::keys::{Code, Key};
use super::model::dialog::{Dialog, Kind};
use super::model::environments::RunSnapshot;
use super::model::messages::Level;
use super::model::overlay::{Finder, Overlay, Sheet};
use super::model::{Model, Pane};
use super::msg::{Msg, Stored};
use crate::domain::error::Problem;
use crate::domain::ids::EnvironmentName;
use crate::domain::snapshot::EnvironmentSnapshot;

/// Window in which a second Ctrl-C counts.
pub(super) const TWICE_WITHIN: Duration = Duration::from_secs(2);

/// Applies one message to the model, and returns the effects that it asks for.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Resize(width, height) => model.resize((width, height)),
        // A box is answered by keys, never by a click that went astray.
        Msg::Click(pane) if model.dialog.is_none() && model.overlay.is_none() => {
            model.focus = pane;
        }
        Msg::Wheel(pane, by) if model.dialog.is_none() && model.overlay.is_none() => {
            navigate::wheel(model, pane, by);
            return logs::window(model);
        }
        Msg::Focus(focused) => model.focused = focused,
        Msg::Tick(now, elapsed) => model.goes_on(now, elapsed),
        Msg::Key(key) => return pressed(model, key),
        Msg::Paste(text) => pasted(model, &text),
        Msg::Stored(Err(problem)) => model.blind = Some(problem),
        Msg::Stored(Ok(stored)) => return read(model, stored),
        Msg::Alerts(waiting, silent) => model.alerts = (waiting, silent),
        Msg::Looked(name, seen) => looked(model, &name, seen),
        Msg::Probed(name, probes, turned) => return health::probed(model, &name, probes, turned),
        Msg::Logged(run, asked, extent, tail) => {
            if (model.logs.run, model.logs.asked) == (Some(run), asked) {
                (model.logs.extent, model.logs.tail) = (extent, tail);
                return logs::window(model);
            }
        }
        Msg::Progress(run, words) => model.progresses(run, words),
        Msg::LogWindow(asked, from, lines) if asked == model.logs.asked => {
            model.logs.window = (from, lines);
        }
        Msg::LogFound(asked, mark, at) if asked == model.logs.asked => {
            return logs::found(model, mark, at);
        }
        Msg::LogWindow(..) | Msg::LogFound(..) | Msg::Click(_) | Msg::Wheel(..) => {}
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
        Msg::Compared(ticket, to, compared) => changes::compared(model, ticket, &to, compared),
        Msg::Targets(ticket, targets) => picker::targets(model, ticket, targets),
        Msg::Proposed(ticket, proposed) => dialog::proposed(model, ticket, proposed),
        Msg::Pipeline(name, answered) => return pipeline::seen(model, &name, answered),
        Msg::JobLog(log) => pipeline::logged(model, log),
        Msg::CustomCommands(runs) => model.custom_command_runs = runs,
        Msg::CustomCommandLog(log, first) => custom_commands::said(model, log, first),
        Msg::Past(past) => history::read(model, past),
        Msg::Tell(text) => model.tell(text),
        Msg::Alarm(text) => model.say(Level::Error, text),
        Msg::Done(ticket, done) => return dialog::done(model, ticket, done),
    }
    Vec::new()
}

/// What was seen of an environment, and when.
fn looked(model: &mut Model, name: &EnvironmentName, seen: EnvironmentSnapshot) {
    let at = model.elapsed;
    if let Some(here) = model.environments.iter_mut().find(|e| &e.name == name) {
        here.seen = Some((seen, at));
    }
}

/// Text that was pasted: into a line of text it goes, anywhere else it does not act.
fn pasted(model: &mut Model, pasted_text: &str) {
    let line = match (&mut model.overlay, &mut model.logs.typing) {
        (Some(Overlay::Help(finder) | Overlay::Palette(finder)), _) => Some(&mut finder.input),
        (None, Some(typing)) if model.dialog.is_none() => Some(typing),
        _ => None,
    };
    match line {
        Some(input) => text::insert(input, pasted_text),
        None => dialog::pasted(model, pasted_text),
    }
}

/// Takes the current store. An open box whose world changed shows that.
fn read(model: &mut Model, stored: Vec<Stored>) -> Vec<Effect> {
    model.blind = None;
    let mut effects = Vec::new();
    for Stored { environment, run, ticks, lock } in stored {
        let Some(here) = model.environments.iter_mut().find(|e| e.name == environment) else {
            continue;
        };
        let doubted = here.in_doubt().map(|r| r.view.number);
        let stood = |run: &Option<RunSnapshot>| {
            run.as_ref().map(|r| (r.view.number, r.view.decided_at, r.runner.is_some()))
        };
        let moved = stood(&here.run) != stood(&run);
        let rings = moved && here.read;
        (here.run, here.ticks, here.lock, here.read) = (run, ticks, lock, true);
        let doubtful = here.in_doubt().map(|r| r.view.number);
        if let Some(number) = doubtful.filter(|_| doubted != doubtful || moved) {
            here.doubt = None;
            effects.push(Effect::Observe(number));
        }
        let changed = here.run.clone().filter(|_| rings);
        effects.extend(changed.and_then(|run| ring::ring(model, &run)));
        if moved {
            effects.push(Effect::Look(environment));
            effects.push(Effect::Past);
        }
    }
    if !std::mem::replace(&mut model.settled, true) {
        navigate::begin_where_somebody_is_needed(model);
    }
    dialog::recheck(model);
    effects.extend(follow(model));
    effects
}

/// Follows the log of the run that the screen is about: the opened one of the history, else the
/// selected environment's.
fn follow(model: &mut Model) -> Option<Effect> {
    let past = model.history.open.filter(|_| model.focus == Pane::History);
    let run = past.or_else(|| Some(model.here()?.run.as_ref()?.view.number));
    if model.logs.run == run {
        return None;
    }
    // An environment without a run has no log, and does not show another one's.
    model.logs.begin(run);
    let run = run?;
    let (asked, query) = (model.logs.asked, model.logs.query.clone());
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
        Some(Command::Interrupt) => return interrupt(model),
        Some(Command::LeaveNow) => return navigate::leave_now(model),
        _ => {}
    }
    if model.too_small() || model.unread() {
        // What a question is about cannot be read here.
        return match alone {
            Some(Command::Pause) if model.dialog.is_none() => acts::act(model, Command::Pause, key),
            Some(Command::Quit) => quit(model, key),
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
    if model.logs.typing.is_some() {
        return logs::typed(model, key);
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

/// Carries a command out, however it was called.
fn run(model: &mut Model, command: Command, key: Key) -> Vec<Effect> {
    // A held key repeats movements, and nothing else.
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
    match command {
        Command::Help => model.overlay = Some(Overlay::Help(Finder::default())),
        Command::Palette => model.overlay = Some(Overlay::Palette(Finder::default())),
        Command::Messages => {
            (model.overlay, model.messages.unread) = (Some(Overlay::Messages(0)), 0);
        }
        Command::Quit => return quit(model, key),
        Command::Interrupt => return interrupt(model),
        Command::LeaveNow => return navigate::leave_now(model),
        Command::Terminal => {
            model.overlay = Some(Overlay::Terminal);
            return vec![Effect::Terminal];
        }
        Command::Redraw => return vec![Effect::Redraw],
        Command::Suspend => return vec![Effect::Suspend],
        Command::Deploy
        | Command::Switch
        | Command::Rollback
        | Command::Abort
        | Command::CleanUp
        | Command::CustomCommands
        | Command::Migrate
        | Command::UndoMigrations
        | Command::Retry
        | Command::Skip
        | Command::ApproveDeployment
        | Command::RejectDeployment
        | Command::RunFailedAgain
        | Command::BeginPipeline
        | Command::Pause => return acts::act(model, command, key),
        Command::Open => return open::open(model, key),
        Command::Copy | Command::CopyAll | Command::Save => return take(model, command),
        Command::Compare => history::compare(model),
        Command::Card => overlay::break_glass(model),
        Command::Handover => model.overlay = Some(Overlay::Sheet(Sheet::Handover, 0)),
        Command::ProbeNow => return health::probe_now(model),
        Command::HideOk => health::hide_ok(model),
        Command::Mute | Command::Unmute => return health::mute(model, command, key),
        Command::Tick
        | Command::TickWithNote
        | Command::SetAside
        | Command::Untick
        | Command::OpenOnly => return checklist::go(model, command, key),
        Command::Mouse => return navigate::mouse(model),
        Command::Search
        | Command::NextMatch
        | Command::PreviousMatch
        | Command::NextError
        | Command::PreviousError
        | Command::Follow
        | Command::Filter
        | Command::News
        | Command::Wrap
        | Command::Level
        | Command::Time
        | Command::Source
        | Command::ThisStep
        | Command::SetMark
        | Command::ToMark
        | Command::Select => return logs::go(model, command),
        command => {
            let mut effects = navigate::go(model, command);
            effects.extend(follow(model));
            effects.extend(logs::window(model));
            return effects;
        }
    }
    Vec::new()
}

/// What `y`, `Y` and `s` take: lines of the log, or the report of the run that is shown.
fn take(model: &mut Model, command: Command) -> Vec<Effect> {
    let run = match model.focus {
        Pane::Logs => return logs::take(model, command),
        Pane::Health if command != Command::Save => return health::copy(model),
        Pane::Checklists if command != Command::Save => return checklist::copy(model),
        Pane::Pipeline if command != Command::Save => return pipeline::copy(model),
        Pane::History => model.history.opened().or(model.history.chosen()).map(|run| run.number),
        _ => model.here().and_then(|here| here.run.as_ref()).map(|run| run.view.number),
    };
    let what = if command == Command::Save { LogUse::Save } else { LogUse::Copy };
    if run.is_none() {
        model.tell("there is no run to report on");
    }
    run.map(|run| Effect::Report(run, what)).into_iter().collect()
}

fn quit(model: &mut Model, key: Key) -> Vec<Effect> {
    if !model.environments.iter().any(|e| e.driven().is_some()) {
        return vec![Effect::Quit];
    }
    if model.dialog.is_none() {
        model.open(Kind::Quit, Some(key));
    }
    Vec::new()
}

/// Ctrl-C never touches a run: it asks to quit, twice where no run is under way.
fn interrupt(model: &mut Model) -> Vec<Effect> {
    if model.environments.iter().any(|e| e.driven().is_some()) {
        model.dialog = None;
        return quit(model, Key::ctrl('c'));
    }
    let again = model.interrupted.is_some_and(|at| model.elapsed.saturating_sub(at) < TWICE_WITHIN);
    if again {
        return vec![Effect::Quit];
    }
    model.interrupted = Some(model.elapsed);
    model.tell("press Ctrl-C again to quit");
    Vec::new()
}

/// Opens a box that tells why something cannot be.
fn tell_problem(model: &mut Model, problem: Problem, key: Option<Key>) {
    model.open(Kind::Tell(problem), key);
}
