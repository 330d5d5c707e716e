//! The Logs pane: the log of one run, its facts among it.

use std::collections::VecDeque;

use crate::domain::ids::RunNumber;
use crate::domain::time::Timestamp;

/// So many lines are kept; `pointsman logs RUN` has them all.
pub const KEPT: usize = 20_000;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was heard.
    pub at: Timestamp,
    /// The service, or `run` for a fact.
    pub source: String,
    /// What was said, harmless and redacted already.
    pub text: String,
}

/// Where the pane stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogsPane {
    /// Whose log.
    pub run: Option<RunNumber>,
    /// Its last lines.
    pub lines: VecDeque<Line>,
    /// So many lines went before the first one kept.
    pub gone: usize,
    /// The number of the line at the bottom of the pane while it does not follow. Counted from the
    /// log's first line, so that new lines never move what is read.
    pub bottom: Option<usize>,
}

impl LogsPane {
    /// Begins the log of another run.
    pub fn begin(&mut self, run: RunNumber) {
        *self = Self { run: Some(run), ..Self::default() };
    }

    /// Takes more lines.
    pub fn push(&mut self, lines: Vec<Line>) {
        self.lines.extend(lines);
        while self.lines.len() > KEPT {
            self.lines.pop_front();
            self.gone += 1;
        }
    }

    /// The number behind the last line.
    pub fn end(&self) -> usize {
        self.gone + self.lines.len()
    }

    /// So many lines came since the pane stopped to follow.
    pub fn unread(&self) -> usize {
        self.bottom.map_or(0, |bottom| self.end().saturating_sub(bottom))
    }

    /// Scrolls by lines; upwards stops following, at the end it follows again.
    pub fn scroll(&mut self, lines: isize) {
        let bottom = self.bottom.unwrap_or(self.end()).saturating_add_signed(lines);
        self.bottom = (bottom < self.end()).then_some(bottom.max(self.gone + 1));
    }

    /// The lines of a pane of some height.
    pub fn shown(&self, height: usize) -> impl Iterator<Item = &Line> {
        let bottom = self.bottom.unwrap_or(self.end()).clamp(self.gone, self.end()) - self.gone;
        let top = bottom.saturating_sub(height);
        let bottom = bottom.max(height.min(self.lines.len()));
        self.lines.range(top..bottom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(from: usize, to: usize) -> Vec<Line> {
        let line = |n: usize| Line {
            at: Timestamp::UNIX_EPOCH,
            source: "toto-app".into(),
            text: n.to_string(),
        };
        (from..to).map(line).collect()
    }

    fn shown(pane: &LogsPane, height: usize) -> Vec<String> {
        pane.shown(height).map(|l| l.text.clone()).collect()
    }

    #[test]
    fn what_is_read_stays_while_lines_come_and_go() {
        let mut pane = LogsPane::default();
        pane.begin(RunNumber(1));
        pane.push(lines(0, 10));
        assert_eq!(shown(&pane, 3), ["7", "8", "9"]);
        pane.scroll(-4);
        assert_eq!(shown(&pane, 3), ["3", "4", "5"]);
        pane.push(lines(10, 500));
        assert_eq!(
            (shown(&pane, 3), pane.unread()),
            (vec!["3".into(), "4".into(), "5".into()], 494)
        );
        pane.scroll(10_000);
        assert_eq!((shown(&pane, 2), pane.bottom), (vec!["498".into(), "499".into()], None));
        pane.scroll(-10_000);
        assert_eq!(shown(&pane, 2), ["0", "1"]);
        pane.push(lines(500, KEPT + 100));
        assert_eq!(shown(&pane, 2), ["100", "101"], "what went is gone, and the rest is there");
    }
}
