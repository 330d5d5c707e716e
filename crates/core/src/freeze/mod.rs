//! Freeze windows, in the local time of a zone (F47): they recur weekly or daily, or are dates. They never apply to a
//! rollback.

mod moment;

use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};

pub use self::moment::{Moment, window_of};
use super::ids::ServiceName;
use super::time::spoken;

/// A window: from its start to the first end after that, every week or every day, or from a date to a date. If two times
/// of the week are equal, it never ends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Freeze {
    pub name: String,
    pub from: Moment,
    pub to: Moment,
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
    /// The services that it freezes; empty: all, and the databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceName>,
    /// Why its calendar cannot be read. Such a freeze always holds: a freeze may be in there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
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
    /// The freeze of a calendar that cannot be read.
    pub fn unread(name: String, zone: TimeZone, services: Vec<ServiceName>, why: String) -> Self {
        let always = Moment::Weekly { day: None, time: jiff::civil::Time::midnight() };
        Self { name, from: always, to: always, zone, services, unread: Some(why) }
    }

    /// Whether it freezes a run of these services.
    pub fn covers<'a>(&self, mut services: impl Iterator<Item = &'a ServiceName>) -> bool {
        self.services.is_empty() || services.any(|service| self.services.contains(service))
    }

    /// The current window, or the next one.
    pub fn window(&self, now: Timestamp) -> Option<Window> {
        if self.unread.is_some() {
            return Some(Window { from: Timestamp::MIN, until: Timestamp::MAX });
        }
        if let (Some(from), Some(to)) = (self.from.dated(true), self.to.dated(false)) {
            let window =
                Window { from: self.instant(from, true)?, until: self.instant(to, false)? };
            return Some(window).filter(|window| now < window.until);
        }
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
        if let Some(why) = &self.unread {
            return Some(format!("{}{}: its calendar cannot be read: {why}", self.name, self.of()));
        }
        let left = span(now, self.in_force(now)?);
        let (of, zone) = (self.of(), zone(&self.zone));
        Some(format!("{}{of}, until {} {zone} (another {left})", self.name, self.ends()))
    }
}

impl Freeze {
    /// The services that it freezes, in parentheses; nothing if it freezes all.
    fn of(&self) -> String {
        let names: Vec<_> = self.services.iter().map(ToString::to_string).collect();
        if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) }
    }

    /// Its end, in words: a date without a time lasts to the end of that day.
    fn ends(&self) -> String {
        match self.to {
            Moment::Dated { time: None, .. } => format!("the end of {}", self.to),
            to @ (Moment::Weekly { .. } | Moment::Dated { .. }) => to.to_string(),
        }
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
        "freeze {}{} begins in {} ({} {})",
        freeze.name,
        freeze.of(),
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
            services: Vec::new(),
            unread: None,
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
            // Dates: with times, and whole days, the last one included.
            (
                "2026-12-20 16:00",
                "2027-01-07 08:00",
                madrid,
                "2026-12-20T15:00:00Z",
                "2027-01-07T07:00:00Z",
            ),
            ("2026-12-20", "2027-01-07", "UTC", "2026-12-20T00:00:00Z", "2027-01-08T00:00:00Z"),
            ("2026-03-28", "2026-03-29", madrid, "2026-03-27T23:00:00Z", "2026-03-29T22:00:00Z"),
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
    fn dates_are_over_for_good_and_named_with_their_services() {
        let mut holidays = freeze("2026-12-20", "2027-01-07", "UTC");
        holidays.services = vec![ServiceName::new("toto-app").unwrap()];
        let inside = at("2027-01-06T00:00:00Z");
        let told = holidays.told(inside).unwrap();
        assert_eq!(told, "quiet (toto-app), until the end of 2027-01-07 UTC (another 48h 00m)");
        assert_eq!(holidays.window(at("2027-01-08T00:00:00Z")), None, "it does not recur");
        let before = at("2026-12-19T23:50:00Z");
        let soon = ahead(&[holidays.clone()], before, Duration::from_mins(30)).unwrap();
        assert_eq!(soon, "freeze quiet (toto-app) begins in 10m 00s (2026-12-20 UTC)");
        let (app, other) = ("toto-app".parse().unwrap(), "toto-bo".parse().unwrap());
        assert!(
            holidays.covers([&other, &app].into_iter()) && !holidays.covers([&other].into_iter())
        );
    }

    #[test]
    fn moments_round_trip_or_are_refused() {
        for wrong in
            ["Fri", "Fri 25:00", "fri 16:00", "Friday 16:00", "16:00 Fri", "", "2026-13-01"]
        {
            assert!(
                wrong.parse::<Moment>().unwrap_err().contains("write \"Fri 16:00\""),
                "{wrong}"
            );
        }
        for text in ["Fri 06:05", "22:00", "2026-12-20", "2026-12-20 06:05"] {
            assert_eq!(text.parse::<Moment>().unwrap().to_string(), text);
        }
        let check = |from: &str, to: &str| window_of(from.parse().unwrap(), to.parse().unwrap());
        assert_eq!(check("2026-12-20", "2026-12-20"), Ok(()), "one day");
        assert!(check("2026-12-20", "2026-12-19").unwrap_err().contains("before it begins"));
        assert!(check("Fri 16:00", "2026-12-19").unwrap_err().contains("two dates"));
        let freeze = freeze("Fri 06:05", "Mon 08:00", "Europe/Madrid");
        let text = serde_json::to_string(&freeze).unwrap();
        assert!(text.contains("\"Fri 06:05\"") && text.contains("Europe/Madrid"), "{text}");
        assert_eq!(serde_json::from_str::<Freeze>(&text).unwrap(), freeze);
    }
}
