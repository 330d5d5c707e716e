//! Firebase App Hosting over its REST API v1, for Google and for the emulator alike. A change counts as successful
//! only after the resource was read back.

mod backend;
mod build_log;
mod call;
mod cloud_run;
mod config;
mod domains;
mod hold;
mod previews;
mod runtime;
mod switch;
mod upload;
mod wire;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Method;
use serde_json::json;

use crate::auth::Auth;
use crate::google_api::wire::{accepted, whole};
use crate::google_api::{Client, Kind, Origins};
use pointsman_core::build_config::SecretRef;
use pointsman_core::error::Problem;
use pointsman_core::google_api::GoogleApi;
use pointsman_core::google_write::GoogleWrite;
use pointsman_core::health::Revision;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::{Member, Source};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::hosting::{
    Answer, Build, DomainTrouble, Hosting, HostingError, HostingReason, LogPart, NewBuild,
    NewRollout, Traffic,
};
use pointsman_core::ports::previews::Previews;
use pointsman_core::ports::runtime::Runtime;
use pointsman_core::project::Target;
use pointsman_core::secret::SecretLook;
use pointsman_core::serving::RunTraffic;
use pointsman_core::step::Failure;

/// Number of newest rollouts to read. Rollouts run one after another, so an unfinished one is among the newest.
const ROLLOUTS_LOOKED_AT: &str = "20";
/// Build annotation: the database versions that the build's code accepts, as JSON.
const SCHEMA: &str = "pointsman.dev/schema";
/// Build annotation: the release.
const RELEASE: &str = "pointsman.dev/release";

/// A client of App Hosting's REST API v1.
#[derive(Debug)]
pub struct AppHosting {
    api: Client,
    /// Pointsman's state folder, which is part of no source.
    state: Option<PathBuf>,
    /// The sources that this client has uploaded, by build: a request that waits for a busy backend is repeated.
    uploaded: tokio::sync::Mutex<HashMap<BuildId, String>>,
}

impl AppHosting {
    /// A client for the server at `base`.
    pub fn new(base: impl Into<String>, bearer: Auth, kind: Kind) -> Result<Self, Problem> {
        let api = Client::new(base, bearer, kind)?;
        Ok(Self { api, state: None, uploaded: tokio::sync::Mutex::default() })
    }

    /// Sets the addresses of Google's other services. The firebase CLI has the same options.
    #[must_use]
    pub fn with_origins(self, origins: Origins) -> Self {
        Self { api: Client { origins, ..self.api }, ..self }
    }

    /// Sets the maximum tries of a call.
    #[must_use]
    pub fn with_attempts(self, attempts: u32) -> Self {
        Self { api: Client { attempts, ..self.api }, ..self }
    }

    /// Excludes Pointsman's state folder from uploads.
    #[must_use]
    pub fn without_state(self, state: PathBuf) -> Self {
        Self { state: Some(state), ..self }
    }

    async fn traffic_now(&self, target: &Target) -> Result<Traffic, HostingError> {
        let path = format!("{}/traffic", target.backend_name());
        wire::traffic(&self.get(&path).await?)
    }

    /// Reads the live build and the rollouts that may still change it: `current` alone does not show a queued
    /// rollout.
    async fn traffic_and_rollouts(&self, target: &Target) -> Result<Traffic, HostingError> {
        let path = format!("{}/rollouts", target.backend_name());
        let query = [("pageSize", ROLLOUTS_LOOKED_AT), ("orderBy", "createTime desc")];
        let rollouts = self.get_with(&path, &query).await?;
        whole(GoogleApi::AppHosting, &rollouts, "rollout")?;
        let unfinished = wire::unfinished(&rollouts)?;
        let traffic = self.traffic_now(target).await?;
        let moving = traffic.moving || !unfinished.is_empty();
        Ok(Traffic { moving, unfinished, ..traffic })
    }

    async fn build_now(
        &self,
        target: &Target,
        id: &BuildId,
    ) -> Result<Option<Build>, HostingError> {
        match self.maybe(&target.build_name(id)).await? {
            Some(json) => wire::build(&json).map(Some),
            None => Ok(None),
        }
    }

