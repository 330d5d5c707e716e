//! The events of an iCalendar text (RFC 5545), with their repetitions, exceptions and changed occurrences.

use std::collections::BTreeSet;
use std::time::Duration;

use icalendar::parser::{Component, Property, read_calendar, unfold};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use pointsman_core::freeze::Moment;
use pointsman_core::time::earlier;

/// How far ahead events are read: plans and the screen look no further.
const AHEAD: Duration = Duration::from_hours(60 * 24);
/// How far back an event that still lasts may have begun.
const BACK: Duration = Duration::from_hours(60 * 24);
/// Maximum occurrences of one event in that time.
const MOST_OCCURRENCES: u16 = 500;

/// An event of a calendar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CalendarEvent {
    pub(super) name: String,
    pub(super) from: Moment,
    pub(super) to: Moment,
    pub(super) zone: TimeZone,
}

/// The events of a calendar, or why it cannot be read.
pub(super) type Read = Result<Vec<CalendarEvent>, String>;

/// Every event that lasts now or begins in the next weeks, by its beginning.
pub(super) fn events(text: &str, zone: &TimeZone, now: Timestamp) -> Read {
    let unfolded = unfold(text);
    let calendar = read_calendar(&unfolded).map_err(|_| "it is no iCalendar text".to_owned())?;
    let events: Vec<&Component<'_>> =
        calendar.components.iter().filter(|part| part.name == "VEVENT").collect();
    // A changed occurrence is a separate event, in place of the one that its rule gives.
    let changed: BTreeSet<(String, Timestamp)> =
        events.iter().filter_map(|event| replaces(event, zone)).collect();
    let mut found = Vec::new();
    for event in events {
        if text_of(event, "STATUS") == "CANCELLED" {
            continue;
        }
        found.extend(occurrences(event, zone, now, &changed)?);
    }
    found.sort_by_key(|(from, _)| *from);
    Ok(found.into_iter().map(|(_, event)| event).collect())
}

fn property<'a>(event: &'a Component<'_>, name: &str) -> Option<&'a Property<'a>> {
    event.properties.iter().find(|property| property.name == name)
}

fn text_of(event: &Component<'_>, name: &str) -> String {
    let text = property(event, name).map(|property| property.val.to_string()).unwrap_or_default();
    text.replace("\\n", " ").replace('\\', "")
}

/// A time of a property: its moment, whether it is a whole day, and its zone.
struct At {
    local: DateTime,
    day: bool,
    zone: TimeZone,
}

impl At {
    fn of(property: &Property<'_>, zone: &TimeZone) -> Result<Self, String> {
        let text = property.val.to_string();
        let wrong = || format!("{text:?} is no time");
        let named = property.params.iter().find(|param| param.key == "TZID");
        let named = named.and_then(|param| param.val.as_ref()).map(ToString::to_string);
        let zone = match named {
            Some(name) => TimeZone::get(name.trim_matches('"'))
                .map_err(|_| format!("{name:?} is no time zone of the IANA list"))?,
            None => zone.clone(),
        };
        if let Ok(date) = Date::strptime("%Y%m%d", &text) {
            return Ok(Self { local: date.to_datetime(Time::midnight()), day: true, zone });
        }
        let utc = text.strip_suffix('Z');
        let local = DateTime::strptime("%Y%m%dT%H%M%S", utc.unwrap_or(&text));
        let local = local.map_err(|_| wrong())?;
        let zone = if utc.is_some() { TimeZone::UTC } else { zone };
        Ok(Self { local, day: false, zone })
    }

    fn instant(&self) -> Result<Timestamp, String> {
        let zoned = self.local.to_zoned(self.zone.clone()).map_err(|error| error.to_string())?;
        Ok(zoned.timestamp())
    }
}

/// The occurrence that a changed one replaces.
fn replaces(event: &Component<'_>, zone: &TimeZone) -> Option<(String, Timestamp)> {
    let at = At::of(property(event, "RECURRENCE-ID")?, zone).ok()?.instant().ok()?;
    Some((text_of(event, "UID"), at))
}

