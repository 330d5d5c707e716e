//! Whether an answer is fresh: what a cache kept from before the question proves nothing about now.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A `Date` counts whole seconds; one that stays the same for longer comes from a cache.
const CACHED_IF_UNCHANGED_FOR: Duration = Duration::from_secs(2);

/// The `Date` that each address answered with last, and when it was first heard.
#[derive(Debug, Default)]
pub(super) struct Dates(Mutex<HashMap<String, (String, Duration)>>);

impl Dates {
    /// Why an answer comes from a cache, if it does. `asked` is when its question was put.
    pub(super) fn cached(
        &self,
        url: &str,
        headers: &[(String, String)],
        asked: Duration,
    ) -> Option<String> {
        let of = |name: &str| {
            headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
        };
        if let Some(age) = of("age").and_then(|age| age.parse::<u64>().ok()).filter(|a| *a > 0) {
            return Some(format!("a cache answered: Age is {age} s"));
        }
        let date = of("date")?;
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(url) {
            Some((last, since)) if last == date => {
                let still = asked.saturating_sub(*since);
                let seconds = still.as_secs();
                (still > CACHED_IF_UNCHANGED_FOR)
                    .then(|| format!("a cache answered: Date has not changed for {seconds} s"))
            }
            _ => {
                known.insert(url.to_owned(), (date.to_owned(), asked));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_answers_are_detected() {
        let dates = Dates::default();
        let ask = |date: &str, age: &str, at: u64| {
            let headers =
                [("Date".to_owned(), date.to_owned()), ("AGE".to_owned(), age.to_owned())];
            dates.cached("http://a", &headers, Duration::from_secs(at)).is_some()
        };
        assert!(!ask("10:00:00", "0", 0));
        assert!(!ask("10:00:00", "0", 1), "within one second or so");
        assert!(ask("10:00:00", "0", 3));
        assert!(!ask("10:00:03", "0", 3), "the date moves");
        assert!(ask("10:00:04", "12", 4));
    }
}
