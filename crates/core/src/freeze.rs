//! Freeze windows that recur weekly or daily, in the local time of a zone (F47). They never apply to a rollback.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

use super::time::spoken;

const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// A weekly time, `Fri 16:00`, or a daily one, `22:00`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct WeekMoment {
    day: Option<Weekday>,
    time: Time,
}

impl WeekMoment {
    /// The occurrence on a day, if there is one.
    fn on(self, date: Date) -> Option<DateTime> {
        let day = self.day.is_none_or(|day| day == date.weekday());
        day.then(|| date.to_datetime(self.time))
    }

    /// The first occurrence after a time.
    fn after(self, time: DateTime) -> Option<DateTime> {
        (0..=7_i64).find_map(|days| {
            let date = time.date().checked_add(days.days()).ok()?;
            self.on(date).filter(|at| *at > time)
        })
    }
}

impl FromStr for WeekMoment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{text:?} is no moment of a week or a day: write \"Fri 16:00\", or \"22:00\" for every day"
            )
        };
        let (day, time) = match text.split_once(' ') {
            Some((day, time)) => (Some(day), time),
            None => (None, text),
        };
        let weekday = |day: &str| {
            let at = DAYS.iter().position(|known| *known == day)?;
            Weekday::from_monday_zero_offset(i8::try_from(at).ok()?).ok()
        };
        let day = day.map(|day| weekday(day).ok_or_else(wrong)).transpose()?;
        let time = Time::strptime("%H:%M", time).map_err(|_| wrong())?;
        Ok(Self { day, time })
    }
}

impl TryFrom<String> for WeekMoment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<WeekMoment> for String {
    fn from(moment: WeekMoment) -> Self {
        moment.to_string()
    }
}

impl fmt::Display for WeekMoment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(day) = self.day {
            let day = usize::try_from(day.to_monday_zero_offset()).unwrap_or_default();
            write!(f, "{} ", DAYS[day])?;
        }
        write!(f, "{:02}:{:02}", self.time.hour(), self.time.minute())
    }
}

/// A weekly or daily window, from its start to the first end after that. If both times are equal,
/// it never ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    pub name: String,
    pub from: WeekMoment,
    pub to: WeekMoment,
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
}

/// One occurrence of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start, inclusive.
    pub from: Timestamp,
    /// End, exclusive.
    pub until: Timestamp,
}

impl Freeze {
    /// The current window, or the next one.
    pub fn window(&self, now: Timestamp) -> Option<Window> {
        let today = now.to_zoned(self.zone.clone()).date();
        // A window lasts a week at most: the current one may have started last week, and the
        // next one starts within a week.
        (-8..=8_i64).find_map(|days| {
            let date = today.checked_add(days.days()).ok()?;
            self.that_begins_on(date).filter(|window| now < window.until)
        })
    }

    fn that_begins_on(&self, date: Date) -> Option<Window> {
        let from = self.from.on(date)?;
        let to = self.to.after(from)?;
        Some(Window { from: self.instant(from, true)?, until: self.instant(to, false)? })
    }

    /// Converts a local time. If clocks show it twice, a window starts at the first and ends at the second occurrence;
    /// if they skip it, the result is the moment of the jump (F47).
    fn instant(&self, shown: DateTime, begins: bool) -> Option<Timestamp> {
        let offset = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, after } => {
                if begins {
                    before
                } else {
                    after
                }
            }
            AmbiguousOffset::Gap { after, .. } => {
                let earlier = after.to_timestamp(shown).ok()?;
                return self.zone.following(earlier).next().map(|jump| jump.timestamp());
            }
        };
        offset.to_timestamp(shown).ok()
    }

    /// The end of the current window, if one is in force.
    pub fn in_force(&self, now: Timestamp) -> Option<Timestamp> {
        self.window(now).filter(|window| window.from <= now).map(|window| window.until)
    }

    /// A sentence with the end of the window.
    pub fn told(&self, now: Timestamp) -> Option<String> {
        let left = span(now, self.in_force(now)?);
        Some(format!("{}, until {} {} (another {left})", self.name, self.to, zone(&self.zone)))
    }
}

fn span(from: Timestamp, to: Timestamp) -> String {
    let left = Duration::try_from(to.duration_since(from)).unwrap_or_default();
    spoken(Duration::from_secs(left.as_secs()))
}

