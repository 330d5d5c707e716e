//! Derives a reliable state from a sequence of answers. One bad answer is not an outage, and neither is a missing one.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::snapshot::{Point, Stats, stats};
use super::{Answer, Fault, Measurement, Rules};
use crate::health::{Share, ShareRule, ShareVerdict};
use crate::time::{Timestamp, spoken};

/// The state of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Too few answers to decide a state.
    Off,
    Ok,
    /// It answers, but slowly or with a defect: mostly a certificate that expires soon.
    Degraded,
    /// It alternates between up and down.
    Flapping,
    Down,
    /// No recent answers: the last known state is no longer reliable.
    Stale,
}

impl State {
    /// The word that people read. JSON keeps `off` for a probe that is still being checked.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "checking",
            Self::Ok | Self::Degraded | Self::Flapping | Self::Down | Self::Stale => self.label(),
        }
    }

    /// Its place in a list that shows the worst first.
    pub fn severity(self) -> u8 {
        match self {
            Self::Down => 0,
            Self::Flapping => 1,
            Self::Stale => 2,
            Self::Degraded => 3,
            Self::Off => 4,
            Self::Ok => 5,
        }
    }

    /// The word in JSON.
    pub fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Flapping => "flapping",
            Self::Down => "down",
            Self::Stale => "stale",
        }
    }
}

/// A change of state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub at: Timestamp,
    pub from: State,
    pub to: State,
    /// The rule that decided, with its numbers.
    pub why: String,
}

/// Number of answers used for percentiles and rates.
pub(super) const WINDOW: usize = 120;
/// Changes that count as flapping…
const FLAP_CHANGES: usize = 4;
/// …among this many answers.
const FLAP_WINDOW: usize = 20;
/// Consecutive good answers that end flapping…
const STEADY_AFTER: u32 = 10;
/// …or bad ones: fewer, since DOWN is more urgent.
const STEADY_DOWN_AFTER: u32 = 5;
/// Number of answers in the p95 that makes a probe DEGRADED.
const SLOW_WINDOW: usize = 20;
/// A certificate that expires within this time makes a probe DEGRADED (H8).
const CERTIFICATE_ENDS: Duration = Duration::from_hours(21 * 24);
/// Intervals without a fresh answer until STALE.
pub(crate) const MISSED_PROBES: u32 = 3;

/// Reason for STALE after a pause in probing: no process ran, or the machine slept.
pub const NO_RECENT_PROBE: &str = "no recent probe";

/// Part of the reason when DEGRADED is about a certificate.
pub const CERTIFICATE: &str = "certificate";

/// Start of the reason when DEGRADED concerns an unused build only: no alert.
pub const SET_UP: &str = "being set up";

/// The state of one probe, updated by each answer.
#[derive(Debug, Clone)]
pub struct Watch {
    rules: Rules,
    interval: Duration,
    timeout: Duration,
    state: State,
    since: Option<Timestamp>,
    points: VecDeque<Point>,
    /// Whether the last answers were good, and how many in a row.
    row: (bool, u32),
    slow_since: Option<Timestamp>,
    /// Answers since the last gap. Only these count for flapping.
    unbroken: usize,
    /// Answers since the probe came up. A past outage must not keep it degraded for hours.
    share: Share,
    answered: Option<Timestamp>,
    last: Option<Measurement>,
    /// Whether this process has measured it. Earlier answers are history.
    asked: bool,
    /// The last bad answer, kept while it explains the state.
    fault: Option<(Fault, String, Timestamp)>,
    why: String,
}

impl Watch {
    /// A watch without answers yet.
    pub fn new(rules: Rules, interval: Duration, timeout: Duration) -> Self {
        Self {
            rules,
            interval,
            timeout,
            state: State::Off,
            since: None,
            points: VecDeque::with_capacity(WINDOW),
            row: (true, 0),
            slow_since: None,
            unbroken: 0,
            share: Share::new(ShareRule::default()),
            answered: None,
            last: None,
            asked: false,
            fault: None,
            why: "not asked yet".to_owned(),
        }
    }

