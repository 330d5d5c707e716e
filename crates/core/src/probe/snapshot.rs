//! The displayed state of a probe.

use std::time::Duration;

use super::{Answer, Fault, Measurement, Probe, Rules, State, Timing, Watch};
use crate::step::Side;
use crate::time::Timestamp;

/// One answer, as kept in the history of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Point {
    /// Good, with its response time.
    Good(Duration),
    Bad,
    /// We could not probe.
    Blind,
}

impl Point {
    pub fn of(heard: &Measurement) -> Self {
        match heard.answer {
            Answer::Good => Self::Good(heard.timing.total),
            Answer::Bad(..) => Self::Bad,
            Answer::Blind(_) => Self::Blind,
        }
    }

    pub(super) fn good(self) -> Option<bool> {
        match self {
            Self::Good(_) => Some(true),
            Self::Bad => Some(false),
            Self::Blind => None,
        }
    }

    pub(super) fn is_good(&self) -> bool {
        matches!(self, Self::Good(_))
    }
}

/// Statistics of some answers. Percentiles are exact, by nearest rank, over the good ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Stats {
    pub good: usize,
    pub bad: usize,
    /// Median response time of good answers.
    pub p50: Option<Duration>,
    pub p95: Option<Duration>,
    pub p99: Option<Duration>,
}

pub(super) fn stats(points: impl Iterator<Item = Point>) -> Stats {
    let (mut times, mut bad) = (Vec::new(), 0);
    for point in points {
        match point {
            Point::Good(time) => times.push(time),
            Point::Bad => bad += 1,
            Point::Blind => {}
        }
    }
    times.sort_unstable();
    let at = |percent: usize| percentile(&times, percent);
    Stats { good: times.len(), bad, p50: at(50), p95: at(95), p99: at(99) }
}

/// A percentile of sorted times, by nearest rank.
pub(super) fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// A name with a role.
pub(super) fn label(name: &str, side: Option<Side>) -> String {
    match side {
        Some(side) => format!("{name} {}", side.to_string().to_uppercase()),
        None => name.to_owned(),
    }
}

/// A probe with everything that is known about it.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct ProbeSnapshot {
    pub key: String,
    /// The service or dependency.
    pub name: String,
    /// The role of the probed build.
    pub side: Option<Side>,
    /// Whether customers reach it.
    pub live: bool,
    pub address: String,
    pub state: State,
    pub since: Option<Timestamp>,
    pub why: String,
    /// Whether the last answers were good, and how many in a row.
    pub row: (bool, u32),
    /// Time of the last answer.
    pub answered: Option<Timestamp>,
    /// Its response time, if it was good.
    pub last: Option<Duration>,
    /// The phases of the last request.
    pub timing: Timing,
    /// Statistics of the last answers.
    pub stats: Stats,
    /// The last answers, oldest first.
    pub points: Vec<Point>,
    /// The last bad answer, with its time.
    pub fault: Option<(Fault, String, Timestamp)>,
    /// End of the certificate's validity.
    pub certificate: Option<Timestamp>,
    /// Its mute: end and reason.
    pub muted: Option<(Timestamp, String)>,
    /// Interval between two probes.
    pub interval: Duration,
    pub rules: Rules,
}

impl ProbeSnapshot {
    /// The name, with the role if there is one: `toto-app GREEN`.
    pub fn label(&self) -> String {
        label(&self.name, self.side)
    }

    /// The snapshot of a monitored probe.
    pub fn of(probe: &Probe, watch: &Watch, muted: Option<(Timestamp, String)>) -> Self {
        let last = watch.last();
        let found = probe.found.clone().filter(|_| watch.state() == State::Ok);
        // After a start or a switch a probe has only the answers of before. Its first request is on the way: not stale.
        let begins = watch.state() == State::Stale && !watch.asked();
        let state = if found.is_some() {
            State::Degraded
        } else if begins {
            State::Off
        } else {
            watch.state()
        };
        let why = if begins { "being asked again".to_owned() } else { watch.why().to_owned() };
        Self {
            key: probe.key.clone(),
            name: probe.name.clone(),
            side: probe.side,
            live: probe.live,
            address: probe.check.to_string(),
            state,
            since: watch.since(),
            why: found.unwrap_or(why),
            row: watch.row(),
            answered: watch.answered(),
            last: last.filter(|l| l.answer == Answer::Good).map(|l| l.timing.total),
            timing: last.map(|l| l.timing).unwrap_or_default(),
            stats: watch.stats(),
            points: watch.points().collect(),
            fault: watch.fault().cloned(),
            certificate: last.and_then(|l| l.certificate),
            muted,
            interval: probe.interval,
            rules: probe.rules,
        }
    }
}
