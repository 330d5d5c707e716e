//! The logs and figures of running builds, as a port.

use super::AppHosting;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::Answer;
use pointsman_core::ports::runtime::Runtime;
use pointsman_core::project::Target;
use pointsman_core::runtime_figures::Figures;
use pointsman_core::runtime_log::RuntimePage;
use pointsman_core::time::Timestamp;

impl Runtime for AppHosting {
    fn entries<'a>(
        &'a self,
        target: &'a Target,
        builds: &'a [BuildId],
        since: Timestamp,
    ) -> Answer<'a, RuntimePage> {
        Box::pin(self.runtime_entries(target, builds, since))
    }

    fn figures<'a>(
        &'a self,
        target: &'a Target,
        build: &'a BuildId,
        period: (Timestamp, Timestamp),
    ) -> Answer<'a, Figures> {
        Box::pin(self.figures_of(target, build, period))
    }
}
