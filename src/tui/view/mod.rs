//! Draws the model: frame by frame, every rectangle clamped to the window.

mod dialog;
mod facts;
mod footer;
mod overlay;
mod small;
pub(in crate::tui) mod welcome;

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Widget as _};

use super::model::Model;
use super::panes::Pane;
use super::theme::{Role, Theme};
use crate::domain::text::is_invisible;

/// Draws a whole frame.
pub fn draw(model: &Model, theme: &Theme, frame: &mut Frame<'_>) {
    render(model, theme, frame.area(), frame.buffer_mut());
}

/// Draws a whole frame into a buffer.
pub fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
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
            "·" | "–" => "-",
            "…" => "~",
            "→" => ">",
            "×" => "x",
            _ => "?",
        };
        cell.set_symbol(spelled);
    }
}

/// The rows of the screen: two of facts, one of tabs on small windows, the panes, two of keys.
fn rows(area: Rect) -> [Rect; 5] {
    let tabs = u16::from(!wide(area));
    area.layout(&Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(tabs),
        Constraint::Min(1),
        Constraint::Length(2),
    ]))
}

/// The pane that is drawn at a position.
pub fn pane_at(model: &Model, x: u16, y: u16) -> Option<Pane> {
    let area = Rect::new(0, 0, model.size.0, model.size.1);
    let [_, _, _, middle, _] = rows(area);
    let place = ratatui::layout::Position { x, y };
    let found = panes(model, middle).into_iter().find(|(_, area)| area.contains(place));
    found.filter(|_| !model.too_small()).map(|(pane, _)| pane)
}

fn whole(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let [top, facts, tab_line, middle, bottom] = rows(area);
    facts::top(model, theme, top, buffer);
    facts::second(model, theme, facts, buffer);
    if tab_line.height > 0 {
        footer::tabs(model, theme, tab_line, buffer);
    }
    for (pane, area) in panes(model, middle) {
        pane.behaviour().draw(model, theme, area, buffer);
    }
    footer::render(model, theme, bottom, buffer);
    overlay::render(model, theme, middle, buffer);
    if model.dialog.is_none() && model.overlay.is_none() {
        overlay::toasts(model, theme, middle, buffer);
    }
    dialog::render(model, theme, middle, buffer);
}

fn wide(area: Rect) -> bool {
    area.width >= 100 && area.height >= 28
}

/// The position of each pane (`docs/internals/screen.md`, Layout).
fn panes(model: &Model, area: Rect) -> Vec<(Pane, Rect)> {
    let whole = Rect { height: area.height + 5, ..area };
    if model.zoom || area.height < 17 {
        return vec![(model.focus, area)];
    }
    if !wide(whole) {
        let [main, strip] =
            area.layout(&Layout::vertical([Constraint::Min(5), Constraint::Length(5)]));
        return match model.focus {
            Pane::Logs => vec![(Pane::Logs, area)],
            pane => vec![(pane, main), (Pane::Logs, strip)],
        };
    }
    let halves = |area: Rect| -> [Rect; 2] {
        area.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Fill(1)]))
    };
    let thirds = |area: Rect| -> [Rect; 2] {
        area.layout(&Layout::vertical([Constraint::Percentage(68), Constraint::Min(6)]))
    };
    if area.width < 150 || whole.height < 40 {
        let columns = [Constraint::Length(36), Constraint::Min(40)];
        let [left, right] = area.layout(&Layout::horizontal(columns));
        let ([upper, lower], [environments, below]) = (thirds(right), halves(left));
        // A focused pane that does not fit takes the place of Health.
        let other = match model.focus {
            Pane::Environments | Pane::Deploy | Pane::Logs => Pane::Health,
            pane => pane,
        };
        return vec![
            (Pane::Environments, environments),
            (Pane::Deploy, upper),
            (Pane::Logs, lower),
            (other, below),
        ];
    }
    let columns = [Constraint::Length(36), Constraint::Min(40), Constraint::Length(46)];
    let [left, middle, right] = area.layout(&Layout::horizontal(columns));
    let ([upper, lower], [health, below_health]) = (thirds(middle), halves(right));
    // History and Pipeline share the room below Health.
    let [history, pipeline] = halves(below_health);
    let [environments, below] = halves(left);
    let [schema, lists] = halves(below);
    let mut places = vec![
        (Pane::Environments, environments),
        (Pane::Migrations, schema),
        (Pane::Checklists, lists),
        (Pane::Deploy, upper),
        (Pane::Logs, lower),
        (Pane::Health, health),
        (Pane::History, history),
        (Pane::Pipeline, pipeline),
    ];
    // A focused pane without a place takes that of Health.
    if !places.iter().any(|(pane, _)| *pane == model.focus)
        && let Some((pane, _)) = places.iter_mut().find(|(pane, _)| *pane == Pane::Health)
    {
        *pane = model.focus;
    }
    places
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

/// Writes lines from the top. Lines that do not fit are cut off.
pub(in crate::tui) fn write(lines: &[Line<'_>], area: Rect, buffer: &mut Buffer) {
    for (line, row) in lines.iter().zip(area.rows()) {
        line.render(row, buffer);
    }
}

/// Draws a selected line in one style. Otherwise the colours of its spans would become backgrounds.
pub(in crate::tui) fn selected(line: Line<'_>, style: ratatui::style::Style) -> Line<'_> {
    let spans = line.spans.into_iter().map(|span| Span::styled(span.content, style));
    spans.collect::<Line<'_>>().style(style)
}

/// Wraps text at `width` columns, between words.
pub(in crate::tui) fn wrapped(text: &str, width: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr as _;
    let mut lines: Vec<String> = Vec::new();
    for paragraph in text.lines() {
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

/// A duration as `5:03`, from one hour on as `1h02m`.
pub(in crate::tui) fn took(ms: u64) -> String {
    let s = ms / 1000;
    if s < 3600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}h{:02}m", s / 3600, s % 3600 / 60)
    }
}
