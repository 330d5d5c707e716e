//! What another machine does between two calls of one operation: it reads, sends commands, begins runs and claims them.

use std::sync::{Arc, Mutex};

use pointsman::domain::command::Command;
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::{Journal as _, Listed};
use pointsman::store::SqliteStore;

use super::machine::{Machine, Started};
use super::mortal::unless_it_dies;
use super::place::{Place, Process};
use super::server::Other;
use crate::world::planned;

/// A separate process of the other machine.
struct Visitor {
    place: Arc<Place>,
    process: Process,
    journal: Mutex<SqliteStore>,
    started: Started,
}

/// The visits of a machine to others.
pub(crate) fn visits(machine: &Machine) -> Other {
    let place = machine.place.clone();
    let process = place.process();
    let journal = Mutex::new(place.store(&process));
    let visitor = Visitor { place, process, journal, started: machine.started.clone() };
    Box::new(move || {
        let what = unless_it_dies(|| visitor.acts());
        let checks = &visitor.place.setting.checks;
        if let Some(Some(what)) = what {
            checks.tell(visitor.place.clock.elapsed(), &format!("meanwhile, elsewhere: {what}"));
        }
    })
}

impl Visitor {
    fn acts(&self) -> Option<String> {
        let chance = &self.place.setting.chance;
        let kind = chance.within(0..20);
        if kind < 12 || self.process.life.is_over() {
            self.process.link.as_ref()?.read_now();
            return None;
        }
        let runs = self.journal.lock().unwrap().runs(None, 10).unwrap_or_default();
        let under_way = runs.iter().find(|listed| listed.view.ended.is_none());
        match (kind, under_way) {
            (12..16, Some(listed)) => Some(self.sends(listed)),
            (16 | 17, Some(listed)) => Some(self.claims(listed)),
            (18 | 19, _) => Some(self.begins()),
            _ => None,
        }
    }

    fn count(&self, what: &'static str) {
        self.place.setting.checks.count(what);
    }

    fn sends(&self, Listed { view, .. }: &Listed) -> String {
        let all = [
            Command::approve(),
            Command::Pause,
            Command::Resume,
            Command::Retry,
            Command::Rollback,
            Command::Abort { now: true },
            Command::Claim,
            Command::Offer,
            Command::Accept,
        ];
        let command = self.place.setting.chance.one_of(&all);
        let mut journal = self.journal.lock().unwrap();
        let now = self.place.clock.now();
        let sent = journal.send(view.number, "cy", view.last_seq, command, now);
        if sent.is_ok() {
            self.count("a command was sent between two calls");
        }
        let sent = sent.map_or_else(|error| error.to_string(), |id| id.to_string());
        format!("{command:?} to run {}: {sent}", view.number)
    }

    fn claims(&self, Listed { view, .. }: &Listed) -> String {
        let claimed = self.place.claimed(view.number).map(|driver| {
            self.count("a run was claimed between two calls");
            self.started.push(driver);
        });
        let claimed = claimed.map_or_else(|error| error.to_string(), |()| "claimed".to_owned());
        format!("run {}: {claimed}", view.number)
    }

    fn begins(&self) -> String {
        let release = format!("9.{}.0", self.place.setting.chance.within(0..50));
        let plan = planned(self.place.setting.spec(), &release);
        let begun = self.place.begun(&plan, self.place.setting.chance.percent(20)).map(|driver| {
            self.count("a run was begun between two calls");
            let run = driver.view.number;
            self.started.push(driver);
            run
        });
        begun.map_or_else(|error| error.to_string(), |run| format!("run {run} begins: {release}"))
    }
}
