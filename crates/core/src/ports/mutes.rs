//! Alerts that people have switched off for a while: those of one probe, or all of them.

use std::collections::BTreeMap;

use super::journal::JournalError;
use crate::probe::Mute;
use crate::time::Timestamp;

/// What is switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Muted<'a> {
    /// A probe, by the key that [`crate::probe::Probe::muted_by`] gives.
    Probe(&'a str),
    /// Every alert: a silence.
    Everything,
}

/// A silence: its end, its actor and its reason.
pub type Silence = (Timestamp, String, String);

/// Who acts, and when.
pub type By<'a> = (&'a str, Timestamp);

/// The mutes of probes and the silence, for everyone who uses the same store.
pub trait Mutes: Send {
    /// Switches alerts off until a time, with a reason, or on again. A later call replaces an earlier one.
    fn mute(
        &mut self,
        what: Muted<'_>,
        until: Option<(Timestamp, &str)>,
        by: By<'_>,
    ) -> Result<(), JournalError>;
    /// The mutes in force, by the key of their probe. Each reason names who gave it.
    fn mutes(&self, now: Timestamp) -> Result<BTreeMap<String, Mute>, JournalError>;
    /// The silence in force.
    fn silence(&self, now: Timestamp) -> Result<Option<Silence>, JournalError>;
}
