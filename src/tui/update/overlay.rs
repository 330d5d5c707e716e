//! Keys while an overlay is open, such as help, the palette or the messages.

use super::text::edit;
use super::{actions, custom_commands, navigate, run};
use crate::tui::effect::{Effect, ThemeUse};
use crate::tui::keys::{Code, Key};
use crate::tui::model::Model;
use crate::tui::model::overlay::{Finder, Found, Overlay, Sheet};
use crate::tui::panes::pipeline;

/// Handles a key while an overlay is open.
pub(in crate::tui) fn pressed(model: &mut Model, key: Key) -> Vec<Effect> {
    match model.overlay.take() {
        Some(Overlay::Help(finder)) => help(model, finder, key),
        Some(Overlay::Palette(finder)) => palette(model, finder, key),
        Some(Overlay::Actions(list)) => actions::pressed(model, list, key),
        Some(Overlay::Messages(finder, typing)) => messages(model, finder, typing, key),
        Some(Overlay::Terminal) => terminal(model, key),
        Some(Overlay::Sheet(which, from)) => sheet(model, which, from, key),
        Some(Overlay::JobLog(log, from)) => pipeline::update::pressed(model, log, from, key),
        None => Vec::new(),
    }
}

pub(in crate::tui) fn open_help(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Help(Finder::default()));
    Vec::new()
}

pub(in crate::tui) fn open_palette(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Palette(Finder::default()));
    Vec::new()
}

pub(in crate::tui) fn open_messages(model: &mut Model) -> Vec<Effect> {
    (model.overlay, model.messages.unread) = (Some(Overlay::Messages(Finder::default(), false)), 0);
    Vec::new()
}

pub(in crate::tui) fn open_handover(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Sheet(Sheet::Handover, 0));
    Vec::new()
}

/// Opens the terminal report, and requests its content.
pub(in crate::tui) fn open_terminal(model: &mut Model) -> Vec<Effect> {
    model.overlay = Some(Overlay::Terminal);
    vec![Effect::Terminal]
}

/// Opens the incident card of the selected environment's run.
pub(in crate::tui) fn break_glass(model: &mut Model) -> Vec<Effect> {
    if model.break_glass().is_some() {
        model.overlay = Some(Overlay::Sheet(Sheet::BreakGlass, 0));
    } else {
        model.tell("no run yet; there is nothing to roll back");
    }
    Vec::new()
}

fn sheet(model: &mut Model, which: Sheet, from: usize, key: Key) -> Vec<Effect> {
    let text = model.sheet(which);
    let lines = text.lines().count();
    let from = match key.code {
        Code::Char('j') | Code::Down => (from + 1).min(lines),
        Code::Char('k') | Code::Up => from.saturating_sub(1),
        Code::Char('y') => {
            model.overlay = Some(Overlay::Sheet(which, from));
            return vec![Effect::Copy(text, lines)];
        }
        _ => return Vec::new(),
    };
    model.overlay = Some(Overlay::Sheet(which, from));
    Vec::new()
}

/// Tests copying and notifications, whose success only the user can see.
fn terminal(model: &mut Model, key: Key) -> Vec<Effect> {
    let test = match key.code {
        Code::Char('c') => Effect::Copy("copied by pointsman".to_owned(), 1),
        Code::Char('n') => Effect::Ring("a test call by pointsman".to_owned()),
        _ => return Vec::new(),
    };
    model.overlay = Some(Overlay::Terminal);
    vec![test]
}

fn help(model: &mut Model, mut finder: Finder, key: Key) -> Vec<Effect> {
    let empty = finder.input.value().is_empty();
    match key.code {
        Code::Esc if !empty => finder.input.reset(),
        Code::Esc => return Vec::new(),
        Code::Char('?' | 'q') if empty => return Vec::new(),
        Code::Enter => {
            let rows = model.help_rows(finder.input.value());
            return match rows.get(finder.selected) {
                Some(command) => run(model, *command, key),
                None => Vec::new(),
            };
        }
        _ => {
            let count = model.help_rows(finder.input.value()).len();
            typed(&mut finder, key, count);
        }
    }
    model.overlay = Some(Overlay::Help(finder));
    Vec::new()
}

