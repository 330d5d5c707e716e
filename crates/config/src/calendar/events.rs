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
/// How far back an occurrence that still lasts may have begun. A single event may have begun at any time.
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

/// The length of an event. Whole days are counted on the calendar: one of them may have 23 or 25 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    Days(i64),
    Exact(SignedDuration),
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
    let all = beginnings(event, &begins, single, now).map_err(wrong)?;
    let (uid, (_, end)) = (text_of(event, "UID"), period(now));
    let mut found = Vec::new();
    for from in all {
        let replaced = !single && changed.contains(&(uid.clone(), from));
        if replaced || from > end {
            continue;
        }
        found.extend(occurrence(&name, &begins, from, length, now).map_err(wrong)?);
    }
    Ok(found)
}

/// One occurrence, unless it has ended or has no length.
fn occurrence(
    name: &str,
    begins: &At,
    from: Timestamp,
    length: Length,
    now: Timestamp,
) -> Result<Option<(Timestamp, CalendarEvent)>, String> {
    let failed = |error: jiff::Error| error.to_string();
    let zone = &begins.zone;
    let local = |at: Timestamp| at.to_zoned(zone.clone()).datetime();
    let dated =
        |at: DateTime, time: bool| Moment::Dated { date: at.date(), time: time.then(|| at.time()) };
    let first = local(from);
    let (over, to) = match length {
        Length::Days(days) if days > 0 => {
            let after = first.checked_add(days.days()).map_err(failed)?;
            let over = after.to_zoned(zone.clone()).map_err(failed)?.timestamp();
            // The end of whole days is the next day in a calendar, and the last one here.
            (over, dated(after.checked_sub(1.day()).map_err(failed)?, false))
        }
        Length::Exact(length) if length.is_positive() => {
            let over = from.checked_add(length).map_err(failed)?;
            (over, dated(local(over), true))
        }
        Length::Days(_) | Length::Exact(_) => return Ok(None),
    };
    let from_moment = dated(first, matches!(length, Length::Exact(_)));
    let (name, zone) = (name.to_owned(), zone.clone());
    let event = CalendarEvent { name, from: from_moment, to, zone };
    Ok((over > now).then_some((from, event)))
}

fn period(now: Timestamp) -> (Timestamp, Timestamp) {
    let ahead = SignedDuration::try_from(AHEAD).unwrap_or_default();
    (earlier(now, BACK), now.checked_add(ahead).unwrap_or(Timestamp::MAX))
}

/// The length of an event: to its end, of its duration, or one day.
fn length(event: &Component<'_>, zone: &TimeZone, begins: &At) -> Result<Length, String> {
    if let Some(end) = property(event, "DTEND") {
        let end = At::of(end, zone)?;
        if begins.day {
            let days = (end.local.date() - begins.local.date()).get_days();
            return Ok(Length::Days(days.into()));
        }
        return Ok(Length::Exact(end.instant()?.duration_since(begins.instant()?)));
    }
    if let Some(duration) = property(event, "DURATION") {
        let text = duration.val.to_string();
        let span: jiff::Span = text.parse().map_err(|_| format!("{text:?} is no duration"))?;
        let exact =
            span.to_duration(begins.local).map_err(|error: jiff::Error| error.to_string())?;
        let days = Length::Days(exact.as_hours() / 24);
        return Ok(if begins.day { days } else { Length::Exact(exact) });
    }
    Ok(if begins.day { Length::Days(1) } else { Length::Exact(SignedDuration::ZERO) })
}

/// When an event begins: once, by its rule, and on additional dates; without the excluded ones.
fn beginnings(
    event: &Component<'_>,
    begins: &At,
    single: bool,
    now: Timestamp,
) -> Result<Vec<Timestamp>, String> {
    let first = begins.instant()?;
    if single {
        return Ok(vec![first]);
    }
    let mut all: BTreeSet<Timestamp> = match property(event, "RRULE") {
        Some(rule) => by_rule(rule.val.as_ref(), begins, now)?.into_iter().collect(),
        None => BTreeSet::from([first]),
    };
    all.extend(dates(event, "RDATE", begins)?);
    for excluded in dates(event, "EXDATE", begins)? {
        all.remove(&excluded);
    }
    Ok(all.into_iter().collect())
}

fn dates(event: &Component<'_>, name: &str, begins: &At) -> Result<Vec<Timestamp>, String> {
    let mut all = Vec::new();
    for dates in event.properties.iter().filter(|property| property.name == name) {
        for date in dates.val.as_ref().split(',') {
            // A period names its beginning first.
            let date = date.split('/').next().unwrap_or_default().to_owned();
            let one = Property { val: date.into(), ..dates.clone() };
            all.push(At::of(&one, &begins.zone)?.instant()?);
        }
    }
    Ok(all)
}

