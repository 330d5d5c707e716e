//! Reads the calendars of freezes: files each time, addresses through a copy in the state folder.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::App;
use crate::adapters::http::{client_within, text};
use crate::config::Loaded;
use crate::domain::hash::Hash;

/// Time limit for fetching a calendar.
const FETCH_WITHIN: Duration = Duration::from_secs(5);
/// Age from which a copy is fetched again before something that a freeze may stop.
pub const FETCH_AFTER: Duration = Duration::from_mins(15);
/// Age from which a copy that cannot be fetched again is not used: it may lack a freeze.
pub const COPY_HOLDS: Duration = Duration::from_hours(24);

impl App {
    /// Reads the calendars that are files, and the copies of the others.
    pub fn read_calendars(&self, loaded: &Loaded) {
        for calendar in loaded.calendar_sources() {
            let read = match calendar.file() {
                Some(file) => fs::read_to_string(file).map_err(|error| error.to_string()),
                None => self.copied(&calendar.address()),
            };
            calendar.heard(read.as_deref().map_err(Clone::clone), self.clock.now());
        }
    }

    /// Fetches the calendars at addresses whose copies are older than that, and reads them all. An address that does not
    /// answer costs some seconds.
    pub async fn fetch_calendars(&self, loaded: &Loaded, older: Duration) {
        let old = loaded.calendar_sources().into_iter().filter(|calendar| {
            let age = age(&self.copy_of(&calendar.address()));
            calendar.file().is_none() && age.is_none_or(|age| age > older)
        });
        let fetched = old.map(|calendar| async move {
            let address = calendar.address();
            if let Err(why) = self.fetch(&address).await {
                tracing::warn!(calendar = calendar.name(), why, "a calendar is not fetched");
            }
        });
        futures_util::future::join_all(fetched).await;
        self.read_calendars(loaded);
    }

    async fn fetch(&self, address: &Result<String, String>) -> Result<(), String> {
        let address = address.clone()?;
        let client = client_within(FETCH_WITHIN).map_err(|problem| problem.to_string())?;
        // The address may hold a secret, so errors leave it out.
        let lost = |error: reqwest::Error| error.without_url().to_string();
        let answer = client.get(&address).send().await.map_err(lost)?;
        let status = answer.status();
        if !status.is_success() {
            return Err(format!("HTTP {}", status.as_u16()));
        }
        let text = text(answer).await.map_err(|error| error.either(lost, |why| why))?;
        // A login page must not replace a good copy.
        if !text.contains("BEGIN:VCALENDAR") {
            return Err("its answer is no iCalendar text".to_owned());
        }
        let copy = self.copy_of(&Ok(address));
        let whole = copy.with_extension(format!("{}.new", std::process::id()));
        let written = copy.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(&whole, text));
        written.and_then(|()| fs::rename(&whole, &copy)).map_err(|error| error.to_string())
    }

    /// The copy of a calendar at an address.
    fn copied(&self, address: &Result<String, String>) -> Result<String, String> {
        address.clone()?;
        let copy = self.copy_of(address);
        let age = age(&copy).ok_or_else(|| "it was never fetched".to_owned())?;
        if age > COPY_HOLDS {
            return Err(format!(
                "it was fetched {} hours ago for the last time",
                age.as_secs() / 3600
            ));
        }
        fs::read_to_string(&copy).map_err(|error| error.to_string())
    }

    fn copy_of(&self, address: &Result<String, String>) -> PathBuf {
        let name = Hash::of(address.as_deref().unwrap_or_default().as_bytes());
        self.state.join("calendars").join(format!("{}.ics", name.short()))
    }
}

fn age(file: &std::path::Path) -> Option<Duration> {
    let modified = fs::metadata(file).ok()?.modified().ok()?;
    match SystemTime::now().duration_since(modified) {
        Ok(age) => Some(age),
        // The clock of a shared folder may be a little ahead; one from a later day is as good as none.
        Err(ahead) => (ahead.duration() < FETCH_AFTER).then_some(Duration::ZERO),
    }
}
