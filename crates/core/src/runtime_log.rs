//! What builds log while they run, as the platform keeps it. Entries arrive late and out of order, so that the last
//! minutes are read again each time, and each entry is passed on once.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::ids::BuildId;
use crate::log_level::LogLevel;
use crate::time::{Timestamp, earlier};

/// How late an entry may arrive: seconds as a rule, minutes at times.
const LATE: Duration = Duration::from_mins(2);

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeEntry {
    /// The platform's id, which is unique together with the time.
    pub id: String,
    pub at: Timestamp,
    pub build: BuildId,
    pub level: LogLevel,
    pub text: String,
}

/// The entries of one reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuntimePage {
    pub entries: Vec<RuntimeEntry>,
    /// Whether there are later ones that were not read.
    pub cut: bool,
}

/// The position in a log that is followed.
#[derive(Debug, Clone)]
pub struct RuntimeTail {
    began: Timestamp,
    newest: Timestamp,
    /// Whether the last reading was cut: the next one continues behind it.
    cut: bool,
    seen: BTreeSet<(Timestamp, String)>,
}

impl RuntimeTail {
    /// Begins at a time.
    pub fn new(began: Timestamp) -> Self {
        Self { began, newest: began, cut: false, seen: BTreeSet::new() }
    }

    /// The time from which to read next.
    pub fn since(&self) -> Timestamp {
        if self.cut { self.newest } else { earlier(self.newest, LATE).max(self.began) }
    }

    /// The entries that were not passed on yet, in the order of their times.
    pub fn take(&mut self, page: RuntimePage) -> Vec<RuntimeEntry> {
        let RuntimePage { mut entries, cut } = page;
        // Of a flood, late entries are given up: reading the same ones again and again would show none at all.
        self.cut = cut;
        entries.sort_by(|a, b| (a.at, &a.id).cmp(&(b.at, &b.id)));
        entries.retain(|entry| {
            entry.at >= self.began && self.seen.insert((entry.at, entry.id.clone()))
        });
        self.newest = entries.iter().map(|entry| entry.at).fold(self.newest, Timestamp::max);
        if cut {
            self.began = self.newest;
        }
        let since = self.since();
        self.seen.retain(|(at, _)| *at >= since);
        entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(second: i64, id: &str) -> RuntimeEntry {
        RuntimeEntry {
            id: id.to_owned(),
            at: Timestamp::from_second(second).unwrap(),
            build: BuildId::new("b1").unwrap(),
            level: LogLevel::Info,
            text: String::new(),
        }
    }

    fn taken(tail: &mut RuntimeTail, entries: &[(i64, &str)]) -> Vec<String> {
        let entries = entries.iter().map(|(second, id)| entry(*second, id)).collect();
        tail.take(RuntimePage { entries, cut: false }).into_iter().map(|entry| entry.id).collect()
    }

    #[test]
    fn late_and_repeated_entries_are_passed_on_once() {
        let mut tail = RuntimeTail::new(Timestamp::from_second(1000).unwrap());
        assert_eq!(taken(&mut tail, &[(1010, "b"), (1005, "a"), (990, "before")]), ["a", "b"]);
        assert_eq!(tail.since().as_second(), 1000, "the last two minutes are read again");
        assert_eq!(taken(&mut tail, &[(1005, "a"), (1007, "late"), (1010, "b")]), ["late"]);
        assert_eq!(taken(&mut tail, &[(1010, "c"), (1010, "b")]), ["c"], "the same time");
        assert_eq!(taken(&mut tail, &[(2000, "d")]), ["d"]);
        assert_eq!(tail.since().as_second(), 1880);
        assert_eq!(taken(&mut tail, &[(1900, "e"), (2000, "d")]), ["e"]);
        let flood = RuntimePage { entries: vec![entry(2001, "f"), entry(2002, "g")], cut: true };
        assert_eq!(tail.take(flood).len(), 2);
        assert_eq!(tail.since().as_second(), 2002, "a cut reading is continued");
        assert_eq!(taken(&mut tail, &[(2001, "f"), (2002, "g"), (2003, "h")]), ["h"]);
        assert_eq!(taken(&mut tail, &[(2000, "d"), (2001, "f"), (2003, "h")]), [""; 0]);
    }
}
