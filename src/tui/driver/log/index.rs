//! The index of a run's log: 8 bytes per line in memory, while the lines
//! themselves stay on disk. A million lines take 8 MB.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};

use regex::Regex;

use super::entry::{Entry, Indexed, line_at, number_of, number_of_read};
use super::facts::FactLine;
use super::kept::Kept;
use super::shape::shape;
use crate::domain::ids::{ServiceName, StepId};
use crate::domain::log_level::LogLevel;
use crate::domain::time::Timestamp;
use crate::ports::log::LogLine;
use crate::tui::model::pattern::pattern;
use crate::tui::panes::logs::model::{Extent, Line, Mark, Query, TICKS, Tick};

/// An index of a run's log lines and facts, with the results of the current query.
#[derive(Default)]
pub(in crate::tui::driver) struct LogIndex {
    file: Option<File>,
    /// Byte offset of the end of the last complete line read.
    byte: u64,
    entries: Vec<Entry>,
    facts: Vec<Line>,
    /// The facts that begin a step, by their index.
    begins: BTreeSet<u64>,
    waiting: VecDeque<FactLine>,
    sources: Vec<String>,
    steps: Vec<String>,
    warnings: usize,
    errors: usize,
    query: Query,
    filter: Option<Regex>,
    /// The shapes of the last good run's lines, to find new lines; `None` if they are not compared.
    known: Option<HashSet<u64>>,
    search: Option<Regex>,
    wrong: Option<String>,
    /// Number of lines that the filter has processed.
    sieved: usize,
    /// The lines that match the query; `None` while the query shows all lines.
    kept: Option<Kept>,
    /// Number of shown lines that the search has processed.
    searched: usize,
    /// Positions of the shown lines that match the search.
    matches: Vec<u32>,
}

/// Maximum lines processed before other requests get a turn.
pub(super) const TURN: usize = 20_000;

impl LogIndex {
    pub(in crate::tui::driver) fn new(file: Option<File>) -> Self {
        // A new index has the usual query.
        Self { file, kept: Some(Kept::default()), ..Self::default() }
    }

    pub(super) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    pub(super) fn open(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Queues a fact. It is indexed after the log lines that were received before it.
    pub(in crate::tui::driver) fn fact(&mut self, fact: FactLine) {
        self.waiting.push_back(fact);
    }

    /// Indexes the queued facts up to the time `before`, or all of them if it is `None`.
    fn file_facts(&mut self, before: Option<Timestamp>) {
        while let Some(fact) = self.waiting.front() {
            if before.is_some_and(|before| fact.line.at > before) {
                return;
            }
            if let Some(fact) = self.waiting.pop_front() {
                self.file_fact(fact);
            }
        }
    }

    fn file_fact(&mut self, FactLine { line, step, begins }: FactLine) {
        let (source, step) =
            (number_of(&mut self.sources, &line.source), number_of(&mut self.steps, &step));
        self.count(line.level);
        let place = self.facts.len() as u64;
        if begins {
            self.begins.insert(place);
        }
        self.entries.push(Entry::new(place, line.level, source, step).fact());
        self.facts.push(line);
    }

    /// Indexes a line. A stack trace gets the level of the line above it and does not count as a separate error.
    fn file_line(&mut self, text: &str, source: usize, step: usize) {
        let head = self.entries.last().filter(|head| !head.is_fact() && head.source() == source);
        let entry = |level| Entry::new(self.byte, level, source, step);
        if let Some(head) = head.filter(|_| text.starts_with(' ')) {
            self.entries.push(entry(head.level()).hanging());
        } else {
            let entry = entry(LogLevel::of(text));
            self.count(entry.level());
            self.entries.push(entry);
        }
    }

    fn count(&mut self, level: LogLevel) {
        self.warnings += usize::from(level == LogLevel::Warn);
        self.errors += usize::from(level == LogLevel::Error);
    }

    /// Indexes the lines written since the last call; `true` if there may be more to read now.
    pub(in crate::tui::driver) fn grow(&mut self) -> bool {
        let more = self.read_on();
        if !more {
            self.file_facts(None);
        }
        more
    }

    fn read_on(&mut self) -> bool {
        let Some(Ok(mut file)) = self.file.as_ref().map(File::try_clone) else {
            return false;
        };
        if file.metadata().is_ok_and(|about| about.len() == self.byte) {
            return false;
        }
        if file.seek(SeekFrom::Start(self.byte)).is_err() {
            return false;
        }
        let (mut reader, mut text) = (BufReader::with_capacity(1 << 16, file), String::new());
        for _ in 0..TURN {
            text.clear();
            match reader.read_line(&mut text) {
                // A partly written line is read on the next call.
                Ok(length) if length > 0 && text.ends_with('\n') => {
                    if let Ok(line) = serde_json::from_str::<Indexed<'_>>(&text) {
                        self.file_facts(Some(line.at));
                        let source = line.service.unwrap_or("run");
                        let source = number_of_read::<ServiceName>(&mut self.sources, source);
                        let step = number_of_read::<StepId>(&mut self.steps, line.step);
                        if let (Some(source), Some(step)) = (source, step) {
                            self.file_line(&line.text, source, step);
                        }
                    }
                    self.byte += length as u64;
                }
                _ => return false,
            }
        }
        true
    }

