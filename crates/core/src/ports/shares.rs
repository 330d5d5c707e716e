//! Traffic in shares, on a platform that can split it between builds.

use super::hosting::{Answer, Traffic};
use crate::event::Split;
use crate::project::Target;

/// Sets the share of each build.
pub trait Shares: Send + Sync {
    /// Gives builds these shares, which are absolute and sum up to 100, and every other build none. Returns once the
    /// platform's traffic shows them. Repeating it is harmless.
    fn set<'a>(&'a self, target: &'a Target, shares: &'a [Split]) -> Answer<'a, Traffic>;
}
