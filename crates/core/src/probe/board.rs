//! The board of monitored probes, with their states.

use std::collections::BTreeMap;

use super::{Change, Measurement, Probe, ProbeSnapshot, Watch};
use crate::time::Timestamp;

/// A mute: its end and its reason.
pub type Mute = (Timestamp, String);

/// A change of a probe's state.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ProbeChange {
    pub key: String,
    /// The name, with the role.
    pub name: String,
    /// Whether customers reach it.
    pub live: bool,
    pub change: Change,
}

impl ProbeChange {
    /// The subject of alerts: the service, whichever build is live. A switch changes the label (GREEN, BLUE), but a
    /// recovery alert must still match the alert that the service is down.
    pub fn subject(&self) -> &str {
        self.key.split('@').next().unwrap_or_default()
    }
}

/// The monitored probes, each with its state, and the mutes.
#[derive(Debug, Clone, Default)]
pub struct Board {
    rows: Vec<(Probe, Watch)>,
    mutes: BTreeMap<String, Mute>,
}

impl Board {
    /// Sets the monitored probes, in this order. A probe that was monitored before keeps its state;
    /// `past` returns the history of the others.
    pub fn watch(&mut self, probes: Vec<Probe>, mut past: impl FnMut(&str) -> Vec<Measurement>) {
        let mut known = std::mem::take(&mut self.rows);
        for probe in probes {
            let at = known.iter().position(|(before, _)| before.key == probe.key);
            let mut watch = if let Some(at) = at {
                known.swap_remove(at).1
            } else {
                let mut watch = Watch::new(probe.rules, probe.interval, probe.timeout);
                for heard in past(&probe.key) {
                    watch.recall(heard);
                }
                watch
            };
            watch.go_by(probe.rules, probe.interval, probe.timeout);
            self.rows.push((probe, watch));
        }
    }

    /// Adds an answer. Returns the change of state, if there is one. Answers of removed probes are ignored.
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

    /// Sets the mutes, without those that have ended by now.
    pub fn mute(&mut self, mutes: BTreeMap<String, Mute>, now: Timestamp) {
        self.mutes = mutes;
        self.mutes.retain(|_, (until, _)| *until > now);
    }

    /// The snapshot of every probe.
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
