//! Which release customers get, in one sentence: for the screen, the report and the alerts.

use super::{RunView, ServiceView, StepState};
use crate::ids::ServiceName;
use crate::plan::RunKind;
use crate::step::{Side, StepKind};

/// The live release when the run started.
enum Before {
    /// The traffic was not read.
    NotRead,
    /// No service had a build with traffic.
    Nothing,
    /// A release, or builds of an unknown one.
    Live(String),
}

impl RunView {
    /// The side that has all traffic of all services.
    pub fn side(&self) -> Option<Side> {
        let all = |side: Side| {
            let mut services = self.services.values();
            services.all(|s| s.serving.is_some() && s.serving.as_ref() == s.build(side))
        };
        [Side::Blue, Side::Green].into_iter().find(|side| all(*side))
    }

    /// What customers get, for a run that can move traffic. `driven`: a process drives the run, so its last read is
    /// current; otherwise the sentence is in the past tense.
    pub fn customers(&self, driven: bool) -> Option<String> {
        let about = matches!(self.plan.kind, RunKind::Deploy | RunKind::Rollback);
        about.then(|| self.live_sentence(driven))
    }

    fn live_sentence(&self, driven: bool) -> String {
        let before = self.before();
        let blue = match &before {
            Before::Live(name) => name.as_str(),
            Before::NotRead | Before::Nothing => "no build",
        };
        let green = self.plan.name().map_or("green".to_owned(), |name| name.to_string());
        if let Some((on_green, on_blue)) = self.split() {
            let names = |of: Vec<&ServiceName>| {
                of.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            };
            let unread = self.services.iter().filter(|(_, seen)| seen.switch_unread());
            let unread = names(unread.map(|(name, _)| name).collect());
            let unread = if unread.is_empty() { unread } else { format!("; unknown: {unread}") };
            let (on_green, on_blue) = (names(on_green), names(on_blue));
            return format!("SPLIT: {on_green} on {green}, {on_blue} on {blue}{unread}.");
        }
        if self.traffic_unknown() {
            return format!("The live build is unknown: {}.", self.traffic_read());
        }
        let over = self.ended.is_some();
        if let Some(shared) = self.shared_sentence((&green, blue), driven, over) {
            return shared;
        }
        let then = if over { "When it ended" } else { "When it was last driven" };
        let again = if over { " again" } else { "" };
        match self.side() {
            _ if !self.touched_traffic() => Self::untouched(&before, over, driven),
            Some(side) if self.unconfirmed(side) => {
                let name = if side == Side::Blue { blue } else { &green };
                let again = if side == Side::Blue { again } else { "" };
                let all = if driven && !over {
                    format!("All traffic is on {name}")
                } else {
                    format!("{then}, {name} had all traffic{again}")
                };
                format!("{all}, but the public address did not confirm it.")
            }
            Some(Side::Blue) if driven && !over => format!("Customers are back on {blue}."),
            Some(Side::Green) if driven && !over => format!("Customers are on {green}."),
            Some(Side::Blue) => format!("{then}, {blue} was live{again}."),
            Some(Side::Green) => format!("{then}, {green} was live."),
            None => format!("No release has all traffic: {}.", self.traffic_read()),
        }
    }

    /// Whether a side has the traffic by the platform's word alone: its public address named another build or none, or
    /// nothing asked it.
    fn unconfirmed(&self, side: Side) -> bool {
        let asks = StepKind::Attest { side };
        self.steps.iter().rev().find(|step| step.plan.kind == asks).is_some_and(|step| {
            matches!(
                step.state,
                StepState::Failed { .. } | StepState::InDoubt | StepState::NotRun { .. }
            )
        })
    }

    /// The shares that this run has given GREEN, if customers are between the builds on purpose.
    fn shared_sentence(
        &self,
        (green, blue): (&str, &str),
        driven: bool,
        over: bool,
    ) -> Option<String> {
        let shares = self.services.iter().map(|(name, seen)| (name, seen.green_share()));
        let shares: Vec<_> = shares.collect();
        let (_, first) = shares.first()?;
        if let Some(percent) = first.filter(|_| shares.iter().all(|(_, share)| share == first)) {
            let people = format!("{percent} % of customers");
            return Some(match (driven, over) {
                (true, false) => format!("{people} are on {green}, the others on {blue}."),
                (false, false) => {
                    format!(
                        "When it was last driven, {people} were on {green}, the others on {blue}."
                    )
                }
                (_, true) => {
                    format!("When it ended, {people} were on {green}, the others on {blue}.")
                }
            });
        }
        let part = |(name, share): &(&ServiceName, Option<u8>)| match share {
            Some(percent) => format!("{name} {percent} % on {green}"),
            None => format!("{name} {}", self.services[*name].live()),
        };
        let known = shares.iter().any(|(_, share)| share.is_some());
        let parts = shares.iter().map(part).collect::<Vec<_>>().join(", ");
        known.then(|| {
            let verb = if driven && !over { "Customers are" } else { "Customers were" };
            format!("{verb} shared: {parts}; the others on {blue}.")
        })
    }

    /// The sentence for a run that moved no traffic.
    fn untouched(before: &Before, over: bool, driven: bool) -> String {
        let moved = match (over, driven) {
            (true, _) => "It moved no traffic",
            (false, true) => "It has moved no traffic yet",
            (false, false) => "It had moved no traffic yet",
        };
        let live = match before {
            Before::NotRead => return format!("{moved}; which build is live was not read."),
            Before::Nothing => format!("{moved}, and no build was live."),
            Before::Live(blue) if over => format!("{moved}: {blue} stayed live."),
            Before::Live(blue) if driven => format!("Customers are still on {blue}."),
            Before::Live(blue) => format!("{moved}: {blue} was live."),
        };
        format!("{live} Nothing to undo.")
    }

    fn before(&self) -> Before {
        let services = || self.services.values();
        match self.blue_name() {
            Some(name) => Before::Live(name.to_string()),
            None if services().any(|s| s.blue.is_some()) => {
                Before::Live("the previous build".to_owned())
            }
            None if services().all(|s| s.blue_known) && !self.services.is_empty() => {
                Before::Nothing
            }
            None => Before::NotRead,
        }
    }

    /// The traffic of each service as the run last read it.
    fn traffic_read(&self) -> String {
        let one = |(name, seen): (&ServiceName, &ServiceView)| format!("{name} {}", seen.live());
        self.services.iter().map(one).collect::<Vec<_>>().join(", ")
    }
}
