//! What a command needs besides itself.

use super::args::Verb;

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

/// Whether a command reports or obeys freezes, so that calendars at addresses are fetched before it. A rollback obeys
/// none, and waits for no calendar.
pub(super) fn needs_calendars(verb: Option<&Verb>) -> bool {
    use Verb as V;
    matches!(
        verb,
        Some(
            V::Check
                | V::Plan(_)
                | V::Deploy(_)
                | V::Cleanup(_)
                | V::Migrate(_)
                | V::Status { .. }
                | V::Handover { .. }
                | V::Doctor { .. }
        )
    )
}
