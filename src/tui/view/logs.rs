//! The pane Logs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::{clock, framed, write};
use crate::tui::model::{Model, Pane};
use crate::tui::theme::{Role, Theme};

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let logs = &model.logs;
    let run = logs.run.map_or(String::new(), |run| format!("run {run} · "));
    let state = match logs.bottom {
        None => "FOLLOW".to_owned(),
        Some(_) => format!("PAUSED · {} new · f follow", logs.unread()),
    };
    let count = format!(" {run}{} lines · {state} ", logs.end());
    let inner = framed(model, theme, Pane::Logs, count, area, buffer);
    if logs.lines.is_empty() {
        let empty = match logs.run {
            None => "No run, no log. D starts a run.",
            Some(_) => "Nothing was logged yet.",
        };
        write(&[Line::styled(empty, theme.style(Role::Muted))], inner, buffer);
        return;
    }
    let lines: Vec<_> = logs
        .shown(usize::from(inner.height))
        .map(|line| {
            Line::from(vec![
                Span::styled(clock(line.at), theme.style(Role::Muted)),
                Span::styled(format!(" {:<9} ", line.source), theme.style(Role::Key)),
                Span::raw(line.text.as_str()),
            ])
        })
        .collect();
    write(&lines, inner, buffer);
}