fn occurrences(
    event: &Component<'_>,
    zone: &TimeZone,
    now: Timestamp,
    changed: &BTreeSet<(String, Timestamp)>,
) -> Result<Vec<(Timestamp, CalendarEvent)>, String> {
    let name = text_of(event, "SUMMARY");
    let wrong = |why: String| format!("its event {name:?}: {why}");
    let begins = property(event, "DTSTART").ok_or_else(|| wrong("it has no DTSTART".to_owned()))?;
    let begins = At::of(begins, zone).map_err(wrong)?;
    let length = length(event, zone, &begins).map_err(wrong)?;
    let single = property(event, "RECURRENCE-ID").is_some();
    let all = match property(event, "RRULE") {
        Some(rule) if !single => recurring(event, rule.val.as_ref(), &begins, now),
        _ => begins.instant().map(|at| vec![at]),
    };
    let (uid, (past, end)) = (text_of(event, "UID"), period(now));
    let mut found = Vec::new();
    for from in all.map_err(wrong)? {
        let replaced = !single && changed.contains(&(uid.clone(), from));
        let to = from.checked_add(length).map_err(|error| wrong(error.to_string()))?;
        if replaced || to <= now || from < past || from > end || length.is_zero() {
            continue;
        }
        let zone = &begins.zone;
        let local = |at: Timestamp| at.to_zoned(zone.clone()).datetime();
        let (from_local, to_local) = (local(from), local(to));
        let dated = |at: DateTime, time: bool| Moment::Dated {
            date: at.date(),
            time: time.then(|| at.time()),
        };
        let to = if begins.day {
            // The end of a whole day is the next one in a calendar, and the last one here.
            let last = to_local.checked_sub(1.day()).map_err(|error| wrong(error.to_string()))?;
            dated(last, false)
        } else {
            dated(to_local, true)
        };
        let from_moment = dated(from_local, !begins.day);
        let event = CalendarEvent { name: name.clone(), from: from_moment, to, zone: zone.clone() };
        found.push((from, event));
    }
    Ok(found)
}

fn period(now: Timestamp) -> (Timestamp, Timestamp) {
    let ahead = SignedDuration::try_from(AHEAD).unwrap_or_default();
    (earlier(now, BACK), now.checked_add(ahead).unwrap_or(Timestamp::MAX))
}

/// The length of an event: to its end, of its duration, or one day.
fn length(event: &Component<'_>, zone: &TimeZone, begins: &At) -> Result<SignedDuration, String> {
    if let Some(end) = property(event, "DTEND") {
        let end = At::of(end, zone)?.instant()?;
        return Ok(end.duration_since(begins.instant()?));
    }
    if let Some(duration) = property(event, "DURATION") {
        let text = duration.val.to_string();
        let span: jiff::Span = text.parse().map_err(|_| format!("{text:?} is no duration"))?;
        return span.to_duration(begins.local).map_err(|error: jiff::Error| error.to_string());
    }
    Ok(if begins.day { SignedDuration::from_hours(24) } else { SignedDuration::ZERO })
}

/// The occurrences of a rule, without the excluded ones.
fn recurring(
    event: &Component<'_>,
    rule: &str,
    begins: &At,
    now: Timestamp,
) -> Result<Vec<Timestamp>, String> {
    let zone = begins.zone.iana_name().unwrap_or("UTC");
    let local = begins.local.strftime("%Y%m%dT%H%M%S");
    let mut text = format!("DTSTART;TZID={zone}:{local}\nRRULE:{}", with_time(rule));
    for name in ["EXDATE", "RDATE"] {
        for dates in event.properties.iter().filter(|property| property.name == name) {
            for date in dates.val.as_ref().split(',') {
                let one = Property { val: date.to_owned().into(), ..dates.clone() };
                let at = At::of(&one, &begins.zone)?.instant()?;
                let at = at.to_zoned(begins.zone.clone()).datetime().strftime("%Y%m%dT%H%M%S");
                text = format!("{text}\n{name};TZID={zone}:{at}");
            }
        }
    }
    let set: rrule::RRuleSet =
        text.parse().map_err(|error: rrule::RRuleError| error.to_string())?;
    let (past, end) = period(now);
    let time = |at: Timestamp| {
        chrono::DateTime::from_timestamp(at.as_second(), 0)
            .map(|at| at.with_timezone(&rrule::Tz::UTC))
            .ok_or_else(|| "its dates are out of range".to_owned())
    };
    let found = set.after(time(past)?).before(time(end)?).all(MOST_OCCURRENCES);
    found
        .dates
        .iter()
        .map(|at| Timestamp::from_second(at.timestamp()).map_err(|error| error.to_string()))
        .collect()
}

