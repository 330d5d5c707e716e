//! Draws the Logs pane.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Widget as _;
use regex::Regex;
use unicode_width::UnicodeWidthStr as _;

use crate::domain::log_level::LogLevel;
use crate::tui::model::Model;
use crate::tui::model::pattern::pattern;
use crate::tui::panes::Pane;
use crate::tui::panes::logs::model::{Line, LogsPane, TICKS, Tick, TimeMode};
use crate::tui::theme::{Role, Theme};
use crate::tui::view::{framed, took, write};

pub(in crate::tui) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let logs = &model.panes.logs;
    let inner = framed(model, theme, Pane::Logs, title(logs), area, buffer);
    pill(logs, theme, area, buffer);
    scrollbar(logs, theme, inner, buffer);
    let height = usize::from(inner.height);
    let shown = logs.shown(height);
    if shown.is_empty() {
        return write(&[Row::styled(empty(logs), theme.style(Role::Muted))], inner, buffer);
    }
    let look = Look {
        model,
        theme,
        search: logs.query.search.as_deref().and_then(|typed| pattern(typed).ok()),
        width: usize::from(inner.width),
    };
    let mut rows: Vec<Row<'_>> = Vec::new();
    for number in shown {
        match logs.line(number) {
            Some(line) => rows.extend(look.rows(number, line)),
            None => rows.push(Row::styled("…", theme.style(Role::Muted))),
        }
    }
    // Wrapped lines push the oldest ones out, never the newest.
    let from = rows.len().saturating_sub(height);
    write(&rows[from..], inner, buffer);
}

fn title(logs: &LogsPane) -> String {
    let run = logs.run.map_or(String::new(), |run| format!("run {run} · "));
    let mut parts = vec![format!(" {run}{} lines", grouped(logs.extent.total))];
    let query = &logs.query;
    if query.level != LogLevel::default() {
        parts.push(format!("≥{}", query.level.label()));
    }
    parts.extend(query.source.clone());
    parts.extend(query.step.as_ref().map(|step| format!("step {step}")));
    parts.extend(query.news.map(|run| format!("new since {run}")));
    let hidden = logs.extent.total.saturating_sub(logs.extent.shown);
    if !query.is_usual() {
        parts.push(format!("hides {}", grouped(hidden)));
    } else if logs.extent.whole && hidden > 0 {
        parts.push(format!("{} more with L", grouped(hidden)));
    }
    parts.push(if logs.bottom.is_some() { "PAUSED " } else { "FOLLOW " }.to_owned());
    parts.join(" · ")
}

/// The bottom of the frame: the number of new lines, and the search with its matches.
fn pill(logs: &LogsPane, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let Some(row) = area.rows().next_back() else { return };
    let mut parts = Vec::new();
    if let Some(search) = &logs.query.search {
        let found = match logs.current {
            Some((_, nth)) if logs.extent.matches > 0 => {
                format!("match {nth} of {}", grouped(logs.extent.matches))
            }
            _ => format!("{} matches", grouped(logs.extent.matches)),
        };
        let going = if logs.extent.whole { "" } else { ", still looking" };
        parts.push(format!("/{search} {found}{going}"));
    }
    parts.extend(logs.extent.wrong.as_ref().map(|why| format!("the search cannot be read: {why}")));
    if logs.bottom.is_some() {
        let mark = theme.pick("▼", "v");
        parts.push(match logs.below() {
            (below, 0) => format!("{mark} {} below · f follow", grouped(below)),
            (_, new) => format!("{mark} {} new · f follow", grouped(new)),
        });
    }
    if parts.is_empty() {
        return;
    }
    let line = Row::styled(format!(" {} ", parts.join(" · ")), theme.style(Role::Focus));
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(row.width.saturating_sub(4));
    let place = Rect { x: row.right().saturating_sub(width + 2), width, ..row };
    line.render(place.intersection(row), buffer);
}

/// The right side of the frame: the position in the log, and where errors, warnings and matches are.
fn scrollbar(logs: &LogsPane, theme: &Theme, inner: Rect, buffer: &mut Buffer) {
    let (height, total) = (usize::from(inner.height), logs.extent.shown);
    if total <= height {
        return;
    }
    let here = logs.shown(height);
    let thumb = here.start * height / total..(here.end * height).div_ceil(total);
    for (at, row) in inner.rows().enumerate() {
        let parts = at * TICKS / height..((at + 1) * TICKS / height).max(at * TICKS / height + 1);
        let tick = logs.extent.ticks.get(parts).and_then(|parts| parts.iter().max().copied());
        let (glyph, role) = match tick.flatten() {
            Some(Tick::Error) => (theme.pick("✗", "X"), Role::LogError),
            Some(Tick::Match) => (theme.pick("▸", ">"), Role::LogMatch),
            Some(Tick::Warning) => (theme.pick("▲", "!"), Role::LogWarn),
            None if thumb.contains(&at) => (theme.pick("█", "@"), Role::Muted),
            None => continue,
        };
        let style = theme.style(role);
        let style = if thumb.contains(&at) && tick.flatten().is_some() {
            style.add_modifier(Modifier::REVERSED)
        } else {
            style
        };
        buffer.set_string(row.right(), row.y, glyph, style);
    }
}

fn empty(logs: &LogsPane) -> String {
    match logs.run {
        None => "No run, no log. D starts a run.".to_owned(),
        Some(_) if !logs.extent.whole => "Reading the log…".to_owned(),
        Some(_) if logs.extent.total == 0 => "Nothing was logged yet.".to_owned(),
        Some(_) => format!(
            "No line is left of {}. L shows other levels, Esc takes the filter away.",
            grouped(logs.extent.total)
        ),
    }
}