fn zone(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Describes the freeze in force that ends last.
pub fn frozen(freezes: &[Freeze], now: Timestamp) -> Option<String> {
    let lasting = |f: &Freeze| Some((f.in_force(now)?, f.told(now)?));
    freezes.iter().filter_map(lasting).max_by_key(|(until, _)| *until).map(|(_, told)| told)
}

/// Describes the next freeze that would start before an action of the given duration ends.
pub fn ahead(freezes: &[Freeze], now: Timestamp, takes: Duration) -> Option<String> {
    let end = now.checked_add(takes).ok()?;
    let soon = freezes.iter().filter_map(|freeze| {
        let window = freeze.window(now)?;
        (now < window.from && window.from < end).then_some((window, freeze))
    });
    let (window, freeze) = soon.min_by_key(|(window, _)| window.from)?;
    Some(format!(
        "freeze {} begins in {} ({} {})",
        freeze.name,
        span(now, window.from),
        freeze.from,
        zone(&freeze.zone)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn freeze(from: &str, to: &str, zone: &str) -> Freeze {
        Freeze {
            name: "quiet".to_owned(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
            zone: TimeZone::get(zone).unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn freeze_starts_and_ends_at_the_minute() {
        let (madrid, new_york) = ("Europe/Madrid", "America/New_York");
        // In winter, in summer, in another zone; across the end of a week; with a clock change at the start, at the
        // end or within a window. Each row has the first moment inside and the first moment after.
        for (from, to, zone, begins, ends) in [
            ("Fri 16:00", "Mon 08:00", madrid, "2026-11-27T15:00:00Z", "2026-11-30T07:00:00Z"),
            ("Fri 16:00", "Mon 08:00", madrid, "2026-07-03T14:00:00Z", "2026-07-06T06:00:00Z"),
            ("Fri 16:00", "Mon 08:00", new_york, "2026-11-27T21:00:00Z", "2026-11-30T13:00:00Z"),
            ("Sun 22:00", "Sun 23:30", "UTC", "2026-11-29T22:00:00Z", "2026-11-29T23:30:00Z"),
            ("Mon 00:00", "Mon 01:00", madrid, "2026-11-29T23:00:00Z", "2026-11-30T00:00:00Z"),
            ("Sun 02:30", "Sun 05:00", madrid, "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"),
            ("Sat 20:00", "Sun 02:30", madrid, "2026-03-28T19:00:00Z", "2026-03-29T01:00:00Z"),
            ("Sat 20:00", "Mon 08:00", madrid, "2026-03-28T19:00:00Z", "2026-03-30T06:00:00Z"),
            ("Sun 02:30", "Sun 02:45", madrid, "2026-10-25T00:30:00Z", "2026-10-25T01:45:00Z"),
            ("Sat 20:00", "Mon 08:00", madrid, "2026-10-24T18:00:00Z", "2026-10-26T07:00:00Z"),
            // Daily windows, and a window from a weekly to a daily time.
            ("22:00", "06:00", madrid, "2026-11-27T21:00:00Z", "2026-11-28T05:00:00Z"),
            ("12:00", "13:00", "UTC", "2026-11-28T12:00:00Z", "2026-11-28T13:00:00Z"),
            ("Fri 16:00", "08:00", madrid, "2026-11-27T15:00:00Z", "2026-11-28T07:00:00Z"),
            ("22:00", "06:00", madrid, "2026-03-28T21:00:00Z", "2026-03-29T04:00:00Z"),
            ("Sun 01:30", "Sun 01:45", new_york, "2026-11-01T05:30:00Z", "2026-11-01T06:45:00Z"),
        ] {
            let freeze = freeze(from, to, zone);
            let (begins, ends) = (at(begins), at(ends));
            let second = 1.second();
            let says = |moment: Timestamp| freeze.in_force(moment).is_some();
            let told = [begins - second, begins, ends - second, ends].map(says);
            assert_eq!(told, [false, true, true, false], "{from} to {to} in {zone}");
            assert_eq!(freeze.in_force(begins), Some(ends), "{from} to {to} in {zone}");
            let before = freeze.window(begins - second).unwrap();
            assert_eq!((before.from, before.until), (begins, ends), "{from} to {to} in {zone}");
        }
    }

    #[test]
    fn warns_of_a_run_that_would_reach_into_a_freeze() {
        let all = [freeze("Fri 16:00", "Mon 08:00", "Europe/Madrid")];
        let now = at("2026-11-27T14:40:00Z");
        assert_eq!(ahead(&all, now, Duration::from_mins(15)), None);
        let told = ahead(&all, now, Duration::from_mins(30)).unwrap();
        assert_eq!(told, "freeze quiet begins in 20m 00s (Fri 16:00 Europe/Madrid)");
        let now = at("2026-11-30T05:00:00Z");
        let told = frozen(&all, now).unwrap();
        assert_eq!(told, "quiet, until Mon 08:00 Europe/Madrid (another 2h 00m)");
        assert_eq!(ahead(&all, now, Duration::from_mins(30)), None, "it has begun already");
    }

    #[test]
    fn weekly_times_round_trip_or_are_refused() {
        for wrong in ["Fri", "Fri 25:00", "fri 16:00", "Friday 16:00", "16:00 Fri", ""] {
            assert!(wrong.parse::<WeekMoment>().unwrap_err().contains("write \"Fri 16:00\""));
        }
        let freeze = freeze("Fri 06:05", "Mon 08:00", "Europe/Madrid");
        let text = serde_json::to_string(&freeze).unwrap();
        assert!(text.contains("\"Fri 06:05\"") && text.contains("Europe/Madrid"), "{text}");
        assert_eq!(serde_json::from_str::<Freeze>(&text).unwrap(), freeze);
    }
}
