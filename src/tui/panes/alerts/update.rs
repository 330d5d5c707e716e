//! The Alerts pane: copying.

use super::model::{chosen, whole};
use crate::tui::effect::Effect;
use crate::tui::model::Model;

/// Copies the selected alert and the state of its delivery.
pub(in crate::tui) fn copy(model: &mut Model) -> Vec<Effect> {
    let Some((delivery, state)) = chosen(model) else {
        model.tell("there is no alert to copy");
        return Vec::new();
    };
    let text = whole(delivery, state);
    let lines = text.lines().count();
    vec![Effect::Copy(text, lines)]
}
