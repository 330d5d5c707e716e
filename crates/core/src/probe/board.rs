//! Every probe that is watched, and how it stands.

use std::collections::BTreeMap;

use super::{Change, Measurement, Probe, ProbeSnapshot, Watch};
use crate::time::Timestamp;

/// A mute: until when, and why.
pub type Mute = (Timestamp, String);

/// A state that changed, and whose.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProbeChange {
    pub key: String,
    /// Its name, with its role.
    pub name: String,
    /// Whether customers reach it.
    pub live: bool,
    pub change: Change,
}

impl ProbeChange {
    /// What alerts are about: the service, whichever build is live. A switch changes the label (GREEN, BLUE),
    /// and an alert that it is down must still find its "up again".
    pub fn subject(&self) -> &str {
        self.key.split('@').next().unwrap_or_default()
    }
}

/// The watches over some probes.
#[derive(Debug, Clone, Default)]
pub struct Board {
    rows: Vec<(Probe, Watch)>,
    mutes: BTreeMap<String, Mute>,
}

impl Board {
    /// Watches these from now on, in this order. What is known of one that was watched before stays;
    /// `past` holds the history of probes that were not watched before.
    pub fn watch(&mut self, probes: Vec<Probe>, mut past: impl FnMut(&str) -> Vec<Measurement>) {
        let mut known = std::mem::take(&mut self.rows);
        for probe in probes {
            let at = known.iter().position(|(before, _)| before.key == probe.key);
            let mut watch = if let Some(at) = at {
                known.swap_remove(at).1
            } else {
                let mut watch = Watch::new(probe.rules, probe.interval, probe.timeout);
                for heard in past(&probe.key) {
                    watch.push(heard);
                }
                watch
            };
            watch.go_by(probe.rules, probe.interval, probe.timeout);
            self.rows.push((probe, watch));
        }
    }

    /// Takes an answer. Answers of removed probes are ignored.
    pub fn hear(&mut self, key: &str, heard: Measurement) -> Option<ProbeChange> {
        let (probe, watch) = self.rows.iter_mut().find(|(probe, _)| probe.key == key)?;
        let change = watch.push(heard)?;
        Some(ProbeChange { key: key.to_owned(), name: probe.label(), live: probe.live, change })
    }

    /// Advances the time: samples become stale, mutes end.
    pub fn tick(&mut self, now: Timestamp) -> Vec<ProbeChange> {
        self.mutes.retain(|_, (until, _)| *until > now);
        let turned = self.rows.iter_mut().filter_map(|(probe, watch)| {
            let change = watch.tick(now)?;
            let key = probe.key.clone();
            Some(ProbeChange { key, name: probe.label(), live: probe.live, change })
        });
        turned.collect()
    }

    /// Who is muted. What has ended by now counts no more.
    pub fn mute(&mut self, mutes: BTreeMap<String, Mute>, now: Timestamp) {
        self.mutes = mutes;
        self.mutes.retain(|_, (until, _)| *until > now);
    }

    /// Every probe as it stands.
    pub fn seen(&self) -> Vec<ProbeSnapshot> {
        let one = |(probe, watch): &(Probe, Watch)| {
            ProbeSnapshot::of(probe, watch, self.mutes.get(&probe.muted_by()).cloned())
        };
        self.rows.iter().map(one).collect()
    }

    pub fn probes(&self) -> impl Iterator<Item = &Probe> {
        self.rows.iter().map(|(probe, _)| probe)
    }
}