struct Look<'a> {
    model: &'a Model,
    theme: &'a Theme,
    search: Option<Regex>,
    width: usize,
}

impl Look<'_> {
    fn rows(&self, number: usize, line: &Line) -> Vec<Row<'static>> {
        let logs = &self.model.panes.logs;
        let mut head = self.head(line);
        let indent: usize = head.iter().map(Span::width).sum();
        let room = self.width.saturating_sub(indent).max(8);
        let mut rows = if logs.wrap {
            let (mut rows, mut from): (Vec<Row<'static>>, usize) = (Vec::new(), 0);
            for part in pieces(&line.text, room) {
                let start = std::mem::take(&mut head);
                let start =
                    if rows.is_empty() { start } else { vec![Span::raw(" ".repeat(indent))] };
                rows.push(start.into_iter().chain(self.text(line, &part, from)).collect());
                from += part.chars().count();
            }
            rows
        } else {
            let skipped: String = line.text.chars().skip(logs.column).collect();
            let cut = skipped.width() > room;
            let text = self.text(line, &fit(&skipped, room - usize::from(cut)), logs.column);
            let cut = cut
                .then(|| Span::styled(self.theme.pick("▸", ">"), self.theme.style(Role::LogTime)));
            vec![head.into_iter().chain(text).chain(cut).collect()]
        };
        let selected = logs.selection.is_some_and(|(a, b)| (a.min(b)..=a.max(b)).contains(&number));
        if selected || logs.current.is_some_and(|(at, _)| at == number) {
            let style = self.theme.style(Role::Selection);
            rows = rows.into_iter().map(|row| crate::tui::view::selected(row, style)).collect();
        }
        rows
    }

    /// Time, level and source. They stay in place while the text scrolls sideways.
    fn head(&self, line: &Line) -> Vec<Span<'static>> {
        let time = self.time(line);
        if line.hangs {
            let bar = self.theme.pick("│", "|");
            let indent = format!("{}  {:<9} ", " ".repeat(time.len()), bar);
            return vec![Span::styled(indent, self.theme.style(Role::LogTime))];
        }
        let (role, source) = match line.level {
            LogLevel::Error => (Role::LogError, Role::LogSource),
            LogLevel::Warn => (Role::LogWarn, Role::LogSource),
            LogLevel::Trace | LogLevel::Debug => (Role::LogDebug, Role::LogSource),
            LogLevel::Info if line.source == "run" => (Role::LogInfo, Role::LogFact),
            LogLevel::Info => (Role::LogInfo, Role::LogSource),
        };
        vec![
            Span::styled(time, self.theme.style(Role::LogTime)),
            Span::styled(line.level.letter().to_owned(), self.theme.style(role)),
            Span::styled(format!(" {:<9} ", fit(&line.source, 9)), self.theme.style(source)),
        ]
    }

    fn time(&self, line: &Line) -> String {
        match self.model.panes.logs.time {
            TimeMode::Utc => line.at.strftime("%H:%M:%S%.3f ").to_string(),
            TimeMode::Local => {
                let local = line.at.to_zoned(self.model.zone.clone());
                local.strftime("%H:%M:%S%.3f%:z ").to_string()
            }
            TimeMode::Since => {
                let began = self.model.here().and_then(|e| e.run.as_ref()).map(|r| r.view.started);
                let since = began.map(|began| line.at.duration_since(began).as_millis());
                let since = since.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
                format!("+{:>6} ", took(since))
            }
            TimeMode::Off => String::new(),
        }
    }

    /// A piece of the line's text that starts at character `from`, in the
    /// line's colours and with search matches highlighted.
    fn text(&self, line: &Line, piece: &str, from: usize) -> Vec<Span<'static>> {
        let base = self.theme.style(match line.level {
            LogLevel::Error => Role::LogError,
            LogLevel::Warn => Role::LogWarn,
            LogLevel::Trace | LogLevel::Debug => Role::LogDebug,
            LogLevel::Info => Role::LogInfo,
        });
        let found: Vec<_> = self.search.iter().flat_map(|s| s.find_iter(piece)).collect();
        let marked = self.theme.style(Role::LogMatch);
        let mut spans: Vec<Span<'static>> = Vec::new();
        for (nth, (byte, c)) in piece.char_indices().enumerate() {
            let style = if found.iter().any(|found| found.range().contains(&byte)) {
                marked
            } else {
                let at = from + nth;
                let tint = line.tints.iter().find(|tint| (tint.from..tint.to).contains(&at));
                tint.map_or(base, |tint| self.theme.tinted(base, tint.pen))
            };
            match spans.last_mut() {
                Some(last) if last.style == style => last.content.to_mut().push(c),
                _ => spans.push(Span::styled(c.to_string(), style)),
            }
        }
        spans
    }
}

/// The start of a text, cut to `width` columns.
pub(in crate::tui) fn fit(text: &str, width: usize) -> String {
    let (mut used, mut out) = (0, String::new());
    for c in text.chars() {
        used += unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used > width {
            break;
        }
        out.push(c);
    }
    out
}

/// Splits a text into pieces of at most `width` columns, even within words.
pub(in crate::tui) fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let mut piece = fit(rest, width);
        if piece.is_empty() {
            // A single character is wider than the pane.
            piece = rest.chars().take(1).collect();
        }
        rest = &rest[piece.len()..];
        pieces.push(piece);
    }
    if pieces.is_empty() { vec![String::new()] } else { pieces }
}

/// A number with separators: `48,211`.
pub(in crate::tui) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
