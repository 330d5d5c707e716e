//! Addresses of builds without traffic, on a platform that gives none by itself.

use super::hosting::Answer;
use crate::ids::BuildId;
use crate::project::Target;

/// Preview addresses under tags.
pub trait Previews: Send + Sync {
    /// Gives a build an address without traffic, unless it has it. The error says why it cannot have one.
    fn open<'a>(&'a self, target: &'a Target, build: &'a BuildId) -> Answer<'a, String>;
    /// Whether a build has its address.
    fn is_open<'a>(&'a self, target: &'a Target, build: &'a BuildId) -> Answer<'a, bool>;
    /// Takes away every address that Pointsman gave, also those of earlier runs. Returns how many.
    fn close<'a>(&'a self, target: &'a Target) -> Answer<'a, usize>;
}
