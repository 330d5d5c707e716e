//! What the platform knows of builds while they run: their logs, and the figures of their requests.

use super::hosting::Answer;
use crate::ids::BuildId;
use crate::project::Target;
use crate::runtime_figures::Figures;
use crate::runtime_log::RuntimePage;
use crate::time::Timestamp;

/// The logs and figures of running builds.
pub trait Runtime: Send + Sync {
    /// What these builds of a backend logged from a time on, in any order. Entries may arrive minutes late.
    fn entries<'a>(
        &'a self,
        target: &'a Target,
        builds: &'a [BuildId],
        since: Timestamp,
    ) -> Answer<'a, RuntimePage>;
    /// The figures of one build in a period. They come minutes late.
    fn figures<'a>(
        &'a self,
        target: &'a Target,
        build: &'a BuildId,
        period: (Timestamp, Timestamp),
    ) -> Answer<'a, Figures>;
}