    /// Changes the rules; the answers are kept.
    pub fn go_by(&mut self, rules: Rules, interval: Duration, timeout: Duration) {
        (self.rules, self.interval, self.timeout) = (rules, interval, timeout);
    }

    pub fn state(&self) -> State {
        self.state
    }

    /// Start of the current state.
    pub fn since(&self) -> Option<Timestamp> {
        self.since
    }

    /// Evidence for the current state.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// Whether the last answers were good, and how many in a row.
    pub fn row(&self) -> (bool, u32) {
        self.row
    }

    /// Time of the last answer that says something about the target.
    pub fn answered(&self) -> Option<Timestamp> {
        self.answered
    }

    /// The last measurement, blind ones included.
    pub fn last(&self) -> Option<&Measurement> {
        self.last.as_ref()
    }

    /// The last bad answer.
    pub fn fault(&self) -> Option<&(Fault, String, Timestamp)> {
        self.fault.as_ref()
    }

    /// The last answers, oldest first.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = Point> + '_ {
        self.points.iter().copied()
    }

    /// Statistics of the last answers.
    pub fn stats(&self) -> Stats {
        stats(self.points.iter().copied())
    }

    /// Whether this process has measured it.
    pub fn asked(&self) -> bool {
        self.asked
    }

    /// Adds an answer. Returns the change of state, if there is one.
    pub fn push(&mut self, heard: Measurement) -> Option<Change> {
        self.asked = true;
        self.recall(heard)
    }

    /// Adds an answer of an earlier process.
    pub fn recall(&mut self, heard: Measurement) -> Option<Change> {
        let at = heard.at;
        // Answers before a long gap no longer count: this machine may have slept.
        let slept = self.tick(at);
        if self.points.len() == WINDOW {
            self.points.pop_front();
        }
        self.points.push_back(Point::of(&heard));
        let told = self.take(&heard);
        self.last = Some(heard);
        let turned = match told {
            Some((to, why)) => self.turn(to, why, at),
            None => self.tick(at),
        };
        // One change, from the state before the gap.
        match (slept, turned) {
            (Some(slept), Some(turned)) => Some(Change { from: slept.from, ..turned }),
            (slept, turned) => turned.or(slept),
        }
    }

    /// The state after an answer, with the reason. None: the answer does not change it.
    fn take(&mut self, heard: &Measurement) -> Option<(State, String)> {
        match &heard.answer {
            // Blind samples are neither good nor bad (N12).
            Answer::Blind(why) => {
                let never = self.answered.is_none();
                return never.then(|| (State::Stale, format!("we cannot ask: {why}")));
            }
            Answer::Good => self.row = (true, if self.row.0 { self.row.1 + 1 } else { 1 }),
            Answer::Bad(fault, said) => {
                self.row = (false, if self.row.0 { 1 } else { self.row.1 + 1 });
                self.fault = Some((*fault, said.clone(), heard.at));
            }
        }
        self.answered = Some(heard.at);
        self.unbroken += 1;
        let up = matches!(self.state, State::Ok | State::Degraded);
        if !up {
            self.share.clear();
        }
        self.share.push(self.row.0);
        let turns = self.turns();
        let steady = self.row.1 >= if self.row.0 { STEADY_AFTER } else { STEADY_DOWN_AFTER };
        if !steady && (turns >= FLAP_CHANGES || self.state == State::Flapping) {
            return Some((State::Flapping, format!("{turns} changes in {FLAP_WINDOW} answers")));
        }
        if !self.row.0 {
            let said = self.fault.as_ref().map_or("", |(_, said, _)| said.as_str());
            let why = format!("{} fails in a row: {said}", self.row.1);
            return self.verdict(self.row.1 >= self.rules.fall, State::Down, why);
        }
        if !up && self.row.1 < self.rules.rise {
            let why = format!("{} ok of {} in a row", self.row.1, self.rules.rise);
            self.why.clone_from(&why);
            return self.verdict(false, State::Off, why);
        }
        Some(self.degraded(heard).map_or_else(
            || (State::Ok, format!("{} ok in a row", self.row.1)),
            |why| (State::Degraded, why),
        ))
    }

    /// A state, if enough answers support it. With too few of them, a stale probe is being
    /// checked again, and no longer stale.
    fn verdict(&self, enough: bool, state: State, why: String) -> Option<(State, String)> {
        match (enough, self.state) {
            (true, _) => Some((state, why)),
            (false, State::Stale) => Some((State::Off, why)),
            (false, _) => None,
        }
    }

    /// The reason for `Degraded`, if the probe answers well otherwise.
    fn degraded(&mut self, heard: &Measurement) -> Option<String> {
        if heard.odd.is_some() {
            return heard.odd.clone();
        }
        if self.share.verdict() == ShareVerdict::Exceeded {
            return Some(self.share.describe());
        }
        let ends = heard.certificate.map(|until| until.duration_since(heard.at));
        if let Some(left) = ends.filter(|left| left.as_secs() < seconds(CERTIFICATE_ENDS)) {
            let left = Duration::try_from(left).unwrap_or_default();
            return Some(format!("its {CERTIFICATE} ends in {}", spoken_long(left)));
        }
        let newest = self.points.iter().rev().copied().filter(Point::is_good).take(SLOW_WINDOW);
        let p95 = stats(newest).p95;
        let Some(p95) = p95.filter(|p95| *p95 > self.rules.slow) else {
            self.slow_since = None;
            return None;
        };
        let since = *self.slow_since.get_or_insert(heard.at);
        let for_long = heard.at.duration_since(since).as_secs() >= seconds(self.rules.slow_for);
        for_long.then(|| {
            let limit = spoken(self.rules.slow);
            format!("p95 {} ms > {limit} for {}", p95.as_millis(), spoken(self.rules.slow_for))
        })
    }

    /// Number of recent changes between good and bad.
    fn turns(&self) -> usize {
        let answers: Vec<bool> = self
            .points
            .iter()
            .rev()
            .filter_map(|p| p.good())
            .take(FLAP_WINDOW.min(self.unbroken))
            .collect();
        answers.windows(2).filter(|pair| pair[0] != pair[1]).count()
    }

    /// Advances the time: old samples become stale.
    pub fn tick(&mut self, now: Timestamp) -> Option<Change> {
        let answered = self.answered?;
        let age = Duration::try_from(now.duration_since(answered)).unwrap_or_default();
        if age <= self.interval * MISSED_PROBES + self.timeout {
            return None;
        }
        let said = match self.last.as_ref().map(|last| &last.answer) {
            Some(Answer::Blind(why)) => format!("we cannot ask: {why}"),
            _ => NO_RECENT_PROBE.to_owned(),
        };
        // A probe that answers again must reach the thresholds from the start.
        (self.row, self.unbroken, self.slow_since) = ((true, 0), 0, None);
        self.turn(State::Stale, said, now)
    }

    fn turn(&mut self, to: State, why: String, at: Timestamp) -> Option<Change> {
        self.why = why;
        if to == self.state {
            return None;
        }
        let from = std::mem::replace(&mut self.state, to);
        self.since = Some(at);
        Some(Change { at, from, to, why: self.why.clone() })
    }
}

fn seconds(length: Duration) -> i64 {
    i64::try_from(length.as_secs()).unwrap_or(i64::MAX)
}

/// `6 d`; below two days, the text of `spoken`.
fn spoken_long(length: Duration) -> String {
    let days = length.as_secs() / 86_400;
    if days < 2 { spoken(length) } else { format!("{days} d") }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
