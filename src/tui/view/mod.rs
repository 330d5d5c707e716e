//! Draws the model: frame by frame, every rectangle clamped to the window.

mod actions;
mod dialog;
pub(in crate::tui) mod field;
mod footer;
mod lane;
mod layout;
mod overlay;
mod rollback;
mod small;
mod strip;
mod target;
mod top;
pub(in crate::tui) mod traffic;
pub(in crate::tui) mod welcome;

pub use self::target::{Target, pane_at, target_at};
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::list::listing::footing;
use super::model::Model;
use super::panes::Pane;
use super::theme::{Role, Theme};
use crate::domain::text::is_invisible;

/// Draws a whole frame.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    let cursor = drawn(model, theme, frame.area(), frame.buffer_mut());
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

/// Draws a whole frame into a buffer.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    drawn(model, theme, area, buffer);
}

/// Draws a whole frame; returns the position of the cursor in a text input.
fn drawn(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    buffer.set_style(area, theme.style(Role::Text).patch(theme.style(Role::Surface)));
    if model.too_small() {
        small::render(model, theme, area, buffer);
    } else {
        whole(model, theme, area, buffer);
    }
    without_invisible(buffer);
    if theme.ascii {
        spell_in_ascii(buffer);
    }
    field::take_cursor(buffer)
}

/// A whole frame as text, without colours and trailing spaces.
pub fn text_of(model: &Model, theme: &Theme) -> String {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let mut buffer = Buffer::empty(area);
    render(model, theme, area, &mut buffer);
    let row = |row: Rect| {
        let cells = row.positions().map(|at| buffer[at].symbol()).collect::<String>();
        cells.trim_end().to_owned()
    };
    area.rows().map(row).collect::<Vec<_>>().join("\n")
}

/// Removes bidirectional marks that a pane left in its text.
fn without_invisible(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if !cell.symbol().is_ascii() && cell.symbol().chars().any(is_invisible) {
            let left: String = cell.symbol().chars().filter(|c| !is_invisible(*c)).collect();
            cell.set_symbol(if left.is_empty() { " " } else { &left });
        }
    }
}

/// Replaces characters that this terminal may not be able to show.
fn spell_in_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        let spelled = match cell.symbol() {
            "·" | "–" | "─" | "└" => "-",
            "…" => "~",
            "→" | "▸" => ">",
            "•" => "*",
            "│" => "|",
            "×" => "x",
            _ => "?",
        };
        cell.set_symbol(spelled);
    }
}

/// Where the panes are.
pub(in crate::tui) fn places(model: &Model) -> Vec<(Pane, Rect)> {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    layout::panes(model, layout::rows(area)[3])
}

fn whole(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let [first, verdict, tab_line, middle, messages, keys] = layout::rows(area);
    top::render(model, theme, first, buffer);
    strip::render(model, theme, verdict, buffer);
    if tab_line.height > 0 {
        footer::tabs(model, theme, tab_line, buffer);
    }
    for (pane, area) in layout::panes(model, middle) {
        layout::draw(model, theme, pane, area, buffer);
    }
    lane::render(model, theme, messages, buffer);
    footer::render(model, theme, keys, buffer);
    overlay::render(model, theme, middle, buffer);
    dialog::render(model, theme, middle, buffer);
}

/// Draws the frame of a pane; returns the area inside. A heavy border and a mark show the focus without colour.
pub(in crate::tui) fn framed(
    model: &Model,
    theme: &Theme,
    pane: Pane,
    right: String,
    area: Rect,
    buffer: &mut Buffer,
) -> Rect {
    let focused = model.focus == pane;
    let set = match (theme.ascii, focused) {
        (true, true) => ASCII_HEAVY,
        (true, false) => ASCII_PLAIN,
        (false, true) => border::THICK,
        (false, false) => border::PLAIN,
    };
    let style = theme.style(if focused { Role::BorderFocus } else { Role::Border });
    let titled = theme.style(if focused { Role::Focus } else { Role::Title });
    let mark = if focused { theme.pick("▶ ", "> ") } else { "" };
    let block = Block::new()
        .borders(Borders::ALL)
        .border_set(set)
        .border_style(style)
        .title_top(Line::styled(format!(" {mark}{} ", pane.title()), titled))
        .title_top(Line::styled(right, titled).right_aligned());
    let block = match footing(model, theme, pane) {
        Some(line) => block.title_bottom(line),
        None => block,
    };
    let inner = block.inner(area);
    block.render(area, buffer);
    inner
}

