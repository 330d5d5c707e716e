//! The Logs pane: a window on the log of one run. The log itself is on disk; the driver reads it,
//! sieves it and finds in it, and hands over the lines around what is read and the last ones.

use tui_input::Input;

use crate::domain::ansi_style::AnsiStyle;
use crate::domain::ids::RunNumber;
use crate::domain::log_level::LogLevel;
use crate::domain::time::Timestamp;

/// A line of the log as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Line {
    /// Time of receipt.
    pub at: Timestamp,
    /// The service, or `run` for a fact.
    pub source: String,
    /// How bad it says it is.
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
    /// Lines under this level are left out.
    pub level: LogLevel,
    /// Only lines of this source.
    pub source: Option<String>,
    /// Only lines of this step.
    pub step: Option<String>,
    /// Only lines that match this.
    pub filter: Option<String>,
    /// Only lines new since the last good run: that run.
    pub news: Option<RunNumber>,
    /// Looked for, and marked.
    pub search: Option<String>,
}

impl Query {
    /// Whether every line is shown.
    pub fn shows_all(&self) -> bool {
        let nothing = Self { search: self.search.clone(), ..Self::default() };
        *self == nothing
    }
}

/// How much there is. Line numbers count from 0 among the lines that the query leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Extent {
    /// Lines in the log.
    pub total: usize,
    /// Lines that the query leaves.
    pub shown: usize,
    /// Warnings in the whole log.
    pub warnings: usize,
    /// Errors in the whole log.
    pub errors: usize,
    /// Matches of the search among what is shown.
    pub matches: usize,
    /// The sources in the log: services, and `run`.
    pub sources: Vec<String>,
    /// Whether all of the log was gone through.
    pub whole: bool,
    /// The error of the search pattern.
    pub wrong: Option<String>,
    /// What is worth a jump in each of [`TICKS`] equal parts of the view; empty before the first scan.
    pub ticks: Vec<Option<Tick>>,
}

/// Number of parts of a log on the scrollbar.
pub const TICKS: usize = 128;

/// The most telling line of a part.
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
}

/// The time format.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TimeMode {
    /// UTC.
    #[default]
    Utc,
    /// In this machine's time zone.
    Local,
    /// Since the run began.
    Since,
    Off,
}

/// The scroll position.
#[derive(Debug, Clone, Default)]
pub struct LogsPane {
    pub run: Option<RunNumber>,
    /// The shown part.
    pub query: Query,
    /// The query number, to drop answers to older queries.
    pub asked: u64,
    /// The size of the log.
    pub extent: Extent,
    /// The last lines that are shown.
    pub tail: Vec<Line>,
    /// The lines from a number on, around what is read.
    pub window: (usize, Vec<Line>),
    /// The number behind the line at the bottom of the pane while it does not follow. Counted from
    /// the log's first line, so that new lines never move what is read.
    pub bottom: Option<usize>,
    /// The line that was jumped to, with how many there are like it up to it.
    pub current: Option<(usize, usize)>,
    /// Number of jumps requested and not answered.
    pub finding: usize,
    /// The line a selection began at, and the one it goes to.
    pub selection: Option<(usize, usize)>,
    /// A search that is being typed.
    pub typing: Option<Input>,
    /// A line to come back to.
    pub mark: Option<usize>,
    /// Columns scrolled away at the left.
    pub column: usize,
    /// Whether long lines are wrapped.
    pub wrap: bool,
    /// The time format.
    pub time: TimeMode,
}

/// Lines on both sides of what is read that are fetched at once.
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

    /// Lines that came after the last one on the pane.
    pub fn unread(&self) -> usize {
        self.bottom.map_or(0, |bottom| self.extent.shown.saturating_sub(bottom))
    }

    /// Moves by lines; to the end and beyond is to follow.
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

    /// The line a copy means: where a jump went to, else the lowest on the pane.
    pub fn here(&self) -> usize {
        let lowest = self.bottom.unwrap_or(self.extent.shown).saturating_sub(1);
        self.current.map_or(lowest, |(at, _)| at)
    }

    /// The line of a number, if it is here already.
    pub fn line(&self, number: usize) -> Option<&Line> {
        let (from, lines) = &self.window;
        let in_window = number.checked_sub(*from).and_then(|at| lines.get(at));
        let tail = self.extent.shown.saturating_sub(self.tail.len());
        in_window.or_else(|| number.checked_sub(tail).and_then(|at| self.tail.get(at)))
    }

    /// From which number on lines are to be fetched, if any that is read is not here.
    pub fn missing(&self) -> Option<usize> {
        let bottom = self.bottom?;
        let top = bottom.saturating_sub(AROUND / 2);
        let last = bottom.saturating_sub(1);
        let here = self.line(top).is_some() && self.line(last).is_some();
        (!here && self.extent.shown > 0).then(|| bottom.saturating_sub(AROUND))
    }

    /// The numbers that a pane of a height shows.
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
        pane.extent.shown = 10;
        assert_eq!((pane.shown(3), pane.unread()), (7..10, 0));
        pane.scroll(-4);
        assert_eq!((pane.shown(3), pane.unread()), (3..6, 4));
        pane.extent.shown = 500;
        assert_eq!((pane.shown(3), pane.unread()), (3..6, 494));
        pane.scroll(10_000);
        assert_eq!((pane.shown(2), pane.bottom), (498..500, None));
        pane.scroll(-10_000);
        assert_eq!(pane.shown(2), 0..2);
        assert_eq!(pane.missing(), Some(0), "what is not here is fetched");
    }
}
