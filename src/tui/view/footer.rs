//! The last two lines: the keys that work now, and the status of the program.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::write;
use crate::domain::run::RunState;
use crate::domain::step::StepKind;
use crate::domain::verdict::Undo;
use crate::tui::keys::commands::{Command, Danger, row_of};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Dialog, Field, Kind, Phase};
use crate::tui::model::overlay::Overlay;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

/// The deployment commands, in the order in which they are shown.
const ACTS: [Command; 10] = [
    Command::Switch,
    Command::Extend,
    Command::Deploy,
    Command::Pause,
    Command::Retry,
    Command::Skip,
    Command::Abort,
    Command::Rollback,
    Command::CleanUp,
    Command::AllowRollouts,
];

/// Blanks between two keys.
const GAP: &str = "   ";

/// Draws the panes as tabs, for layouts that show only one of them. A badge says what needs a look.
pub(in crate::tui) fn tabs(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let spans = tab_lines(model, theme, area.width).into_iter().flat_map(|line| line.spans);
    write(&[spans.collect()], area, buffer);
}

/// The tab at a column.
pub(super) fn tab_at(model: &Model, theme: &Theme, x: u16) -> Option<Pane> {
    let tabs = tab_lines(model, theme, model.size.0);
    let mut right = 0;
    let at = tabs.iter().position(|tab| {
        right += tab.width();
        usize::from(x) < right
    });
    Pane::ALL.get(at?).copied()
}

/// Each tab. Names give way from the right, those of panes with a badge last.
fn tab_lines(model: &Model, theme: &Theme, width: u16) -> Vec<Line<'static>> {
    let badges: Vec<_> =
        Pane::ALL.iter().map(|pane| pane.behaviour().badge(model, theme)).collect();
    let focus = model.focus as usize;
    let mut named = vec![true; Pane::ALL.len()];
    let lines = |named: &[bool]| -> Vec<Line<'static>> {
        let tab = |(at, pane): (usize, &Pane)| {
            let role = if at == focus { Role::Selection } else { Role::Muted };
            let name = if named[at] { format!(" {}", pane.short_name()) } else { String::new() };
            let mut line =
                Line::from(Span::styled(format!(" {}{name}", at + 1), theme.style(role)));
            if let Some((text, badge)) = &badges[at] {
                let role = if at == focus { Role::Selection } else { *badge };
                line.push_span(Span::styled(format!(" {text}"), theme.style(role)));
            }
            line.push_span(Span::styled(" ", theme.style(role)));
            line
        };
        Pane::ALL.iter().enumerate().map(tab).collect()
    };
    let order = (0..named.len()).rev().filter(|at| *at != focus);
    let (last, first): (Vec<_>, Vec<_>) = order.partition(|at| badges[*at].is_some());
    for at in first.into_iter().chain(last) {
        if lines(&named).iter().map(Line::width).sum::<usize>() <= usize::from(width) {
            break;
        }
        named[at] = false;
    }
    lines(&named)
}

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    write(&[keys(model, theme, area.width)], area, buffer);
}

fn keys(model: &Model, theme: &Theme, width: u16) -> Line<'static> {
    let hints = match (&model.dialog, &model.overlay) {
        (Some(dialog), _) => in_dialog(dialog),
        (None, Some(Overlay::Sheet(..))) => {
            pairs(&[("j/k", "scroll"), ("y", "copy"), ("Esc", "close")])
        }
        (None, Some(Overlay::JobLog(..))) => pairs(&[
            ("j/k", "scroll"),
            ("e", "next error"),
            ("g/G", "top, end"),
            ("y", "copy"),
            ("Esc", "close"),
        ]),
        (None, Some(Overlay::Messages(_, true))) => {
            pairs(&[("↑ ↓", "choose"), ("Enter", "keep the filter"), ("Esc", "show all again")])
        }
        (None, Some(Overlay::Messages(_, false))) => pairs(&[
            ("j/k", "choose"),
            ("/", "filter"),
            ("y", "copy"),
            ("a", "dismiss all"),
            ("Esc", "close"),
        ]),
        (None, Some(Overlay::Terminal)) => {
            pairs(&[("c", "test copying"), ("n", "test the bell"), ("Esc", "close")])
        }
        (None, Some(Overlay::Help(_) | Overlay::Palette(_) | Overlay::Actions(_))) => {
            pairs(&[("↑ ↓", "choose"), ("Enter", "run"), ("Esc", "close")])
        }
        (None, None) if model.panes.logs.typing.is_some() => {
            pairs(&[("Enter", "search"), ("Esc", "no search")])
        }
        (None, None) if model.filters() => {
            pairs(&[("↑ ↓", "choose"), ("Enter", "keep the filter"), ("Esc", "show all again")])
        }
        (None, None) => of_screen(model, width),
    };
    let mut line = Line::from(" ");
    for (key, word) in hints {
        line.extend(hint(key, &word, theme));
    }
    line
}

/// A key with its word.
pub(super) fn hint(key: String, word: &str, theme: &Theme) -> [Span<'static>; 2] {
    [Span::styled(key, theme.style(Role::Key)), Span::raw(format!(" {word}{GAP}"))]
}

/// Columns of a key with its word.
fn width_of((key, word): &(String, String)) -> usize {
    key.width() + 1 + word.width() + GAP.len()
}

/// The key of the hint at a column. Boxes are answered by keys, never by a click.
pub(super) fn key_at(model: &Model, x: u16) -> Option<String> {
    let types = model.panes.logs.typing.is_some() || model.filters();
    if model.dialog.is_some() || model.overlay.is_some() || types {
        return None;
    }
    hint_at(of_screen(model, model.size.0), usize::from(x).checked_sub(1)?)
}