/// A rule whose end is a date gets the end of that day: the end must have the form of the beginning.
fn with_time(rule: &str) -> String {
    let part = |part: &str| match part.strip_prefix("UNTIL=") {
        Some(date) if date.len() == 8 => format!("UNTIL={date}T235959Z"),
        Some(time) if !time.ends_with('Z') => format!("UNTIL={time}Z"),
        _ => part.to_owned(),
    };
    rule.split(';').map(part).collect::<Vec<_>>().join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Read {
        let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n");
        let zone = TimeZone::get("Europe/Madrid").unwrap();
        events(&text, &zone, "2026-12-01T12:00:00Z".parse().unwrap())
    }

    fn event(lines: &[&str]) -> String {
        let lines = lines.join("\r\n");
        format!("BEGIN:VEVENT\r\nUID:u1\r\nSUMMARY:Frozen\r\n{lines}\r\nEND:VEVENT\r\n")
    }

    fn shown(body: &str) -> Vec<String> {
        let events = read(body).unwrap();
        events.iter().map(|event| format!("{} to {}", event.from, event.to)).collect()
    }

    #[test]
    fn days_and_times_keep_their_zone() {
        let days = event(&["DTSTART;VALUE=DATE:20261220", "DTEND;VALUE=DATE:20270108"]);
        assert_eq!(shown(&days), ["2026-12-20 to 2027-01-07"], "the last day is included here");
        let timed = event(&["DTSTART;TZID=America/New_York:20261224T160000", "DURATION:P1DT2H"]);
        assert_eq!(shown(&timed), ["2026-12-24 16:00 to 2026-12-25 18:00"]);
        let zone = read(&timed).unwrap()[0].zone.clone();
        assert_eq!(zone.iana_name(), Some("America/New_York"));
        let utc = event(&["DTSTART:20261224T160000Z", "DTEND:20261224T180000Z"]);
        assert_eq!(shown(&utc), ["2026-12-24 16:00 to 2026-12-24 18:00"]);
        let day = event(&["DTSTART;VALUE=DATE:20261224"]);
        assert_eq!(shown(&day), ["2026-12-24 to 2026-12-24"]);
    }

    #[test]
    fn past_cancelled_and_empty_events_freeze_nothing() {
        let past = event(&["DTSTART;VALUE=DATE:20261120", "DTEND;VALUE=DATE:20261122"]);
        assert_eq!(shown(&past), [""; 0]);
        let cancelled = event(&["DTSTART;VALUE=DATE:20261220", "STATUS:CANCELLED"]);
        assert_eq!(shown(&cancelled), [""; 0]);
        assert_eq!(shown(&event(&["DTSTART:20261224T160000Z"])), [""; 0], "it has no length");
        let far = event(&["DTSTART;VALUE=DATE:20280101"]);
        assert_eq!(shown(&far), [""; 0]);
    }

    #[test]
    fn rules_recur_with_exceptions_and_changes() {
        let weekly = event(&[
            "DTSTART;TZID=Europe/Madrid:20261106T160000",
            "DTEND;TZID=Europe/Madrid:20261106T200000",
            "RRULE:FREQ=WEEKLY;UNTIL=20261220",
            "EXDATE;TZID=Europe/Madrid:20261211T160000",
        ]);
        let moved = event(&[
            "RECURRENCE-ID;TZID=Europe/Madrid:20261218T160000",
            "DTSTART;TZID=Europe/Madrid:20261217T100000",
            "DTEND;TZID=Europe/Madrid:20261217T120000",
        ]);
        assert_eq!(
            shown(&format!("{weekly}{moved}")),
            ["2026-12-04 16:00 to 2026-12-04 20:00", "2026-12-17 10:00 to 2026-12-17 12:00"]
        );
    }

    #[test]
    fn unreadable_calendar_is_an_error_and_no_empty_one() {
        let zone = TimeZone::UTC;
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        assert!(events("<html>log in</html>", &zone, now).is_err());
        let odd = event(&["DTSTART;TZID=Customized Time:20261224T160000", "DURATION:PT1H"]);
        let why = read(&odd).unwrap_err();
        assert!(why.contains("Frozen") && why.contains("no time zone"), "{why}");
    }
}
