//! Detects cached responses: a response that a cache stored before the probe proves nothing about the current
//! state.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long `Date`, which counts whole seconds, may stay the same; after that, the response comes from a cache.
const CACHED_IF_UNCHANGED_FOR: Duration = Duration::from_secs(2);

/// The last `Date` of each URL, and when it was first seen.
#[derive(Debug, Default)]
pub(super) struct Dates(Mutex<HashMap<String, (String, Duration)>>);

impl Dates {
    /// Why a response comes from a cache, if it does. `asked` is the monotonic time of the request.
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
