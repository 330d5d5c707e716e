//! The delivery queue of alerts. An alert is kept until it is delivered once, in order for each channel.

use std::time::Duration;

use super::BoxFuture;
use super::journal::JournalError;
use crate::alert::{Alert, Channel, Notify};
use crate::time::Timestamp;

/// An alert for one channel.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Delivery {
    /// The id in the store.
    pub id: u64,
    pub channel: Channel,
    pub alert: Alert,
    pub attempts: u32,
    /// Time since which every process that tried lacked the channel's setting. `None`: the last one had it.
    pub unset_since: Option<Timestamp>,
}

/// The state of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DeliveryState {
    /// Pending: waiting for its turn or its next attempt.
    Waits {
        until: Timestamp,
        /// The error of the last attempt.
        why: String,
    },
    Delivered(Timestamp),
    GivenUp(String),
    /// Not sent: alerts were silenced at that time.
    Silenced,
    /// Another machine has sent it: its name.
    Elsewhere(String),
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryResult {
    Taken,
    /// Retry later; not before this delay if the receiver asks for one.
    Later(String, Option<Duration>),
    /// This process lacks a setting that the channel needs; another one may have it.
    NotConfigured(String),
    /// The channel refused it for good.
    Refused(String),
}

/// The delivery queue of alerts.
pub trait Outbox: Send {
    /// Queues an alert once for every channel that wants it.
    fn put(&mut self, notify: &Notify, alert: &Alert) -> Result<(), JournalError>;
    /// The first due delivery of any channel, claimed for a while: no other process gets it, and
    /// later deliveries of that channel wait.
    fn due(&mut self, now: Timestamp) -> Result<Option<Delivery>, JournalError>;
    /// Makes every pending delivery due now.
    fn hurry(&mut self, now: Timestamp) -> Result<(), JournalError>;
    /// Records the result of an attempt.
    fn settle(&mut self, letter: &Delivery, fate: &DeliveryState) -> Result<(), JournalError>;
    /// The newest deliveries, each with its state.
    fn letters(&self, limit: usize) -> Result<Vec<(Delivery, DeliveryState)>, JournalError>;
    /// Time of the next due delivery.
    fn soonest(&self) -> Result<Option<Timestamp>, JournalError>;
    /// Number of pending deliveries.
    fn waiting(&self) -> Result<usize, JournalError>;
}

/// Delivers an alert to its channel.
pub trait Notifier: Send + Sync {
    /// Makes one attempt, which takes some seconds at most.
    fn deliver<'a>(&'a self, letter: &'a Delivery) -> BoxFuture<'a, DeliveryResult>;
}
