//! The last two lines: the keys of this moment, and what the program itself has to say.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget as _;

use super::write;
use crate::tui::keys::commands::{Command, row_of};
use crate::tui::model::dialog::{Dialog, Kind, Phase};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::{Role, Theme};
use crate::tui::update::acts::available;

/// In the order they are offered.
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

/// The panes, where only one is shown.
pub(super) fn tabs(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let mut line = Line::from(" ");
    for pane in Pane::ALL {
        let role = if pane == model.focus { Role::Selection } else { Role::Muted };
        line.push_span(Span::styled(format!(" {} ", pane.title()), theme.style(role)));
        line.push_span(Span::raw(" "));
    }
    line.render(area, buffer);
}

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let last = match &model.toast {
        Some(toast) => Line::styled(format!(" {}", toast.text), theme.style(Role::Toast)),
        None => Line::styled(
            format!(" pointsman {} · UTC · {}", env!("CARGO_PKG_VERSION"), model.actor),
            theme.style(Role::Muted),
        ),
    };
    write(&[keys(model, theme), last], area, buffer);
}

fn keys(model: &Model, theme: &Theme) -> Line<'static> {
    let hints = model.dialog.as_ref().map_or_else(|| of_screen(model), in_dialog);
    let mut line = Line::from(" ");
    for (key, word) in hints {
        line.push_span(Span::styled(key, theme.style(Role::Key)));
        line.push_span(Span::raw(format!(" {word}   ")));
    }
    line
}

/// What can be done now, then how to move.
fn of_screen(model: &Model) -> Vec<(String, String)> {
    let on = ACTS.into_iter().filter(|act| available(model, *act).is_ok());
    let acts = on.filter_map(row_of).map(|row| {
        let asks = if row.command == Command::Pause { "" } else { "…" };
        (row.keys[0].to_owned(), format!("{}{asks}", row.name))
    });
    let looks =
        [("Tab", "pane"), ("[ ]", "environment"), ("z", "zoom"), ("?", "help"), ("q", "quit")];
    acts.chain(looks.map(|(key, word)| (key.to_owned(), word.to_owned()))).collect()
}

fn in_dialog(dialog: &Dialog) -> Vec<(String, String)> {
    let pairs: &[(&str, &str)] = match &dialog.kind {
        Kind::Pick(_) => {
            &[("j/k", "choose"), ("Tab", "next field"), ("Enter", "go on"), ("Esc", "cancel")]
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
    pairs.iter().map(|(key, word)| ((*key).to_owned(), (*word).to_owned())).collect()
}
