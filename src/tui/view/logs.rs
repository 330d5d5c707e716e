//! The pane Logs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line as Row, Span};
use ratatui::widgets::Widget as _;
use regex::Regex;
use unicode_width::UnicodeWidthStr as _;

use super::{framed, took, write};
use crate::domain::log_level::LogLevel;
use crate::tui::model::logs::{Line, LogsPane, TimeMode};
use crate::tui::model::pattern::pattern;
use crate::tui::model::{Model, Pane};
use crate::tui::theme::{Role, Theme};

pub(super) fn render(model: &Model, theme: &Theme, area: Rect, buffer: &mut Buffer) {
    let logs = &model.logs;
    let inner = framed(model, theme, Pane::Logs, title(logs), area, buffer);
    pill(logs, theme, area, buffer);
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
        parts.push(format!("≥{}", query.level.word()));
    }
    parts.extend(query.source.clone());
    parts.extend(query.step.as_ref().map(|step| format!("step {step}")));
    parts.extend(query.news.map(|run| format!("new since {run}")));
    if query.filter.is_some() || !query.shows_all() {
        parts.push(format!(
            "hides {}",
            grouped(logs.extent.total.saturating_sub(logs.extent.shown))
        ));
    }
    parts.push(if logs.bottom.is_some() { "PAUSED " } else { "FOLLOW " }.to_owned());
    parts.join(" · ")
}

/// At the bottom of the frame: what came meanwhile, and where the search is.
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
        let new = grouped(logs.unread());
        parts.push(format!("{} {new} new · f follow", theme.pick("▼", "v")));
    }
    if parts.is_empty() {
        return;
    }
    let line = Row::styled(format!(" {} ", parts.join(" · ")), theme.style(Role::Focus));
    let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(row.width.saturating_sub(4));
    let place = Rect { x: row.right().saturating_sub(width + 2), width, ..row };
    line.render(place.intersection(row), buffer);
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
        let logs = &self.model.logs;
        let mut head = self.head(line);
        let indent: usize = head.iter().map(Span::width).sum();
        let room = self.width.saturating_sub(indent).max(8);
        let mut rows = if logs.wrap {
            let mut rows: Vec<Row<'static>> = Vec::new();
            for part in pieces(&line.text, room) {
                let start = std::mem::take(&mut head);
                let start =
                    if rows.is_empty() { start } else { vec![Span::raw(" ".repeat(indent))] };
                rows.push(start.into_iter().chain(self.text(line, &part)).collect());
            }
            rows
        } else {
            let skipped: String = line.text.chars().skip(logs.column).collect();
            let cut = skipped.width() > room;
            let mut text: String = fit(&skipped, room - usize::from(cut));
            if cut {
                text.push_str(self.theme.pick("▸", ">"));
            }
            vec![head.into_iter().chain(self.text(line, &text)).collect()]
        };
        let selected = logs.selection.is_some_and(|(a, b)| (a.min(b)..=a.max(b)).contains(&number));
        if selected || logs.current.is_some_and(|(at, _)| at == number) {
            let style = self.theme.style(Role::Selection);
            rows = rows.into_iter().map(|row| super::selected(row, style)).collect();
        }
        rows
    }

    /// Time, level and source; they stay where they are while the text moves sideways.
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
        match self.model.logs.time {
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

    /// The text with what is searched for marked.
    fn text(&self, line: &Line, text: &str) -> Vec<Span<'static>> {
        let base = self.theme.style(match line.level {
            LogLevel::Error => Role::LogError,
            LogLevel::Warn => Role::LogWarn,
            LogLevel::Trace | LogLevel::Debug => Role::LogDebug,
            LogLevel::Info => Role::LogInfo,
        });
        let Some(search) = &self.search else {
            return vec![Span::styled(text.to_owned(), base)];
        };
        let marked = self.theme.style(Role::LogMatch);
        let (mut spans, mut at) = (Vec::new(), 0);
        for found in search.find_iter(text).filter(|found| !found.is_empty()) {
            spans.push(Span::styled(text[at..found.start()].to_owned(), base));
            spans.push(Span::styled(found.as_str().to_owned(), marked));
            at = found.end();
        }
        spans.push(Span::styled(text[at..].to_owned(), base));
        spans
    }
}

/// As much of a text as fits.
pub(super) fn fit(text: &str, width: usize) -> String {
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

/// A text in pieces of a width, wherever that cuts.
pub(super) fn pieces(text: &str, width: usize) -> Vec<String> {
    let mut rest = text;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let mut piece = fit(rest, width);
        if piece.is_empty() {
            // One character that is wider than the pane.
            piece = rest.chars().take(1).collect();
        }
        rest = &rest[piece.len()..];
        pieces.push(piece);
    }
    if pieces.is_empty() { vec![String::new()] } else { pieces }
}

/// `48,211`.
pub(super) fn grouped(number: usize) -> String {
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