fn palette(model: &mut Model, mut finder: Finder, key: Key) -> Vec<Effect> {
    let found = model.palette(finder.input.value());
    match key.code {
        Code::Esc => return show_theme(model, None),
        Code::Enter => {
            let found = found.into_iter().nth(finder.selected);
            let mut effects = match found {
                Some(Found::Theme(_)) => Vec::new(),
                _ => show_theme(model, None),
            };
            effects.extend(found.into_iter().flat_map(|found| go(model, found, key)));
            return effects;
        }
        _ => typed(&mut finder, key, found.len()),
    }
    let found = model.palette(finder.input.value()).into_iter().nth(finder.selected);
    model.overlay = Some(Overlay::Palette(finder));
    show_theme(
        model,
        match found {
            Some(Found::Theme(name)) => Some(name),
            _ => None,
        },
    )
}

/// Shows a theme while it is selected; `None`: the theme of before again.
fn show_theme(model: &mut Model, name: Option<String>) -> Vec<Effect> {
    if model.shown_theme == name {
        return Vec::new();
    }
    model.shown_theme.clone_from(&name);
    vec![Effect::Theme(name.map_or(ThemeUse::Back, ThemeUse::Show))]
}

fn go(model: &mut Model, found: Found, key: Key) -> Vec<Effect> {
    match found {
        Found::Command(command) => {
            model.recent.retain(|recent| *recent != command);
            model.recent.insert(0, command);
            model.recent.truncate(5);
            run(model, command, key)
        }
        Found::Panic => vec![Effect::Panic],
        Found::Theme(name) => {
            model.shown_theme = None;
            vec![Effect::Theme(ThemeUse::Keep(name))]
        }
        Found::Replay(run) => vec![Effect::Replay(run)],
        Found::CustomCommand(command) => {
            custom_commands::ask(model, command);
            Vec::new()
        }
        Found::Environment(at) => select(model, at),
        Found::Act(act, at) => {
            let mut effects = select(model, at);
            effects.extend(run(model, act, key));
            effects
        }
    }
}

fn select(model: &mut Model, at: usize) -> Vec<Effect> {
    navigate::select(model, at);
    super::follow(model).into_iter().collect()
}

/// Handles a key of a search input: text edits it, arrow keys select a match.
pub(super) fn typed(finder: &mut Finder, key: Key, count: usize) {
    let last = count.saturating_sub(1);
    let page = 10;
    finder.selected = match key.code {
        Code::Up => finder.selected.saturating_sub(1),
        Code::Down | Code::Tab => (finder.selected + 1).min(last),
        Code::PageUp => finder.selected.saturating_sub(page),
        Code::PageDown => (finder.selected + page).min(last),
        _ if edit(&mut finder.input, key) => 0,
        _ => finder.selected,
    };
}

fn messages(model: &mut Model, mut finder: Finder, typing: bool, key: Key) -> Vec<Effect> {
    let found = model.found_messages(finder.input.value());
    let last = found.len().saturating_sub(1);
    let at = finder.selected;
    let mut types = typing;
    match key.code {
        Code::Enter if typing => types = false,
        Code::Esc if typing || !finder.input.value().is_empty() => {
            (finder, types) = (Finder::default(), false);
        }
        _ if typing => typed(&mut finder, key, last + 1),
        Code::Esc | Code::Enter | Code::Char('!' | 'q') => return Vec::new(),
        Code::Char('a') => {
            model.messages.toasts.clear();
            return Vec::new();
        }
        Code::Char('y') => {
            let chosen = found.get(at).map(|message| message.text.clone());
            model.overlay = Some(Overlay::Messages(finder, typing));
            return chosen.map(|text| Effect::Copy(text, 1)).into_iter().collect();
        }
        Code::Char('/') => types = true,
        Code::Char('j') | Code::Down => finder.selected = (at + 1).min(last),
        Code::Char('k') | Code::Up => finder.selected = at.saturating_sub(1),
        Code::PageDown => finder.selected = (at + 10).min(last),
        Code::PageUp => finder.selected = at.saturating_sub(10),
        Code::Char('g') | Code::Home => finder.selected = 0,
        Code::Char('G') | Code::End => finder.selected = last,
        _ => {}
    }
    model.overlay = Some(Overlay::Messages(finder, types));
    Vec::new()
}