    /// Sets the line shapes of the last good run, for a query of new lines.
    pub(super) fn compare_with(&mut self, known: Option<HashSet<u64>>) {
        self.known = known;
    }

    /// Sets the query. If only the search changed, the filtered lines are kept.
    pub(super) fn ask(&mut self, query: Query) {
        let read = |typed: &Option<String>| match typed.as_deref().map(pattern) {
            Some(Ok(found)) => (Some(found), None),
            Some(Err(why)) => (None, Some(why)),
            None => (None, None),
        };
        let ((filter, first), (search, second)) = (read(&query.filter), read(&query.search));
        (self.filter, self.search, self.wrong) = (filter, search, first.or(second));
        let sieve = |query: &Query| Query { search: None, ..query.clone() };
        if sieve(&query) != sieve(&self.query) {
            self.kept = (!query.shows_all()).then(Kept::default);
            self.sieved = 0;
        }
        self.query = query;
        self.searched = 0;
        self.matches.clear();
    }

    /// Filters and searches up to `TURN` more lines; `true` if there are more to process.
    pub(in crate::tui::driver) fn sieve(&mut self) -> bool {
        let more = self.sieve_on();
        self.search_on() || more
    }

    fn sieve_on(&mut self) -> bool {
        if self.kept.is_none() {
            self.sieved = self.entries.len();
            return false;
        }
        let (from, to) = (self.sieved, self.entries.len().min(self.sieved + TURN));
        let mut reader = self.reader(from);
        let mut kept = Vec::new();
        for number in from..to {
            let entry = self.entries[number];
            if self.wanted(entry) && self.says(entry, reader.as_mut()) {
                kept.push(number);
            }
        }
        let all = self.kept.get_or_insert_default();
        for number in kept {
            all.push(number);
        }
        self.sieved = to;
        to < self.entries.len()
    }

    /// Whether a line's text is new and matches the filter. The text is read only if the query needs it.
    fn says(&self, entry: Entry, reader: Option<&mut BufReader<File>>) -> bool {
        if self.filter.is_none() && self.known.is_none() {
            return true;
        }
        let text = self.text(entry, reader);
        let new = self
            .known
            .as_ref()
            .is_none_or(|known| !entry.is_fact() && !known.contains(&shape(&text)));
        new && self.filter.as_ref().is_none_or(|filter| filter.is_match(&text))
    }

    fn search_on(&mut self) -> bool {
        let Some(search) = self.search.clone() else {
            return false;
        };
        let (from, to) = (self.searched, self.shown().min(self.searched + TURN));
        let numbers: Vec<_> = self.numbers(from).take(to - from).collect();
        let mut reader = self.reader(numbers.first().copied().unwrap_or(0));
        for (at, number) in (from..to).zip(numbers) {
            let text = self.entries.get(number).map(|entry| self.text(*entry, reader.as_mut()));
            if text.is_some_and(|text| search.is_match(&text)) {
                self.matches.push(u32::try_from(at).unwrap_or(u32::MAX));
            }
        }
        self.searched = to;
        to < self.shown()
    }

    fn wanted(&self, entry: Entry) -> bool {
        let is = |names: &[String], number: usize, wanted: &Option<String>| {
            wanted.as_ref().is_none_or(|wanted| names.get(number) == Some(wanted))
        };
        entry.level() >= self.query.level
            && is(&self.sources, entry.source(), &self.query.source)
            && is(&self.steps, entry.step(), &self.query.step)
    }

    /// A reader of the file that starts at the first log line at or after line `number`.
    fn reader(&self, number: usize) -> Option<BufReader<File>> {
        let first = self.entries.get(number..)?.iter().find(|entry| !entry.is_fact())?;
        let mut file = self.file.as_ref()?.try_clone().ok()?;
        file.seek(SeekFrom::Start(first.place())).ok()?;
        Some(BufReader::with_capacity(1 << 16, file))
    }

    /// The text of a line, read through `reader` (positioned at or before the line) if there is one.
    fn text(&self, entry: Entry, reader: Option<&mut BufReader<File>>) -> String {
        if entry.is_fact() {
            return self.fact_at(entry).map(|line| line.text.clone()).unwrap_or_default();
        }
        let Some(reader) = reader else {
            return self.read(entry).map(|line| line.text).unwrap_or_default();
        };
        let Ok(here) = reader.stream_position() else {
            return String::new();
        };
        let ahead = i64::try_from(entry.place()).unwrap_or(0) - i64::try_from(here).unwrap_or(0);
        let mut text = String::new();
        if reader.seek_relative(ahead).is_err() || reader.read_line(&mut text).is_err() {
            return String::new();
        }
        let line = serde_json::from_str::<Indexed<'_>>(&text);
        line.map(|line| line.text.into_owned()).unwrap_or_default()
    }

