//! The last two lines: the keys that work now, and the status of the program.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::write;
use crate::domain::describe;
use crate::tui::keys::commands::{Command, Danger, row_of};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Dialog, Field, Kind, Phase};
use crate::tui::model::overlay::Overlay;
use crate::tui::panes::Pane;
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

/// The deployment commands, in the order in which they are shown.
const ACTS: [Command; 8] = [
    Command::Switch,
    Command::Deploy,
    Command::Pause,
    Command::Retry,
    Command::Skip,
    Command::Abort,
    Command::Rollback,
    Command::CleanUp,
];

/// Draws the panes as tabs, for layouts that show only one of them.
pub(in crate::tui) fn tabs(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let tabs = |short: bool| {
        let mut line = Line::from(" ");
        for &pane in Pane::ALL {
            let here = pane == model.focus;
            let role = if here { Role::Selection } else { Role::Muted };
            let title = pane.title();
            let title = if short && !here { &title[..1] } else { title.as_str() };
            line.push_span(Span::styled(format!(" {title} "), theme.style(role)));
            line.push_span(Span::raw(" "));
        }
        line
    };
    let whole = tabs(false);
    let fits = whole.width() <= usize::from(area.width);
    if fits { whole } else { tabs(true) }.render(area, buffer);
}

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    write(&[keys(model, theme, area.width), status(model, theme)], area, buffer);
}

/// The search input, or the status of the program.
fn status(model: &Model, theme: &Theme) -> Line<'static> {
    if let Some(typing) = &model.panes.logs.typing {
        let found = match (&model.panes.logs.query.search, &model.panes.logs.extent.wrong) {
            (None, _) => "type what to look for; re: begins a pattern".to_owned(),
            (_, Some(why)) => why.clone(),
            _ => format!("{} matches", model.panes.logs.extent.matches),
        };
        return Line::from(vec![
            Span::styled(" /", theme.style(Role::Key)),
            Span::raw(format!("{}{}", typing.value(), theme.pick("▏", "_"))),
            Span::styled(format!("  {found}"), theme.style(Role::Muted)),
        ]);
    }
    if let Some(moment) = &model.replay {
        return Line::styled(format!(" {moment}"), theme.style(Role::Focus));
    }
    let unread = match model.messages.unread {
        0 => String::new(),
        unread => format!(" · ! {unread} unread"),
    };
    let alerts = match &model.panes.alerts.queue {
        Some(queue) if queue.silence.is_some() => " · alerts silenced".to_owned(),
        Some(queue) if queue.pending > 0 => {
            format!(" · {} pending", describe::counted(queue.pending, "alert"))
        }
        _ => String::new(),
    };
    let only = if model.read_only { " · READ-ONLY" } else { "" };
    Line::styled(
        format!(
            " pointsman {} · UTC · {} · theme {}{only}{unread}{alerts}",
            env!("CARGO_PKG_VERSION"),
            model.actor,
            theme.name
        ),
        theme.style(Role::Muted),
    )
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
        (None, Some(_)) => pairs(&[("↑ ↓", "choose"), ("Enter", "run"), ("Esc", "close")]),
        (None, None) if model.panes.logs.typing.is_some() => {
            pairs(&[("Enter", "search"), ("Esc", "no search")])
        }
        (None, None) => of_screen(model, width),
    };
    let mut line = Line::from(" ");
    for (key, word) in hints {
        line.push_span(Span::styled(key, theme.style(Role::Key)));
        line.push_span(Span::raw(format!(" {word}   ")));
    }
    line
}

/// The available deployment commands and the commands of the pane, as many as fit, then
/// the palette, help and quit, which always stay.
fn of_screen(model: &Model, width: u16) -> Vec<(String, String)> {
    let on = ACTS.into_iter().filter(|act| available(model, *act).is_ok()).map(row_of);
    let acts = on.map(|row| {
        let asks = if row.danger == Danger::Asks { "…" } else { "" };
        (row.command, format!("{}{asks}", row.name))
    });
    let pane = model.focus.behaviour();
    let means = |(command, _): &&(Command, &str)| available(model, *command).is_ok();
    let of_pane = pane.hints().iter().filter(means);
    let of_pane = of_pane.map(|(command, word)| (*command, (*word).to_owned()));
    let pane: Vec<_> = if pane.acts_first() {
        acts.chain(of_pane).collect()
    } else {
        of_pane.chain(acts).collect()
    };
    let last = [(Command::Palette, "commands"), (Command::Help, "help"), (Command::Quit, "quit")];
    let key = |command: Command| model.bindings.keys(command).first().cloned();
    let named = |(command, word): (Command, String)| key(command).map(|key| (key, word));
    let mut hints: Vec<_> = pane.into_iter().filter_map(named).collect();
    let rest: Vec<_> = last
        .map(|(command, word)| (command, word.to_owned()))
        .into_iter()
        .filter_map(named)
        .collect();
    let long = |hints: &[(String, String)]| -> usize {
        hints.iter().map(|(key, word)| key.chars().count() + word.chars().count() + 4).sum()
    };
    while !hints.is_empty() && 1 + long(&hints) + long(&rest) > usize::from(width) + 3 {
        hints.pop();
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
