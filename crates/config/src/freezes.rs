//! The rules of `freeze:`.

use jiff::tz::TimeZone;
use pointsman_core::freeze::{Moment, window_of};

use super::calendar::is_address;
use super::rules::is_loopback;
use super::schema::environment::{EnvironmentConfig, FreezeConfig};

/// The keys below the environment that are wrong, each with its message.
pub(super) fn wrong(name: &str, environment: &EnvironmentConfig) -> Vec<(Vec<String>, String)> {
    let mut wrong = Vec::new();
    for (at, freeze) in environment.freeze.iter().enumerate() {
        let at = at.to_string();
        let found = of_one(name, environment, freeze).into_iter();
        wrong.extend(found.map(|(key, message)| {
            (["freeze", at.as_str(), key].map(str::to_owned).to_vec(), message)
        }));
    }
    wrong
}

fn of_one(
    name: &str,
    environment: &EnvironmentConfig,
    freeze: &FreezeConfig,
) -> Vec<(&'static str, String)> {
    let mut wrong = Vec::new();
    if TimeZone::get(&freeze.zone).is_err() {
        wrong.push(("zone", format!("{:?} is no time zone of the IANA list", freeze.zone)));
    }
    match (&freeze.from, &freeze.to, &freeze.calendar) {
        (Some(from), Some(to), None) => match (from.parse::<Moment>(), to.parse::<Moment>()) {
            (Ok(from), Ok(to)) => wrong.extend(window_of(from, to).err().map(|why| ("to", why))),
            (from, to) => {
                wrong.extend(from.err().map(|why| ("from", why)));
                wrong.extend(to.err().map(|why| ("to", why)));
            }
        },
        (None, None, Some(calendar)) => {
            let safe = ["https://", "webcal://", "$"].iter().any(|with| calendar.starts_with(with));
            if is_address(calendar) && !safe && !is_loopback(calendar) {
                let why = "a calendar is read over https, or from this machine".to_owned();
                wrong.push(("calendar", why));
            }
        }
        _ => {
            let why = format!("{} needs `from` and `to`, or `calendar`", freeze.name);
            wrong.push(("name", why));
        }
    }
    let services = &environment.services;
    for service in freeze.services.iter().filter(|service| !services.contains_key(*service)) {
        let known = services.keys().cloned().collect::<Vec<_>>().join(", ");
        wrong.push(("services", format!("{name} has no service {service:?}; it has {known}")));
    }
    wrong
}
