//! The logs and figures of running builds, as a port.

use super::AppHosting;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::hosting::{Answer, Hosting as _};
use pointsman_core::ports::runtime::Runtime;
use pointsman_core::project::Target;
use pointsman_core::runtime_figures::Figures;
use pointsman_core::runtime_log::RuntimePage;
use pointsman_core::time::Timestamp;

impl AppHosting {
    /// The name of a build's revision at Cloud Run.
    fn revision_name(&self, target: &Target, build: &BuildId) -> String {
        self.revision(target, build).map_or(build.to_string(), |revision| revision.name)
    }
}

impl Runtime for AppHosting {
    fn entries<'a>(
        &'a self,
        target: &'a Target,
        builds: &'a [BuildId],
        since: Timestamp,
    ) -> Answer<'a, RuntimePage> {
        let revision = |build: &BuildId| self.revision_name(target, build);
        Box::pin(self.api.runtime_entries(target, builds, revision, since))
    }

    fn figures<'a>(
        &'a self,
        target: &'a Target,
        build: &'a BuildId,
        period: (Timestamp, Timestamp),
    ) -> Answer<'a, Figures> {
        Box::pin(async move {
            self.api.figures_of(target, &self.revision_name(target, build), period).await
        })
    }
}