const ASCII_PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const ASCII_HEAVY: border::Set<'static> = border::Set {
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "=",
    horizontal_bottom: "=",
};

/// The first line of a list to show, so that the line at `at` is visible, with
/// as many of the `below` lines after it as fit.
pub(in crate::tui) fn first_shown(at: usize, below: usize, lines: usize, room: usize) -> usize {
    (at + below).saturating_sub(room).min(at).min(lines.saturating_sub(room))
}

/// Writes lines from the top, as many as fit. A line that is too long ends with `▸`.
pub(in crate::tui) fn write(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    for (line, row) in lines.iter().zip(area.rows()) {
        line.render(row, buffer);
        let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
        let cut = text.trim_end().width() > usize::from(row.width);
        if cut && let Some(last) = buffer.cell_mut((row.right().saturating_sub(1), row.y)) {
            last.set_symbol("▸");
        }
    }
}

/// Draws a selected line in one style. Otherwise the colours of its spans would become backgrounds.
pub(in crate::tui) fn selected(line: Line<'_>, style: ratatui::style::Style) -> Line<'_> {
    let spans = line.spans.into_iter().map(|span| Span::styled(span.content, style));
    spans.collect::<Line<'_>>().style(style)
}

/// A text that fits in `width` columns; one that was cut ends with `▸`.
pub(in crate::tui) fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let (mut used, mut kept) = (0, String::new());
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used >= width {
            break;
        }
        kept.push(c);
    }
    kept + "▸"
}

/// Wraps text at `width` columns, between words. A line that fits keeps its columns as they are.
pub(in crate::tui) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
        if paragraph.width() <= width {
            lines.push(paragraph.to_owned());
            continue;
        }
        let indent: String = paragraph.chars().take_while(|c| *c == ' ').collect();
        let mut line = indent.clone();
        for word in paragraph.split_whitespace() {
            if line.trim().is_empty() {
                line.push_str(word);
            } else if line.width() + 1 + word.width() <= width {
                line.push(' ');
                line.push_str(word);
            } else {
                lines.push(std::mem::replace(&mut line, format!("{indent}{word}")));
            }
        }
        lines.push(line);
    }
    lines
}

/// Wraps text into at most `most` lines; if more is left, the last one ends with `▸`.
pub(in crate::tui) fn wrapped_in(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines = wrapped(text, width);
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} ▸"), width);
        }
    }
    lines
}

/// Wraps text and draws it in one role.
pub(in crate::tui) fn styled(
    theme: &Theme,
    role: Role,
    text: &str,
    width: usize,
) -> Vec<Line<'static>> {
    let style = theme.style(role);
    wrapped(text, width).into_iter().map(|line| Line::styled(line, style)).collect()
}

/// A time as `17:47:51Z`.
pub(in crate::tui) fn clock(at: crate::domain::time::Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// A time of today as `17:47:51Z`, of another day as `21 Nov 17:47Z`.
pub(in crate::tui) fn moment(
    at: crate::domain::time::Timestamp,
    now: Option<crate::domain::time::Timestamp>,
) -> String {
    let day = |at: crate::domain::time::Timestamp| at.strftime("%Y-%m-%d").to_string();
    match now {
        Some(now) if day(now) != day(at) => at.strftime("%d %b %H:%MZ").to_string(),
        _ => clock(at),
    }
}

/// A duration as `5:03`, from one hour on as `1h02m`.
pub(in crate::tui) fn took(ms: u64) -> String {
    let s = ms / 1000;
    if s < 3600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}h{:02}m", s / 3600, s % 3600 / 60)
    }
}
