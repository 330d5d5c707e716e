//! A platform driven by commands: each verb is an argv list from the config, and prints JSON on stdout. An exit
//! status proves no state: a change counts only once `traffic` and `builds` report it.

#![expect(clippy::disallowed_methods, reason = "poll of a real platform")]

mod call;
mod wire;

use std::time::Duration;

use crate::group::Groups;
use pointsman_core::error::Problem;
use pointsman_core::health::Revision;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::{Member, Source};
use pointsman_core::platform::{About, CommandPlatform};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::hosting::{
    Answer, Build, DomainTrouble, Hosting, HostingError, LogPart, NewBuild, NewRollout, Traffic,
};
use pointsman_core::project::Target;
use pointsman_core::retry::POLL;
use pointsman_core::step::Failure;

/// Timeout of a query: it is answered immediately or hangs.
const READ_WITHIN: Duration = Duration::from_secs(10);
/// Timeout of `create_build`, which may wait for the build to finish.
const BUILD_WITHIN: Duration = Duration::from_mins(55);
/// Timeout of `stop_build` and `delete_build`, which may wait for the build to stop.
const CLEANUP_WITHIN: Duration = Duration::from_mins(10);
/// Polls (half a minute) after which traffic that does not follow a successful switch is reported.
const READS_AFTER_SWITCH: u32 = 12;

/// A platform driven by the commands of the config.
#[derive(Debug, Clone)]
pub struct Commands {
    of: CommandPlatform,
    groups: Groups,
}

impl Commands {
    /// Creates a platform from its commands. `groups` records the process groups that they start.
    pub fn new(of: CommandPlatform, groups: Groups) -> Self {
        Self { of, groups }
    }

    async fn look(&self, target: &Target) -> Result<Traffic, HostingError> {
        let about = About { target: Some(target), ..About::default() };
        wire::traffic(&self.json("traffic", &about, READ_WITHIN).await?)
    }

    async fn all(&self, target: &Target) -> Result<Vec<Build>, HostingError> {
        let about = About { target: Some(target), ..About::default() };
        wire::builds(&self.json("builds", &about, READ_WITHIN).await?)
    }

    async fn order(&self, target: &Target, new: &NewBuild) -> Result<(), HostingError> {
        // No other client uses this id: the build exists because an earlier call started it.
        if self.all(target).await?.iter().any(|build| build.id == new.id) {
            return Ok(());
        }
        let (commit, archive, image) = match &new.source {
            Source::Commit(commit) => (Some(commit.as_str()), None, None),
            Source::Archive(uri) => (None, Some(uri.strip_prefix("file://").unwrap_or(uri)), None),
            Source::Image(image) => (None, None, Some(image.as_str())),
        };
        let about = About {
            target: Some(target),
            build: Some(&new.id),
            release: Some(&new.release),
            commit,
            archive,
            image,
            request: Some(&new.request_id),
        };
        self.act("create_build", &about, BUILD_WITHIN).await
    }

    async fn switch(&self, target: &Target, new: &NewRollout) -> Result<Traffic, HostingError> {
        let about = About {
            target: Some(target),
            build: Some(&new.build),
            request: Some(&new.request_id),
            ..About::default()
        };
        self.act("set_active", &about, self.of.switch_within).await?;
        for look in 1.. {
            let traffic = self.look(target).await?;
            if traffic.whole() == Some(&new.build) && !traffic.moving {
                return Ok(traffic);
            }
            if look > READS_AFTER_SWITCH && !traffic.moving {
                let serving = traffic.whole().map_or("no single build", BuildId::as_str);
                let problem = Problem::new("set_active ended well, but traffic did not follow")
                    .because(format!("{serving} is live, not {}", new.build));
                return Err(HostingError::new(problem, Failure::Inconclusive));
            }
            tokio::time::sleep(self.poll_after(look)).await;
        }
        Err(wire::unreadable("traffic", "nothing"))
    }

    /// Runs an optional verb. Returns `false` if the platform does not have it.
    async fn maybe(&self, verb: &str, target: &Target, id: &BuildId) -> Result<bool, HostingError> {
        if !self.of.verbs.contains_key(verb) {
            return Ok(false);
        }
        let about = About { target: Some(target), build: Some(id), ..About::default() };
        self.act(verb, &about, CLEANUP_WITHIN).await.map(|()| true)
    }

    async fn delete(&self, target: &Target, id: &BuildId) -> Result<(), HostingError> {
        let there = |all: Vec<Build>| all.iter().any(|build| &build.id == id);
        if !there(self.all(target).await?) {
            return Ok(());
        }
        if !self.maybe("delete_build", target, id).await? {
            let problem = Problem::new("the platform has no command for delete_build")
                .try_this("name one under platform: verbs:, if builds are to be deleted");
            return Err(HostingError::new(problem, Failure::Lasting));
        }
        if there(self.all(target).await?) {
            let problem = Problem::new(format!("build {id} is still there after it was deleted"));
            return Err(HostingError::new(problem, Failure::Inconclusive));
        }
        Ok(())
    }

    async fn lines(&self, target: &Target, id: &BuildId, from: u64) -> LogPart {
        let about = About { target: Some(target), build: Some(id), ..About::default() };
        // Skip a log that cannot be read; it is no reason to fail.
        let text = match self.of.verbs.get("log") {
            Some(_) => self.text("log", &about, READ_WITHIN).await.unwrap_or_default(),
            None => String::new(),
        };
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let seen = usize::try_from(from).unwrap_or(usize::MAX).min(lines.len());
        LogPart { next: lines.len() as u64, lines: lines[seen..].to_vec() }
    }
}

impl Hosting for Commands {
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()> {
        // Report an unusable platform before anything starts.
        Box::pin(async move { self.look(&member.target).await.map(drop) })
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        Box::pin(self.look(target))
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        Box::pin(
            async move { Ok(self.all(target).await?.into_iter().find(|build| &build.id == id)) },
        )
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        Box::pin(self.all(target))
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        Box::pin(self.order(target, new))
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        Box::pin(self.switch(target, new))
    }

    fn hold_rollouts<'a>(&'a self, _: &'a Target, _: &'a str, _: bool) -> Answer<'a, ()> {
        // A command platform reports no automatic rollouts.
        Box::pin(std::future::ready(Ok(())))
    }

    fn domain_troubles<'a>(&'a self, _: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        Box::pin(std::future::ready(Ok(Vec::new())))
    }

    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        _: Duration,
    ) -> Answer<'a, bool> {
        Box::pin(self.maybe("stop_build", target, id))
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        Box::pin(self.delete(target, id))
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        Box::pin(self.lines(target, id, from))
    }

    fn revision(&self, _: &Target, _: &BuildId) -> Option<Revision> {
        None
    }

    fn poll_after(&self, looks: u32) -> Duration {
        POLL.after(looks).min(Duration::from_secs(3))
    }
}
