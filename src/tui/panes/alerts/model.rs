//! The state of the Alerts pane.

use serde::{Deserialize, Serialize};

use crate::domain::describe;
use crate::ports::outbox::{Delivery, DeliveryState, Silence};

/// The alert delivery queue, as the store has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The latest deliveries, newest first.
    pub latest: Vec<(Delivery, DeliveryState)>,
    /// Number of pending deliveries, including those that are not among the latest.
    pub pending: usize,
    pub silence: Option<Silence>,
}

/// The delivery queue, and the selection in it.
#[derive(Debug, Clone, Default)]
pub struct AlertsPane {
    /// `None` until the store is read.
    pub queue: Option<Queue>,
    pub selected: usize,
}

impl AlertsPane {
    /// The selected delivery.
    pub fn chosen(&self) -> Option<&(Delivery, DeliveryState)> {
        self.queue.as_ref()?.latest.get(self.selected)
    }
}

/// The full text of an alert: what happened, why, what to do now, and the state of its delivery.
pub(in crate::tui) fn whole(delivery: &Delivery, state: &DeliveryState) -> String {
    let alert = &delivery.alert;
    let state = format!("{}: {}", delivery.channel, describe::delivery(state));
    let parts = [&alert.text, &alert.why, &alert.now, &state];
    parts
        .into_iter()
        .filter(|part| !part.is_empty())
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join("\n")
}