    fn fact_at(&self, entry: Entry) -> Option<&Line> {
        self.facts.get(usize::try_from(entry.place()).ok()?)
    }

    /// Reads one line, from the facts or from the file.
    fn read(&self, entry: Entry) -> Option<Line> {
        if entry.is_fact() {
            return self.fact_at(entry).cloned();
        }
        let text = line_at(self.file.as_ref()?, entry.place())?;
        let line: Indexed<'_> = serde_json::from_slice(&text).ok()?;
        // Another version may colour a line in ways that this one does not know.
        let tints = serde_json::from_slice(&text).map(|line: LogLine| line.tints);
        let source = line.service.unwrap_or("run").to_owned();
        let (level, hangs) = (entry.level(), entry.hangs());
        let (text, tints) = (line.text.into_owned(), tints.unwrap_or_default());
        Some(Line { at: line.at, source, level, hangs, text, tints })
    }

    fn shown(&self) -> usize {
        self.kept.as_ref().map_or(self.sieved, Kept::len)
    }

    /// The numbers of the shown lines, from a position on.
    fn numbers(&self, from: usize) -> Box<dyn Iterator<Item = usize> + '_> {
        match &self.kept {
            Some(kept) => Box::new(kept.starting_at(from)),
            None => Box::new(from..self.sieved),
        }
    }

    /// The shown lines.
    fn shown_entries(&self) -> impl Iterator<Item = Entry> + '_ {
        self.numbers(0).filter_map(|number| self.entries.get(number).copied())
    }

    /// The size of the log and the results of the query, without the ticks.
    pub(in crate::tui::driver) fn extent(&self) -> Extent {
        Extent {
            total: self.entries.len(),
            shown: self.shown(),
            warnings: self.warnings,
            errors: self.errors,
            matches: self.matches.len(),
            sources: self.sources.clone(),
            whole: self.sieved == self.entries.len()
                && (self.search.is_none() || self.searched == self.shown()),
            wrong: self.wrong.clone(),
            ticks: Vec::new(),
        }
    }

    /// The most important mark in each of [`TICKS`] equal parts of the shown lines.
    pub(super) fn ticks(&self) -> Vec<Option<Tick>> {
        let (mut ticks, shown) = (vec![None; TICKS], self.shown());
        let mut set = |at: usize, tick: Tick| {
            let part = &mut ticks[at * TICKS / shown.max(1)];
            *part = (*part).max(Some(tick));
        };
        for (at, entry) in self.shown_entries().enumerate().filter(|(_, entry)| !entry.hangs()) {
            match entry.level() {
                LogLevel::Error => set(at, Tick::Error),
                LogLevel::Warn => set(at, Tick::Warning),
                LogLevel::Trace | LogLevel::Debug | LogLevel::Info => {}
            }
        }
        for at in self.matches.iter().filter_map(|at| usize::try_from(*at).ok()) {
            set(at, Tick::Match);
        }
        ticks
    }

    /// Up to `count` shown lines, starting at position `from`.
    pub(in crate::tui::driver) fn lines(&self, from: usize, count: usize) -> Vec<Line> {
        let numbers = self.numbers(from).take(count);
        numbers.filter_map(|number| self.read(*self.entries.get(number)?)).collect()
    }

    /// The last `count` shown lines.
    pub(super) fn tail(&self, count: usize) -> Vec<Line> {
        self.lines(self.shown().saturating_sub(count), count)
    }

    /// The position of the next marked line after (or before) `from`, wrapping around at the end,
    /// and its ordinal among the marked lines, from 1.
    pub(super) fn find(
        &self,
        mark: Mark,
        from: Option<usize>,
        forward: bool,
    ) -> Option<(usize, usize)> {
        let shown = |wanted: &dyn Fn(Entry) -> bool| -> Vec<usize> {
            let entries = self.shown_entries().enumerate();
            entries.filter(|(_, entry)| wanted(*entry)).map(|(at, _)| at).collect()
        };
        let places: Vec<usize> = match mark {
            Mark::Match => self.matches.iter().filter_map(|at| usize::try_from(*at).ok()).collect(),
            Mark::Error => shown(&|entry| entry.level() == LogLevel::Error && !entry.hangs()),
            Mark::Step => shown(&|e| e.is_fact() && self.begins.contains(&e.place())),
        };
        let found = match (forward, from) {
            (true, Some(from)) => places.iter().position(|at| *at > from).or(Some(0)),
            (true, None) => Some(0),
            (false, Some(from)) => {
                places.iter().rposition(|at| *at < from).or(places.len().checked_sub(1))
            }
            (false, None) => places.len().checked_sub(1),
        };
        let nth = found?;
        places.get(nth).map(|at| (*at, nth + 1))
    }
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
