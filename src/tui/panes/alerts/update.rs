//! The Alerts pane: scrolling and copying.

use super::model::{Queue, whole};
use crate::tui::effect::Effect;
use crate::tui::model::Model;

/// Takes the queue from the store. The selected delivery stays selected when newer ones arrive.
pub(in crate::tui) fn read(model: &mut Model, queue: Queue) {
    let pane = &mut model.panes.alerts;
    let chosen = pane.chosen().map(|(delivery, _)| delivery.id).filter(|_| pane.selected > 0);
    let at = chosen.and_then(|id| queue.latest.iter().position(|(one, _)| one.id == id));
    pane.selected = at.unwrap_or(0);
    pane.queue = Some(queue);
}

/// Moves the selection by `by` deliveries.
pub(in crate::tui) fn scroll(model: &mut Model, by: isize) {
    let pane = &mut model.panes.alerts;
    let last = pane.queue.as_ref().map_or(0, |queue| queue.latest.len().saturating_sub(1));
    pane.selected = pane.selected.saturating_add_signed(by).min(last);
}

/// Copies the selected alert and the state of its delivery.
pub(in crate::tui) fn copy(model: &mut Model) -> Vec<Effect> {
    let Some((delivery, state)) = model.panes.alerts.chosen() else {
        model.tell("there is no alert to copy");
        return Vec::new();
    };
    let text = whole(delivery, state);
    let lines = text.lines().count();
    vec![Effect::Copy(text, lines)]
}