/// The key of the hint at a column of a line of hints.
pub(super) fn hint_at(hints: Vec<(String, String)>, column: usize) -> Option<String> {
    let mut right = 0;
    let hit = hints.into_iter().find(|hint| {
        right += width_of(hint);
        column < right
    });
    hit.map(|(key, _)| key)
}

/// The deployment commands that are available now, with their keys.
pub(super) fn acts(model: &Model) -> Vec<(String, String)> {
    let on = ACTS.into_iter().filter(|act| available(model, *act).is_ok());
    // The page of a rollback says why there is no target; the line of keys does not recommend it.
    let undo = model.here().map(|here| model.evidence(here).undo());
    let none = matches!(undo, Some(Undo::Impossible(_)));
    let on = on.filter(|act| *act != Command::Rollback || !none);
    // The gate itself names the key; here it takes room only when it is urgent.
    let deadline = model.here().and_then(|here| here.driven()?.view.deadline());
    let urgent = deadline.zip(model.now).is_some_and(|(due, now)| now >= due.remind);
    let on = on.filter(|act| *act != Command::Extend || urgent);
    let choose = model.here().is_some_and(|here| here.in_doubt().is_some());
    let choose = choose.then(|| ("Enter".to_owned(), "decide".to_owned()));
    let named = on.filter_map(|act| {
        let key = model.bindings.keys(act).first().cloned()?;
        let asks = if row_of(act).danger == Danger::Asks { "…" } else { "" };
        Some((key, format!("{}{asks}", act_name(model, act))))
    });
    let view = model.here().and_then(|here| here.driven()).map(|run| &run.view);
    let list = view.is_some_and(|v| matches!(v.gate(), Some(StepKind::GateChecklist { .. })));
    let list = list.then(|| {
        Some((model.bindings.keys(Command::Checklists).first()?.clone(), "checklist".to_owned()))
    });
    choose.into_iter().chain(list.flatten()).chain(named).collect()
}

/// What an act does here and now, in a few words.
fn act_name(model: &Model, act: Command) -> String {
    let here = model.here();
    let view = here.and_then(|here| here.run.as_ref()).map(|run| &run.view);
    match act {
        Command::Switch => match view.and_then(|view| view.plan.name()) {
            Some(name) => format!("switch to {name}"),
            None => "switch".to_owned(),
        },
        Command::Pause => match view.map(|view| &view.state) {
            Some(RunState::Paused { .. }) => "resume".to_owned(),
            Some(RunState::Failed { .. }) => "hold".to_owned(),
            _ => "pause".to_owned(),
        },
        Command::Abort => "abort".to_owned(),
        Command::Rollback => match here.map(|here| model.evidence(here).undo()) {
            Some(Undo::To { release, .. }) => format!("roll back to {release}"),
            _ => "roll back".to_owned(),
        },
        Command::CleanUp => "clean up".to_owned(),
        Command::AllowRollouts => "allow rollouts".to_owned(),
        other => row_of(other).name.to_owned(),
    }
}

/// The available deployment commands, then commands of the pane, as many as fit, then the palette, help and quit. Acts
/// never give way to the keys of a pane.
fn of_screen(model: &Model, width: u16) -> Vec<(String, String)> {
    let key = |command: Command| model.bindings.keys(command).first().cloned();
    let means = |(command, _): &&(Command, &str)| available(model, *command).is_ok();
    let of_pane = model.focus.behaviour().hints().iter().filter(means);
    let of_pane = of_pane.filter_map(|(command, word)| Some((key(*command)?, (*word).to_owned())));
    let mut hints = acts(model);
    let least = hints.len();
    for (key, word) in of_pane {
        if !hints.iter().any(|(known, _)| *known == key) {
            hints.push((key, word));
        }
    }
    let general =
        [(Command::Palette, "commands"), (Command::Help, "help"), (Command::Quit, "quit")];
    let mut rest: Vec<_> =
        general.into_iter().filter_map(|(c, word)| Some((key(c)?, word.to_owned()))).collect();
    let long = |hints: &[_]| hints.iter().map(width_of).sum::<usize>();
    let over =
        |hints: &[_], rest: &[_]| 1 + long(hints) + long(rest) > usize::from(width) + GAP.len();
    while hints.len() > least && over(&hints, &rest) {
        hints.pop();
    }
    // In a narrow window, help and the palette are worth less than an act.
    while rest.len() > 1 && over(&hints, &rest) {
        rest.remove(0);
    }
    hints.extend(rest);
    hints
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
}

fn in_dialog(dialog: &Dialog) -> Vec<(String, String)> {
    let of: &[(&str, &str)] = match &dialog.kind {
        Kind::Pick(picker) if picker.field == Field::Guards => &[
            ("Space", "override this guard"),
            ("j/k", "choose"),
            ("Tab", "next field"),
            ("Enter", "continue"),
            ("Esc", "cancel"),
        ],
        Kind::Pick(_) => {
            &[("j/k", "choose"), ("Tab", "next field"), ("Enter", "continue"), ("Esc", "cancel")]
        }
        Kind::Confirm(asked) if asked.phase == Phase::Works => {
            &[("", "working; the answer is awaited")]
        }
        Kind::Confirm(asked) if matches!(asked.phase, Phase::Blocked(_)) => &[("Esc", "close")],
        Kind::Confirm(asked) if asked.tier == crate::domain::policy::Protection::Typed => {
            &[("Enter", "when the name is typed"), ("Esc", "cancel")]
        }
        Kind::Confirm(_) => &[("y", "yes"), ("n Enter Esc", "no")],
        Kind::Tell(_) => &[("Esc", "close")],
        Kind::Quit => &[("s", "stay"), ("d", "disconnect")],
    };
    pairs(of)
}
