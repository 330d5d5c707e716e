//! When a freeze begins or ends: every week, every day, or on a date.

use std::fmt;
use std::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{Date, DateTime, Time, Weekday};
use serde::{Deserialize, Serialize};

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A weekly time, `Fri 16:00`; a daily one, `22:00`; or a date, `2026-12-20` or `2026-12-20 16:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Moment {
    Weekly {
        /// `None`: every day.
        day: Option<Weekday>,
        time: Time,
    },
    Dated {
        date: Date,
        /// `None`: the whole day. A window begins at its start, and ends at its end.
        time: Option<Time>,
    },
}

impl Moment {
    /// The occurrence of a weekly moment on a day, if there is one.
    pub(super) fn on(self, date: Date) -> Option<DateTime> {
        let Self::Weekly { day, time } = self else { return None };
        day.is_none_or(|day| day == date.weekday()).then(|| date.to_datetime(time))
    }

    /// The first occurrence of a weekly moment after a time.
    pub(super) fn after(self, time: DateTime) -> Option<DateTime> {
        (0..=7_i64).find_map(|days| {
            let date = time.date().checked_add(days.days()).ok()?;
            self.on(date).filter(|at| *at > time)
        })
    }

    /// A date as the start or as the end of a window.
    pub(super) fn dated(self, begins: bool) -> Option<DateTime> {
        match self {
            Self::Weekly { .. } => None,
            Self::Dated { date, time: Some(time) } => Some(date.to_datetime(time)),
            Self::Dated { date, time: None } if begins => Some(date.to_datetime(Time::midnight())),
            Self::Dated { date, time: None } => {
                Some(date.tomorrow().ok()?.to_datetime(Time::midnight()))
            }
        }
    }
}

/// Checks that two moments make a window: both recur, or both are dates, the earlier first.
pub fn window_of(from: Moment, to: Moment) -> Result<(), String> {
    match (from, to) {
        (Moment::Weekly { .. }, Moment::Weekly { .. }) => Ok(()),
        (Moment::Dated { .. }, Moment::Dated { .. }) => {
            let ordered = from.dated(true) < to.dated(false);
            ordered
                .then_some(())
                .ok_or_else(|| format!("the freeze ends at {to}, before it begins"))
        }
        _ => Err(format!("{to} is no end for {from}: write two dates, or two times of the week")),
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no moment: write \"Fri 16:00\", \"22:00\" for every day, or a date such as \"2026-12-20\""
            )
        };
        let (day, time) = match text.split_once(' ') {
            Some((day, time)) => (Some(day), Some(time)),
            None if text.contains(':') => (None, Some(text)),
            None => (Some(text), None),
        };
        let time =
            time.map(|time| Time::strptime("%H:%M", time).map_err(|_| wrong())).transpose()?;
        if let Some(date) = day.and_then(|day| Date::strptime("%Y-%m-%d", day).ok()) {
            return Ok(Self::Dated { date, time });
        }
        let weekday = |day: &str| {
            let at = DAYS.iter().position(|known| *known == day)?;
            Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
        };
        let day = day.map(|day| weekday(day).ok_or_else(wrong)).transpose()?;
        Ok(Self::Weekly { day, time: time.ok_or_else(wrong)? })
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = match self {
            Self::Weekly { day, time } => {
                if let Some(day) = day {
                    let day = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
                    write!(f, "{} ", DAYS[day])?;
                }
                *time
            }
            Self::Dated { date, time } => {
                write!(f, "{date}")?;
                let Some(time) = time else { return Ok(()) };
                f.write_str(" ")?;
                *time
            }
        };
        write!(f, "{:02}:{:02}", time.hour(), time.minute())
    }
}
