//! The state of an environment in a few lines and in JSON, as `status` prints it. It is made of the same evidence as the
//! screen and the handover.

use serde_json::{Value, json};

use super::drift::drift;
use super::freeze::frozen;
use super::handover::Post;
use super::ids::ServiceName;
use super::probe::State;
use super::snapshot::ServiceSnapshot;
use super::time::Timestamp;
use super::verdict::{Live, Undo};

/// What is true of an environment now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    pub environment: String,
    pub live: Live,
    pub undo: Undo,
    /// The freeze window, if one is active.
    pub frozen: Option<String>,
    pub drift: Vec<String>,
    /// The services whose automatic rollouts are disabled.
    pub held: Vec<ServiceName>,
    /// The services with their addresses.
    addresses: Vec<(ServiceName, String)>,
}

impl Status {
    /// The status of an environment.
    pub fn of(post: &Post<'_>, now: Timestamp) -> Self {
        let evidence = post.evidence(now);
        let services: &[ServiceSnapshot] = post.seen.map_or(&[], |seen| &seen.services);
        let held = services.iter().filter(|service| service.rollouts_held);
        let address = |service: &ServiceSnapshot| (service.service.clone(), service.url.clone());
        Self {
            environment: post.name.to_owned(),
            live: evidence.live(),
            undo: evidence.undo(),
            frozen: post.seen.and_then(|seen| frozen(&seen.freeze, now)),
            drift: post.seen.map_or_else(Vec::new, |seen| drift(seen, post.runs.first().copied())),
            held: held.map(|service| service.service.clone()).collect(),
            addresses: services.iter().map(address).collect(),
        }
    }

    /// The status as lines of text.
    pub fn lines(&self) -> Vec<String> {
        let line = |(service, url): &(ServiceName, String)| {
            let told = match &self.live {
                Live::Services(all) => {
                    let of = all.iter().find(|of| of.service == *service);
                    let health = of.and_then(|of| of.health);
                    let health = health.map_or("", |state| state.label());
                    format!("{} {health}", of.map_or("unknown", |of| of.name.as_str()))
                }
                other @ (Live::NotRead | Live::Unknown(_)) => other.sentence(),
            };
            format!("  {:<12} {url:<28} {told}", service.as_str()).trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.addresses.iter().map(line).collect();
        lines.push(format!("  {:<12} {}", "undo", self.undo.sentence()));
        let held = self.held.iter();
        lines.extend(held.map(|service| {
            format!(
                "  {service}: automatic rollouts are DISABLED until a run is promoted; now: pointsman allow-rollouts {}",
                self.environment
            )
        }));
        lines.extend(self.drift.iter().map(|told| format!("  DRIFT: {told}")));
        lines.extend(self.frozen.iter().map(|told| format!("  FROZEN: {told}")));
        lines
    }

    /// The status in JSON.
    pub fn json(&self) -> Value {
        let live = match &self.live {
            Live::Services(all) => {
                let one = |of: &super::verdict::LiveService| {
                    let health = of.health.map(State::label);
                    json!({ "service": of.service, "name": of.name, "health": health })
                };
                Some(all.iter().map(one).collect::<Vec<_>>())
            }
            Live::NotRead | Live::Unknown(_) => None,
        };
        let (to, until) = match &self.undo {
            Undo::To { release, warm_until, .. } => (Some(release), *warm_until),
            Undo::UnderWay
            | Undo::NothingMoved
            | Undo::Impossible(_)
            | Undo::NotRead
            | Undo::Unknown(_) => (None, None),
        };
        json!({
            // `null`: unknown; `live_sentence` says why.
            "live": live, "live_sentence": self.live.sentence(),
            "undo_to": to, "warm_until": until, "undo_sentence": self.undo.sentence(),
            "frozen": self.frozen, "drift": self.drift, "held": self.held,
        })
    }
}
