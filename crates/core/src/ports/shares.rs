//! Traffic in shares, on a platform that can split it between builds.

use super::hosting::{Answer, Traffic};
use crate::event::Split;
use crate::project::Target;

/// Sets the share of each build.
pub trait Shares: Send + Sync {
    /// Gives builds these shares, which are absolute and sum up to 100, and every other build none. Returns once the
    /// platform's traffic shows them. Repeating it is harmless. `found`: the traffic that the decision rests on; if it is
    /// another one now, nothing is changed and the error is [`Failure::Drift`](crate::step::Failure::Drift).
    fn set<'a>(
        &'a self,
        target: &'a Target,
        shares: &'a [Split],
        found: &'a [Split],
    ) -> Answer<'a, Traffic>;
}
