//! From a model and a message to the next model and what the driver has to do. Pure: no IO, no
//! clock, no drawing.

pub mod acts;
mod dialog;
mod navigate;

use std::time::Duration;

use super::effect::Effect;
use super::keys::commands::{self, Command};
use super::keys::{Code, Key};
use super::model::Model;
use super::model::dialog::{Dialog, Kind};
use super::model::environments::RunSeen;
use super::msg::{Msg, Stored};
use crate::domain::error::Problem;

/// Ctrl-C counts as a second one for so long.
const TWICE_WITHIN: Duration = Duration::from_secs(2);

/// Takes one message.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Effect> {
    match msg {
        Msg::Resize(width, height) => model.size = (width, height),
        Msg::Tick(now, elapsed) => tick(model, now, elapsed),
        Msg::Key(key) => return pressed(model, key),
        Msg::Paste(text) => dialog::pasted(model, &text),
        Msg::Stored(Err(problem)) => model.blind = Some(problem),
        Msg::Stored(Ok(stored)) => return read(model, stored),
        Msg::Looked(name, seen) => {
            let at = model.elapsed;
            if let Some(here) = model.environments.iter_mut().find(|e| e.name == name) {
                here.seen = Some((seen, at));
            }
        }
        Msg::Logged(run, anew, lines) => {
            if anew {
                model.logs.begin(run);
            }
            if model.logs.run == Some(run) {
                model.logs.push(lines);
            }
        }
        Msg::Observed(run, doubt) => {
            let of = |e: &&mut super::model::environments::Environment| {
                e.in_doubt().is_some_and(|r| r.view.number == run)
            };
            if let Some(here) = model.environments.iter_mut().find(of) {
                here.doubt = Some(doubt);
            }
        }
        Msg::Targets(ticket, targets) => dialog::targets(model, ticket, targets),
        Msg::Proposed(ticket, proposed) => dialog::proposed(model, ticket, proposed),
        Msg::Tell(text) => model.tell(text),
        Msg::Done(ticket, done) => return dialog::done(model, ticket, done),
    }
    Vec::new()
}

fn tick(model: &mut Model, now: crate::domain::time::Timestamp, elapsed: Duration) {
    (model.now, model.elapsed) = (Some(now), elapsed);
    if model.toast.as_ref().is_some_and(|toast| toast.until <= elapsed) {
        model.toast = None;
    }
}

/// What the store says now. A box that stands open over a world that changed says so.
fn read(model: &mut Model, stored: Vec<Stored>) -> Vec<Effect> {
    model.blind = None;
    let mut effects = Vec::new();
    for Stored { environment, run, lock } in stored {
        let Some(here) = model.environments.iter_mut().find(|e| e.name == environment) else {
            continue;
        };
        let doubted = here.in_doubt().map(|r| r.view.number);
        let stood = |run: &Option<RunSeen>| {
            run.as_ref().map(|r| (r.view.number, r.view.decided_at, r.runner.is_some()))
        };
        let moved = stood(&here.run) != stood(&run);
        (here.run, here.lock, here.read) = (run, lock, true);
        let doubtful = here.in_doubt().map(|r| r.view.number);
        if let Some(number) = doubtful.filter(|_| doubted != doubtful || moved) {
            here.doubt = None;
            effects.push(Effect::Observe(number));
        }
        if moved {
            effects.push(Effect::Look(environment));
        }
    }
    dialog::recheck(model);
    effects.extend(follow(model));
    effects
}

/// Follows the log of the selected environment's run.
fn follow(model: &mut Model) -> Option<Effect> {
    let run = model.here()?.run.as_ref()?.view.number;
    if model.logs.run == Some(run) {
        return None;
    }
    model.logs.begin(run);
    Some(Effect::Follow(run))
}

fn pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    let command = commands::of(key);
    match command {
        Some(Command::Redraw) => return vec![Effect::Redraw],
        Some(Command::Suspend) => return vec![Effect::Suspend],
        Some(Command::Interrupt) => return interrupt(model),
        _ => {}
    }
    if model.too_small() {
        // What a question is about cannot be read here.
        return match command {
            Some(Command::Pause) => acts::act(model, Command::Pause, key),
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
    if model.help {
        model.help = !matches!(key.code, Code::Esc | Code::Enter | Code::Char('q' | '?'));
        return Vec::new();
    }
    let Some(command) = command else {
        return Vec::new();
    };
    // A held key repeats movements, and nothing else.
    let moves =
        matches!(command, Command::Up | Command::Down | Command::PageUp | Command::PageDown);
    if key.repeat && !moves {
        return Vec::new();
    }
    match command {
        Command::Help => model.help = true,
        Command::Quit => return quit(model, key),
        Command::Deploy
        | Command::Switch
        | Command::Rollback
        | Command::Abort
        | Command::CleanUp
        | Command::Retry
        | Command::Skip
        | Command::Pause => return acts::act(model, command, key),
        Command::Open => return open(model, key),
        command => {
            navigate::go(model, command);
            return follow(model).into_iter().collect();
        }
    }
    Vec::new()
}

/// Enter: the main act of what has the focus.
fn open(model: &mut Model, key: Key) -> Vec<Effect> {
    use super::model::Pane;
    match model.focus {
        Pane::Environments => {
            (model.focus, model.zoom) = (Pane::Deploy, false);
            Vec::new()
        }
        Pane::Deploy if model.here().is_some_and(|e| e.in_doubt().is_some()) => {
            acts::take_over(model, key)
        }
        Pane::Deploy if acts::available(model, Command::Switch).is_ok() => {
            acts::act(model, Command::Switch, key)
        }
        _ => Vec::new(),
    }
}

fn quit(model: &mut Model, key: Key) -> Vec<Effect> {
    if !model.environments.iter().any(|e| e.driven().is_some()) {
        return vec![Effect::Quit];
    }
    if model.dialog.is_none() {
        let ticket = model.ticket();
        model.dialog = Some(Dialog {
            kind: Kind::Quit,
            ticket,
            opened_with: Some(key),
            opened: model.elapsed,
            last_key: None,
        });
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
    let ticket = model.ticket();
    model.dialog = Some(Dialog {
        kind: Kind::Tell(problem),
        ticket,
        opened_with: key,
        opened: model.elapsed,
        last_key: None,
    });
}
