//! The Logs pane: a window on the log of one run. The log itself stays on disk: the driver reads, filters and searches
//! it, and sends the last lines and those around the reading position.

use tui_input::Input;

use crate::domain::ansi_style::AnsiStyle;
use crate::domain::ids::RunNumber;
use crate::domain::log_level::LogLevel;
use crate::domain::time::Timestamp;

/// A log line as shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Time of receipt.
    pub at: Timestamp,
    /// The service, or `run` for a fact.
    pub source: String,
    /// The level that the line states.
    pub level: LogLevel,
    /// Whether it continues the line before, as a stack trace does.
    pub hangs: bool,
    /// The text, sanitised and redacted.
    pub text: String,
    pub tints: Vec<AnsiStyle>,
}

/// Filter and search of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Only lines of at least this level.
    pub level: LogLevel,
    /// Only lines of this source.
    pub source: Option<String>,
    /// Only lines of this step.
    pub step: Option<String>,
    /// Only lines that match this.
    pub filter: Option<String>,
    /// Only lines new since this run, the last good one.
    pub news: Option<RunNumber>,
    /// Text to find and highlight.
    pub search: Option<String>,
}

impl Query {
    /// Whether every line of the log is shown.
    pub fn shows_all(&self) -> bool {
        let everything =
            Self { search: self.search.clone(), level: LogLevel::Trace, ..Self::default() };
        *self == everything
    }

    /// Whether nothing was chosen but a search.
    pub fn is_usual(&self) -> bool {
        *self == Self { search: self.search.clone(), ..Self::default() }
    }
}

/// The size of the log and the results of the query. Line numbers count from 0 among the lines that match the query.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    /// Number of lines in the log.
    pub total: usize,
    /// Number of lines that match the query.
    pub shown: usize,
    /// Number of warnings in the whole log.
    pub warnings: usize,
    /// Number of errors in the whole log.
    pub errors: usize,
    /// Number of shown lines that match the search.
    pub matches: usize,
    /// The sources in the log: services, and `run`.
    pub sources: Vec<String>,
    /// Whether the whole log was filtered and searched.
    pub whole: bool,
    /// The error of the filter or search pattern, if it is invalid.
    pub wrong: Option<String>,
    /// The most important mark in each of [`TICKS`] equal parts of the shown lines; empty before the first scan.
    pub ticks: Vec<Option<Tick>>,
}

/// Number of parts that the scrollbar divides a log into.
pub const TICKS: usize = 128;

/// The most important mark in a part of the log. Later variants are more important.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Tick {
    Warning,
    /// A match of the search.
    Match,
    Error,
}

/// The target of a jump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mark {
    /// A match of the search.
    Match,
    Error,
    /// The beginning of a step.
    Step,
}

/// How the times of lines are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeMode {
    /// UTC.
    #[default]
    Utc,
    /// In this machine's time zone.
    Local,
    /// Time since the run started.
    Since,
    Off,
}

/// The followed log, its query, the reading position and the display settings.
#[derive(Debug, Clone, Default)]
pub struct LogsPane {
    pub run: Option<RunNumber>,
    /// The filter and the search.
    pub query: Query,
    /// Number of the current query, to drop results of older queries.
    pub asked: u64,
    /// The size of the log and the results of the query.
    pub extent: Extent,
    /// The last shown lines.
    pub tail: Vec<Line>,
    /// The lines around the reading position, and the number of the first one.
    pub window: (usize, Vec<Line>),
    /// Number of the line just below the pane's last line; `None` while the pane follows. Counted from the log's first
    /// line, so that new lines never move the reading position.
    pub bottom: Option<usize>,
    /// Number of lines when the pane last followed; later ones are new. `None`: to be taken from the next extent.
    pub followed: Option<usize>,
    /// The target of the last jump, and its ordinal among the marked lines.
    pub current: Option<(usize, usize)>,
    /// Number of jumps whose result is pending.
    pub finding: usize,
    /// The line where the selection started, and the line where it ends now.
    pub selection: Option<(usize, usize)>,
    /// A search that is being typed.
    pub typing: Option<Input>,
    /// The marked line, to jump back to.
    pub mark: Option<usize>,
    /// Number of columns scrolled off the left.
    pub column: usize,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    pub time: TimeMode,
}

