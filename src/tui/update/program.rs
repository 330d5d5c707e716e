//! Commands of the program itself: quitting, leaving, copying.

use std::time::Duration;

use crate::domain::error::Problem;
use crate::tui::effect::{Effect, LogUse, Take};
use crate::tui::keys::Key;
use crate::tui::model::Model;
use crate::tui::model::dialog::Kind;
use crate::tui::panes::{Pane, history};

/// Time within which a second press of Ctrl-C or of the immediate exit counts.
const TWICE_WITHIN: Duration = Duration::from_secs(2);

/// Copies or saves (`y`, `Y`, `s`) the pane's content, or the report of the shown run.
pub(in crate::tui) fn take(model: &mut Model, what: Take) -> Vec<Effect> {
    if let Some(effects) = model.focus.behaviour().take(model, what) {
        return effects;
    }
    let history = &model.panes.history;
    let run = match model.focus {
        Pane::History => history.opened().or(history::model::chosen(model)).map(|run| run.number),
        _ => model.here().and_then(|here| here.run.as_ref()).map(|run| run.view.number),
    };
    let what = if what == Take::Save { LogUse::Save } else { LogUse::Copy };
    if run.is_none() {
        model.tell("there is no run to report on");
    }
    run.map(|run| Effect::Report(run, what)).into_iter().collect()
}

pub(in crate::tui) fn quit(model: &mut Model, key: Key) -> Vec<Effect> {
    if !model.environments.iter().any(|e| e.driven().is_some()) {
        return vec![Effect::Quit];
    }
    if model.dialog.is_none() {
        model.open(Kind::Quit, Some(key));
    }
    Vec::new()
}

/// Quits if pressed twice, even with an open dialog: for a screen that seems to hang. Runs continue.
pub(in crate::tui) fn leave_now(model: &mut Model) -> Vec<Effect> {
    if model.leaving.is_some_and(|at| model.elapsed.saturating_sub(at) < TWICE_WITHIN) {
        return vec![Effect::Quit];
    }
    model.leaving = Some(model.elapsed);
    model.tell("press again within 2 s to leave immediately; runs continue");
    Vec::new()
}

/// Handles Ctrl-C, which never affects a run: opens the quit dialog if a run
/// is under way, otherwise quits if pressed twice.
pub(in crate::tui) fn interrupt(model: &mut Model) -> Vec<Effect> {
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

/// Opens a dialog that shows why something is not possible.
pub(in crate::tui) fn tell_problem(model: &mut Model, problem: Problem, key: Option<Key>) {
    model.open(Kind::Tell(problem), key);
}
