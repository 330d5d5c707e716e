//! What is new in the release that is about to be chosen.

use super::picker::picker_of;
use crate::domain::changes::Changes;
use crate::domain::error::Problem;
use crate::domain::release::ReleaseLabel;
use crate::tui::effect::{Effect, Ticket};
use crate::tui::model::Model;
use crate::tui::model::dialog::{Picker, Purpose};

/// Asks for it, where there is something to compare with.
pub(in crate::tui) fn ask(picker: &Picker, ticket: Ticket) -> Option<Effect> {
    let live = picker.live.clone().filter(|_| picker.purpose == Purpose::Deploy)?;
    let chosen = ReleaseLabel::new(picker.items.get(picker.selected)?.value.clone()).ok()?;
    (chosen != live).then(|| Effect::Compare(ticket, live, chosen))
}

/// The answer. Where releases are no commits there is none.
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