/// The occurrences of a rule around now.
fn by_rule(rule: &str, begins: &At, now: Timestamp) -> Result<Vec<Timestamp>, String> {
    // Such rules describe no freeze, and counting them from an old beginning takes long.
    if ["SECONDLY", "MINUTELY", "HOURLY"].iter().any(|often| rule.contains(often)) {
        return Err(format!("its rule {rule:?} repeats more than once a day"));
    }
    let zone = begins.zone.iana_name().unwrap_or("UTC");
    let local = begins.local.strftime("%Y%m%dT%H%M%S");
    let rule = with_utc_end(rule, begins)?;
    let text = format!("DTSTART;TZID={zone}:{local}\nRRULE:{rule}");
    let set: rrule::RRuleSet =
        text.parse().map_err(|error: rrule::RRuleError| error.to_string())?;
    let (past, end) = period(now);
    let time = |at: Timestamp| {
        chrono::DateTime::from_timestamp(at.as_second(), 0)
            .map(|at| at.with_timezone(&rrule::Tz::UTC))
            .ok_or_else(|| "its dates are out of range".to_owned())
    };
    let found = set.after(time(past)?).before(time(end)?).all(MOST_OCCURRENCES);
    if found.limited {
        return Err(format!("its rule {rule:?} has more than {MOST_OCCURRENCES} occurrences"));
    }
    let dates = found.dates.iter().map(|at| Timestamp::from_second(at.timestamp()));
    dates.collect::<Result<_, _>>().map_err(|error| error.to_string())
}

/// A rule whose end is in UTC, as a beginning with a zone needs it. A date lasts to its end in the zone of the event.
fn with_utc_end(rule: &str, begins: &At) -> Result<String, String> {
    let part = |part: &str| {
        let Some(text) = part.strip_prefix("UNTIL=") else { return Ok(part.to_owned()) };
        if text.ends_with('Z') {
            return Ok(part.to_owned());
        }
        let local = match Date::strptime("%Y%m%d", text) {
            Ok(date) => date.to_datetime(Time::constant(23, 59, 59, 0)),
            Err(_) => DateTime::strptime("%Y%m%dT%H%M%S", text)
                .map_err(|_| format!("{text:?} is no time"))?,
        };
        let zone = begins.zone.clone();
        let at = local.to_zoned(zone).map_err(|error| error.to_string())?.timestamp();
        Ok(format!("UNTIL={}", at.strftime("%Y%m%dT%H%M%SZ")))
    };
    let parts: Result<Vec<_>, String> = rule.split(';').map(part).collect();
    Ok(parts?.join(";"))
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
    fn long_event_freezes_to_its_end() {
        let long = event(&["DTSTART;VALUE=DATE:20260901", "DTEND;VALUE=DATE:20270106"]);
        assert_eq!(shown(&long), ["2026-09-01 to 2027-01-05"]);
    }

    #[test]
    fn whole_days_stay_whole_when_clocks_change() {
        let zone = TimeZone::get("Europe/Madrid").unwrap();
        let read = |body: &str| {
            let text = format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{body}END:VCALENDAR\r\n");
            events(&text, &zone, "2026-10-20T12:00:00Z".parse().unwrap()).unwrap()
        };
        // Sunday 2026-10-25 has 25 hours there.
        let sundays = event(&["DTSTART;VALUE=DATE:20261018", "RRULE:FREQ=WEEKLY;COUNT=3"]);
        let days: Vec<_> = read(&sundays).iter().map(|e| format!("{}-{}", e.from, e.to)).collect();
        assert_eq!(days, ["2026-10-25-2026-10-25", "2026-11-01-2026-11-01"]);
        let weekend = event(&["DTSTART;VALUE=DATE:20261024", "DTEND;VALUE=DATE:20261026"]);
        assert_eq!(read(&weekend)[0].to.to_string(), "2026-10-25");
    }

    #[test]
    fn last_day_of_a_rule_is_one_of_its_zone() {
        let until = |zone: &str, time: &str, until: &str| {
            event(&[
                &format!("DTSTART;TZID={zone}:20261201T{time}"),
                "DURATION:PT1H",
                &format!("RRULE:FREQ=DAILY;UNTIL={until}"),
            ])
        };
        assert_eq!(shown(&until("America/Los_Angeles", "180000", "20261202")).len(), 2);
        assert_eq!(shown(&until("Europe/Madrid", "233000", "20261202")).len(), 2);
        assert_eq!(shown(&until("Europe/Madrid", "233000", "20261202T120000")).len(), 1);
        let days = ["DTSTART;VALUE=DATE:20261201", "RRULE:FREQ=DAILY;UNTIL=20261203"];
        assert_eq!(shown(&event(&days)).len(), 3, "no day more");
        let single = ["DTSTART;VALUE=DATE:20261201", "RRULE:FREQ=DAILY;UNTIL=20261201"];
        assert_eq!(shown(&event(&single)).len(), 1);
    }

    #[test]
    fn additional_dates_freeze_and_endless_rules_are_refused() {
        let more = ["DTSTART;VALUE=DATE:20261205", "RDATE;VALUE=DATE:20261210,20261212"];
        assert_eq!(shown(&event(&more)).len(), 3);
        for rule in ["FREQ=SECONDLY", "FREQ=HOURLY", "FREQ=DAILY;BYHOUR=1,2,3,4,5,6,7,8,9,10"] {
            let often = ["DTSTART:20200101T000000Z", "DURATION:PT1M", &format!("RRULE:{rule}")];
            assert!(read(&event(&often)).is_err(), "{rule}");
        }
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
