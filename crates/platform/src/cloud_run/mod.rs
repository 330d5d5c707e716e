//! Services of Cloud Run over its REST API v2, at Google and in the emulator (`docs/internals/cloud-run.md`). A build is a
//! revision, its preview address a tag without traffic, and a switch sets the shares of revisions. Never tried against
//! Google's servers.

mod change;
mod revision;
mod service;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::Auth;
use crate::google_api::{Client, Kind};
use pointsman_core::build_config::SecretRef;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::google_write::GoogleWrite;
use pointsman_core::health::Revision;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::Member;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::hosting::{
    Answer, Build, DomainTrouble, Hosting, LogPart, NewBuild, NewRollout, Traffic,
};
use pointsman_core::ports::runtime::Runtime;
use pointsman_core::ports::shares::Shares;
use pointsman_core::project::Target;
use pointsman_core::runtime_figures::Figures;
use pointsman_core::runtime_log::RuntimePage;
use pointsman_core::secret::SecretLook;
use pointsman_core::time::Timestamp;

/// A client of Cloud Run's REST API v2.
pub struct CloudRun {
    api: Client,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for CloudRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudRun").field("api", &self.api).finish_non_exhaustive()
    }
}

impl CloudRun {
    /// A client for the server at `base`.
    pub fn new(
        base: impl Into<String>,
        bearer: Auth,
        kind: Kind,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Problem> {
        Client::new(base, bearer, kind).map(|api| Self { api, clock })
    }

    /// Sets the maximum tries of a call.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { api: Client { attempts, ..self.api }, ..self }
    }
}

impl Hosting for CloudRun {
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()> {
        Box::pin(self.prepare_service(member))
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        Box::pin(self.traffic_now(target))
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        Box::pin(self.one_build(target, id))
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        Box::pin(self.all_builds(target))
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        Box::pin(self.create_revision(target, new))
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        Box::pin(async move {
            let all = [Split { build: new.build.clone(), percent: 100 }];
            self.set_shares(target, &all, new.found.as_deref()).await
        })
    }

    fn hold_rollouts<'a>(&'a self, _: &'a Target, _: &'a str, _: bool) -> Answer<'a, ()> {
        // Nothing is rolled out by itself once traffic names its revisions, which every build makes sure of.
        Box::pin(async { Ok(()) })
    }

    fn domain_troubles<'a>(&'a self, _: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn stop_build<'a>(&'a self, _: &'a Target, _: &'a BuildId, _: Duration) -> Answer<'a, bool> {
        // A revision without traffic stops by itself.
        Box::pin(async { Ok(false) })
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        Box::pin(self.delete_revision(target, id))
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        Box::pin(async move {
            if self.api.kind != Kind::Emulator {
                return LogPart { lines: Vec::new(), next: from };
            }
            let name = format!("{}/revisions/{}", target.service_name(), target.revision_name(id));
            self.api.emulator_log(&name, from).await
        })
    }

    fn logs_services(&self) -> bool {
        self.api.kind == Kind::Emulator
    }

    fn secret<'a>(
        &'a self,
        target: &'a Target,
        secret: &'a SecretRef,
        recent: bool,
    ) -> Answer<'a, Option<SecretLook>> {
        let account = Box::pin(self.service_account(target));
        Box::pin(self.api.look_at_secret(target, secret, recent, account))
    }

    fn shares(&self) -> Option<&dyn Shares> {
        Some(self)
    }

    fn may_change<'a>(
        &'a self,
        write: GoogleWrite,
        project: &'a str,
        target: &'a Target,
    ) -> Answer<'a, Option<bool>> {
        Box::pin(async move {
            if write != GoogleWrite::Services {
                return self.api.has_permission(project, write.permission()).await;
            }
            // A role may be granted on the service alone.
            let url = self.url(&format!("{}:testIamPermissions", target.service_name()));
            self.api.test_permission(GoogleApi::CloudRun, &url, write.permission()).await
        })
    }

    fn runtime(&self) -> Option<&dyn Runtime> {
        Some(self)
    }

    fn revision(&self, target: &Target, build: &BuildId) -> Option<Revision> {
        // Cloud Run uses the name that the request gives a revision, so an answer with it always proves the build.
        Some(Revision::exact(&target.revision_name(build)))
    }

    fn poll_after(&self, looks: u32) -> Duration {
        self.api.poll_after(looks)
    }
}

impl Shares for CloudRun {
    fn set<'a>(
        &'a self,
        target: &'a Target,
        shares: &'a [Split],
        found: &'a [Split],
    ) -> Answer<'a, Traffic> {
        Box::pin(self.set_shares(target, shares, Some(found)))
    }
}

impl Runtime for CloudRun {
    fn entries<'a>(
        &'a self,
        target: &'a Target,
        builds: &'a [BuildId],
        since: Timestamp,
    ) -> Answer<'a, RuntimePage> {
        let revision = |build: &BuildId| target.revision_name(build);
        Box::pin(self.api.runtime_entries(target, builds, revision, since))
    }

    fn figures<'a>(
        &'a self,
        target: &'a Target,
        build: &'a BuildId,
        period: (Timestamp, Timestamp),
    ) -> Answer<'a, Figures> {
        Box::pin(
            async move { self.api.figures_of(target, &target.revision_name(build), period).await },
        )
    }
}