/// Number of lines fetched at a time on each side of the reading position.
pub const AROUND: usize = 400;

impl LogsPane {
    /// Switches to another run's log, or to none; view settings stay.
    pub fn begin(&mut self, run: Option<RunNumber>) {
        *self = Self {
            run,
            query: Query { step: None, source: None, news: None, ..self.query.clone() },
            asked: self.asked + 1,
            wrap: self.wrap,
            time: self.time,
            ..Self::default()
        };
    }

    /// Number of lines below the pane's last line, and how many of them came since the pane stopped following.
    pub fn below(&self) -> (usize, usize) {
        let Some(bottom) = self.bottom else { return (0, 0) };
        let shown = self.extent.shown;
        let seen = self.followed.unwrap_or(shown).max(bottom);
        (shown.saturating_sub(bottom), shown.saturating_sub(seen))
    }

    /// Takes the size of the log and its last lines.
    pub fn grows(&mut self, extent: Extent, tail: Vec<Line>) {
        if self.bottom.is_none() || self.followed.is_none() {
            self.followed = Some(extent.shown);
        }
        (self.extent, self.tail) = (extent, tail);
    }

    /// Moves by `by` lines, or extends the selection. At the end the pane follows.
    pub fn scroll(&mut self, by: isize) {
        let end = self.extent.shown;
        if let Some((_, head)) = &mut self.selection {
            *head = head.saturating_add_signed(by).min(end.saturating_sub(1));
            let head = *head;
            let bottom = self.bottom.unwrap_or(end);
            self.bottom = Some(bottom.max(head + 1));
            return;
        }
        let to = self.bottom.unwrap_or(end).saturating_add_signed(by);
        self.bottom = (to < end).then_some(to.max(1));
    }

    /// The line that a copy takes: the target of the last jump, otherwise the lowest line on the pane.
    pub fn here(&self) -> usize {
        let lowest = self.bottom.unwrap_or(self.extent.shown).saturating_sub(1);
        self.current.map_or(lowest, |(at, _)| at)
    }

    /// The line with a number, if it is loaded.
    pub fn line(&self, number: usize) -> Option<&Line> {
        let (from, lines) = &self.window;
        let in_window = number.checked_sub(*from).and_then(|at| lines.get(at));
        let tail = self.extent.shown.saturating_sub(self.tail.len());
        in_window.or_else(|| number.checked_sub(tail).and_then(|at| self.tail.get(at)))
    }

    /// The number of the first line to fetch, if lines at the reading position are not loaded.
    pub fn missing(&self) -> Option<usize> {
        let bottom = self.bottom?;
        let top = bottom.saturating_sub(AROUND / 2);
        let last = bottom.saturating_sub(1);
        let here = self.line(top).is_some() && self.line(last).is_some();
        (!here && self.extent.shown > 0).then(|| bottom.saturating_sub(AROUND))
    }

    /// The line numbers that a pane of the given height shows.
    pub fn shown(&self, height: usize) -> std::ops::Range<usize> {
        let end = self.extent.shown;
        let bottom = self.bottom.unwrap_or(end).max(height.min(end)).min(end);
        bottom.saturating_sub(height)..bottom
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_position_stays_while_lines_arrive() {
        let mut pane = LogsPane::default();
        pane.begin(Some(RunNumber(1)));
        let extent = |shown| Extent { shown, ..Extent::default() };
        pane.grows(extent(10), Vec::new());
        assert_eq!((pane.shown(3), pane.below()), (7..10, (0, 0)));
        pane.scroll(-4);
        assert_eq!((pane.shown(3), pane.below()), (3..6, (4, 0)), "none of them is new");
        pane.grows(extent(500), Vec::new());
        assert_eq!((pane.shown(3), pane.below()), (3..6, (494, 490)));
        pane.scroll(10_000);
        assert_eq!((pane.shown(2), pane.bottom), (498..500, None));
        pane.scroll(-10_000);
        assert_eq!(pane.shown(2), 0..2);
        assert_eq!(pane.missing(), Some(0), "what is not here is fetched");
    }
}