    async fn order_build(&self, target: &Target, new: &NewBuild) -> Result<(), HostingError> {
        let source = match &new.source {
            Source::Archive(uri) => {
                let here = uri.strip_prefix("file://").filter(|_| self.api.kind == Kind::Google);
                let uri = match here {
                    Some(folder) => self.upload_once(target, &new.id, Path::new(folder)).await?,
                    None => uri.clone(),
                };
                json!({"archive": {"userStorageUri": uri}})
            }
            Source::Commit(commit) => json!({"codebase": {"commit": commit}}),
            Source::Image(image) => json!({"container": {"image": image}}),
        };
        let mut annotations = json!({RELEASE: new.release});
        if !new.accepts.is_empty() {
            annotations[SCHEMA] = json!(json!(new.accepts).to_string());
        }
        let body = json!({"source": source, "annotations": annotations});
        let parent = format!("{}/builds", target.backend_name());
        let query = [("buildId", new.id.as_str())];
        let sent =
            self.change(Method::POST, &parent, &query, Some(&new.request_id), Some(&body)).await;
        match sent {
            // No other client uses this id: the build exists because an earlier response was lost.
            Err(error) if error.reason == HostingReason::AlreadyExists => Ok(()),
            other => accepted(GoogleApi::AppHosting, &other?),
        }
    }

    async fn all_builds(&self, target: &Target) -> Result<Vec<Build>, HostingError> {
        let all = self.list(target, "build", &[("orderBy", "createTime desc")]).await?;
        all.iter().map(wire::build).collect()
    }

    async fn stop(
        &self,
        target: &Target,
        id: &BuildId,
        drain: Duration,
    ) -> Result<bool, HostingError> {
        if self.api.kind != Kind::Emulator {
            return Ok(false);
        }
        let path = format!("{}:stop", target.build_name(id));
        // The call itself must finish within the client's timeout of one minute.
        let seconds = drain.min(Duration::from_secs(50)).as_secs_f64().to_string();
        let query = [("drain", seconds.as_str())];
        self.change(Method::POST, &path, &query, None, None).await.map(|_| true)
    }

    async fn delete(&self, target: &Target, id: &BuildId) -> Result<(), HostingError> {
        let name = target.build_name(id);
        if self.maybe(&name).await?.is_none() {
            return Ok(());
        }
        let operation = self.change(Method::DELETE, &name, &[], None, None).await?;
        self.wait_for(&operation).await?;
        if self.maybe(&name).await?.is_none() {
            return Ok(());
        }
        let what = format!("build {id} is still there after it was deleted");
        Err(HostingError::new(Problem::new(what), Failure::Inconclusive))
    }

    async fn log_part(&self, target: &Target, id: &BuildId, from: u64) -> LogPart {
        match self.api.kind {
            Kind::Emulator => self.api.emulator_log(&target.build_name(id), from).await,
            Kind::Google => self.google_log(target, id, from).await,
            Kind::Loopback => LogPart { lines: Vec::new(), next: from },
        }
    }
}

impl Hosting for AppHosting {
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()> {
        Box::pin(self.prepare_backend(member))
    }

    fn lacks_environment<'a>(&'a self, target: &'a Target) -> Answer<'a, bool> {
        Box::pin(async {
            let backend = self.get(&target.backend_name()).await?;
            Ok(backend["environment"].as_str().is_none_or(str::is_empty))
        })
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        Box::pin(self.traffic_and_rollouts(target))
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        Box::pin(self.build_now(target, id))
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        Box::pin(self.all_builds(target))
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        Box::pin(self.order_build(target, new))
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        Box::pin(self.switch(target, new))
    }

    fn hold_rollouts<'a>(
        &'a self,
        target: &'a Target,
        policy: &'a str,
        hold: bool,
    ) -> Answer<'a, ()> {
        Box::pin(self.hold(target, policy, hold))
    }

    fn domain_troubles<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        Box::pin(self.troubled_domains(target))
    }

    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        drain: Duration,
    ) -> Answer<'a, bool> {
        Box::pin(self.stop(target, id, drain))
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        Box::pin(self.delete(target, id))
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        Box::pin(self.log_part(target, id, from))
    }

    fn logs_builds_alone(&self) -> bool {
        self.api.kind == Kind::Google
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

    fn run_traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Option<RunTraffic>> {
        Box::pin(self.traffic_of_cloud_run(target))
    }

    fn previews(&self) -> Option<&dyn Previews> {
        Some(self)
    }

    fn may_change<'a>(
        &'a self,
        write: GoogleWrite,
        project: &'a str,
        _: &'a Target,
    ) -> Answer<'a, Option<bool>> {
        Box::pin(self.api.has_permission(project, write.permission()))
    }

    fn runtime(&self) -> Option<&dyn Runtime> {
        Some(self)
    }

    fn revision(&self, target: &Target, build: &BuildId) -> Option<Revision> {
        match self.api.kind {
            Kind::Google => Revision::of_backend(target.backend().as_str(), build.as_str()),
            Kind::Emulator | Kind::Loopback => Some(Revision::exact(build.as_str())),
        }
    }

    fn poll_after(&self, looks: u32) -> Duration {
        self.api.poll_after(looks)
    }
}
