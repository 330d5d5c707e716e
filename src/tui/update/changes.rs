//! The changes in the release that is selected for a deploy.

use super::picker::picker_of;
use crate::domain::changes::Changes;
use crate::domain::error::Problem;
use crate::domain::release::ReleaseLabel;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Picked, Picker, Purpose};

/// Requests the changes, if there is another live release to compare with.
pub(in crate::tui) fn ask(picker: &Picker, ticket: Ticket) -> Option<Effect> {
    let live = picker.live.clone().filter(|_| picker.purpose == Purpose::Deploy)?;
    // Comparing typed text would send a request per letter.
    let Picked::Item(at) = picker.choice() else { return None };
    let chosen = ReleaseLabel::new(picker.items.get(at)?.value.clone()).ok()?;
    (chosen != live).then(|| Effect::Compare(ticket, live, chosen))
}

/// Takes the changes; `None` if releases are not commits.
pub(in crate::tui) fn compared(
    model: &mut Model,
    ticket: Ticket,
    to: &ReleaseLabel,
    compared: Result<Option<Changes>, Problem>,
) {
    if let Some(picker) = picker_of(model, ticket) {
        picker.changes = compared.transpose().map(|changes| (to.clone(), changes));
    }
}
