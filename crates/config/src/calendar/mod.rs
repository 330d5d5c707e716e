//! Freezes from an iCalendar file or address: `freeze: [{ name, calendar: freezes.ics }]`. Each event is a freeze. A
//! calendar that cannot be read is no empty calendar: it freezes until it can, and a person may override that by name.

mod events;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use self::events::{CalendarEvent, Read, events};
use super::file::Loaded;
use super::schema::environment::{EnvironmentConfig, FreezeConfig};
use pointsman_core::error::Problem;
use pointsman_core::freeze::Freeze;
use pointsman_core::ids::ServiceName;

/// The calendars that a config names, by their source and the zone of times without one, as far as they were read.
#[derive(Debug, Clone, Default)]
pub(super) struct Calendars(Arc<Mutex<BTreeMap<(String, String), Read>>>);

impl Calendars {
    /// The events of a calendar.
    fn of(&self, named: &str, zone: &str) -> Read {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let read = all.get(&(named.to_owned(), zone.to_owned())).cloned();
        read.unwrap_or_else(|| Err("it was not read yet".to_owned()))
    }
}

/// A calendar that a config names, to be read by the application.
#[derive(Debug)]
pub struct CalendarSource<'a> {
    loaded: &'a Loaded,
    freeze: &'a FreezeConfig,
    named: &'a str,
}

impl CalendarSource<'_> {
    /// The name of its freeze.
    pub fn name(&self) -> &str {
        &self.freeze.name
    }

    /// Its file. `None`: it is at an address.
    pub fn file(&self) -> Option<PathBuf> {
        (!is_address(self.named)).then(|| self.loaded.folder.join(self.named))
    }

    /// Its address. The error says why it has none that may be asked.
    pub fn address(&self) -> Result<String, String> {
        let address = match self.named.strip_prefix('$') {
            Some(name) => variable(name)?,
            None => self.named.to_owned(),
        };
        let address = match address.strip_prefix("webcal://") {
            Some(rest) => format!("https://{rest}"),
            None => address,
        };
        if address.starts_with("https://") || super::rules::is_loopback(&address) {
            return Ok(address);
        }
        Err("its address is not https".to_owned())
    }

    /// Takes its text, or why there is none.
    pub fn heard(&self, text: Result<&str, String>, now: Timestamp) {
        let zone = || TimeZone::get(&self.freeze.zone).map_err(|error| error.to_string());
        let read = text.and_then(|text| events(text, &zone()?, now));
        let mut all = self.loaded.calendars.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert((self.named.to_owned(), self.freeze.zone.clone()), read);
    }
}

/// Reads a variable of this process: the address of a calendar is often its secret.
#[expect(clippy::disallowed_methods, reason = "the config names the variable")]
fn variable(name: &str) -> Result<String, String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("${name} is not set here"))
}

impl Loaded {
    /// Every calendar of every environment.
    pub fn calendar_sources(&self) -> Vec<CalendarSource<'_>> {
        let freezes = self.config.environments.values().flat_map(|of| &of.freeze);
        freezes
            .filter_map(|freeze| {
                let named = freeze.calendar.as_deref()?;
                Some(CalendarSource { loaded: self, freeze, named })
            })
            .collect()
    }

    /// The freezes of an environment.
    pub(super) fn freezes_of(&self, of: &EnvironmentConfig) -> Result<Vec<Freeze>, Problem> {
        let each = of.freeze.iter().map(|freeze| self.freezes(freeze));
        Ok(each.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// The freezes of one entry of the config. A calendar has one for each event, and one that always holds if it cannot
    /// be read.
    fn freezes(&self, of: &FreezeConfig) -> Result<Vec<Freeze>, Problem> {
        let zone = TimeZone::get(&of.zone).map_err(|e| Problem::new(e.to_string()))?;
        let services: Vec<_> =
            of.services.iter().map(ServiceName::new).collect::<Result<_, _>>()?;
        let moment = |text: &Option<String>| {
            text.as_deref().unwrap_or_default().parse().map_err(Problem::new)
        };
        let Some(calendar) = &of.calendar else {
            let (name, from, to) = (of.name.clone(), moment(&of.from)?, moment(&of.to)?);
            return Ok(vec![Freeze { name, from, to, zone, services, unread: None }]);
        };
        match self.calendars.of(calendar, &of.zone) {
            Ok(events) => Ok(events
                .into_iter()
                .map(|CalendarEvent { name, from, to, zone }| Freeze {
                    name: format!("{}: {name}", of.name),
                    from,
                    to,
                    zone,
                    services: services.clone(),
                    unread: None,
                })
                .collect()),
            Err(why) => Ok(vec![Freeze::unread(of.name.clone(), zone, services, why)]),
        }
    }
}

/// Whether a calendar is at an address, and not in a file. `$NAME` is a variable that holds an address.
pub(super) fn is_address(calendar: &str) -> bool {
    calendar.contains("://") || calendar.starts_with('$')
}
