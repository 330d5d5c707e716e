//! The state of the Alerts pane.

use serde::{Deserialize, Serialize};

use crate::domain::describe;
use crate::ports::mutes::Silence;
use crate::ports::outbox::{Delivery, DeliveryState};
use crate::tui::list::{Rank, Row};
use crate::tui::model::Model;
use crate::tui::panes::Pane;

/// The alert delivery queue, as the store has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    /// The latest deliveries, newest first.
    pub latest: Vec<(Delivery, DeliveryState)>,
    /// Number of pending deliveries, including those that are not among the latest.
    pub pending: usize,
    pub silence: Option<Silence>,
}

/// The delivery queue.
#[derive(Debug, Clone, Default)]
pub struct AlertsPane {
    /// `None` until the store is read.
    pub queue: Option<Queue>,
}

/// The orders of the list.
pub(in crate::tui) const ORDERS: &[&str] = &["newest first", "undelivered first", "channel"];

/// The rows of the list.
pub(in crate::tui) fn list(model: &Model) -> Vec<Row> {
    let queue = model.panes.alerts.queue.iter();
    let row = |(delivery, state): &(Delivery, DeliveryState)| {
        let urgency = match state {
            DeliveryState::GivenUp(_) => 0,
            DeliveryState::Waits { .. } => 1,
            DeliveryState::Silenced => 2,
            DeliveryState::Delivered(_) | DeliveryState::Elsewhere(_) => 3,
        };
        let ranks = vec![Rank::Number(urgency), Rank::Text(delivery.channel.to_string())];
        Row { key: delivery.id.to_string(), text: whole(delivery, state), ranks }
    };
    queue.flat_map(|queue| &queue.latest).map(row).collect()
}

/// The selected delivery.
pub(in crate::tui) fn chosen(model: &Model) -> Option<&(Delivery, DeliveryState)> {
    model.panes.alerts.queue.as_ref()?.latest.get(model.chosen(Pane::Alerts)?)
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

/// The selected alert in full.
pub(in crate::tui) fn sheet(model: &Model) -> Option<String> {
    let (delivery, state) = chosen(model)?;
    let alert = &delivery.alert;
    let place = alert.environment.as_ref().map_or("", |name| name.as_str());
    let at = alert.at.strftime("%Y-%m-%d %H:%M:%SZ");
    Some(format!("{at}  {place}\n\n{}", whole(delivery, state)))
}
