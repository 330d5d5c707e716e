//! Time as data. Nothing here reads a clock: timestamps arrive from `ports::clock`.

use std::time::Duration;

pub use jiff::Timestamp;

/// Parses the config's durations: `300ms`, `5s`, `2m`, `1h`, also `1m 30s`. Bare numbers are
/// refused, because a reader cannot tell whether they are seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let signed: jiff::SignedDuration = text
        .parse()
        .map_err(|_| format!("{text:?} is not a duration: write 300ms, 5s, 2m or 1h"))?;
    if text.trim_start().starts_with(['P', 'p', '-']) {
        return Err(format!("{text:?} is not a duration: write 300ms, 5s, 2m or 1h"));
    }
    Duration::try_from(signed).map_err(|_| format!("{text:?} is negative"))
}

/// The time before another one; the earliest possible if there is none.
pub fn earlier(than: Timestamp, by: Duration) -> Timestamp {
    let by = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
    than.checked_sub(by).unwrap_or(Timestamp::MIN)
}

/// Formats a duration for people: `300ms`, `4.2s`, `2m 05s`, `3h 20m`.
pub fn spoken(d: Duration) -> String {
    let s = d.as_secs();
    match s {
        0 => format!("{}ms", d.as_millis()),
        1..=9 => format!("{:.1}s", d.as_secs_f64()),
        10..=59 => format!("{s}s"),
        60..=3599 => format!("{}m {:02}s", s / 60, s % 60),
        _ => format!("{}h {:02}m", s / 3600, s % 3600 / 60),
    }
}

/// Serde form of a duration inside plans: `"2m"`, the same text the config takes.
pub mod text_form {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes whole milliseconds, in the largest unit without loss.
    pub fn serialize<S: Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
        let ms = d.as_millis();
        let text = match ms {
            0 => "0s".to_owned(),
            _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
            _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
            _ if ms.is_multiple_of(1000) => format!("{}s", ms / 1000),
            _ => format!("{ms}ms"),
        };
        s.serialize_str(&text)
    }

    /// Reads what `serialize` and the config write.
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Duration, D::Error> {
        super::parse_duration(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_config_durations() {
        for (text, ms) in [("300ms", 300), ("5s", 5000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(parse_duration(text).unwrap(), Duration::from_millis(ms), "{text}");
        }
        for bad in ["90", "-5s", "", "five", "PT5S"] {
            assert!(parse_duration(bad).is_err(), "{bad:?}");
        }
    }
}
