//! What a command needs besides itself.

use std::time::Duration;

use super::args::Verb;
use crate::app::calendars::{COPY_HOLDS, FETCH_AFTER};

/// Whether a command runs for a while or may raise alerts.
pub(super) fn drives(verb: Option<&Verb>) -> bool {
    use Verb as V;
    match verb {
        Some(V::Health(arguments)) => arguments.watch,
        None
        | Some(
            V::Deploy(_)
            | V::Rollback(_)
            | V::Cleanup(_)
            | V::Migrate(_)
            | V::Resume(_)
            | V::Attach { .. }
            | V::Runner { .. },
        ) => true,
        Some(_) => false,
    }
}

/// The age from which calendars at addresses are fetched before a command that obeys or reports freezes. A report waits for
/// no server as long as a copy can be used, and a rollback obeys no freeze.
pub(super) fn needs_calendars(verb: Option<&Verb>) -> Option<Duration> {
    use Verb as V;
    match verb? {
        V::Check | V::Plan(_) | V::Deploy(_) | V::Cleanup(_) | V::Migrate(_) => Some(FETCH_AFTER),
        V::Status { .. } | V::Handover { .. } | V::Doctor { .. } => Some(COPY_HOLDS),
        _ => None,
    }
}
