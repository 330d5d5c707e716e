//! The platform of a scripted world.

use std::time::Duration;

use super::behaviour::{Act, Behaviour};
use super::script::build_lines;
use super::world::{Inside, Made, World};
use pointsman_core::build_config::BuildConfig;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::health::Revision;
use pointsman_core::ids::BuildId;
use pointsman_core::plan::{Member, Source};
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::hosting::{
    Answer, Automatic, Build, BuildState, DomainTrouble, Hosting, HostingError, HostingReason,
    LogPart, NewBuild, NewRollout, Traffic,
};
use pointsman_core::ports::shares::Shares;
use pointsman_core::project::Target;
use pointsman_core::step::Failure;

/// Simulated latency of a platform call, on a stage.
const LATENCY: Duration = Duration::from_millis(35);

fn gone(id: &BuildId) -> HostingError {
    HostingError {
        reason: HostingReason::NotFound,
        ..HostingError::new(Problem::new(format!("there is no build {id}")), Failure::Lasting)
    }
}

impl World {
    /// Answers a call, unless the call is set to hang.
    fn answer<'a, T: Send + 'a>(
        &'a self,
        call: &'static str,
        answer: Result<T, HostingError>,
    ) -> Answer<'a, T> {
        if self.lock().hang.contains(call) {
            return Box::pin(std::future::pending());
        }
        Box::pin(async move {
            self.pass(LATENCY).await;
            answer
        })
    }

    /// The current state of a build.
    fn seen(&self, made: &Made) -> Build {
        if self.elapsed() >= made.ready {
            return made.build.clone();
        }
        Build {
            state: BuildState::Working,
            state_word: "BUILDING".to_owned(),
            preview: None,
            ..made.build.clone()
        }
    }

    fn traffic_of(&self, inside: &mut Inside, target: &Target) -> Traffic {
        let traffic = inside.reported(&target.backend_name());
        // Demos have no automatic rollouts, because there are no pushes.
        let automatic = if self.stage.is_some() { Automatic::Off } else { traffic.automatic };
        Traffic { automatic, ..traffic }
    }

    /// The traffic after a change of it: an answer arrives once the change is in effect.
    fn moved(&self, target: &Target) -> Traffic {
        let mut inside = self.lock();
        inside.arrives(&target.backend_name());
        self.traffic_of(&mut inside, target)
    }

    fn made(&self, inside: &Inside, new: &NewBuild) -> Made {
        let behaviour = inside.behaviour.get(new.release.as_str()).copied();
        let fails = behaviour == Some(Behaviour::DoesNotBuild);
        let requested = self.elapsed();
        let build = Build {
            id: new.id.clone(),
            state: if fails { BuildState::Unusable } else { BuildState::Ready },
            state_word: if fails { "FAILED" } else { "READY" }.to_owned(),
            release: Some(new.release.clone()),
            commit: match &new.source {
                Source::Commit(commit) => Some(commit.clone()),
                Source::Archive(_) | Source::Image(_) => None,
            },
            created: None,
            accepts: new.accepts.clone(),
            preview: Some(format!("https://{}.preview.invalid", new.id)),
            problem: fails.then(|| Problem::new("the build failed")),
            config: BuildConfig::default(),
        };
        Made { build, requested, ready: requested + inside.pace }
    }
}

fn key(target: &Target, id: &BuildId) -> (String, String) {
    (target.backend_name(), id.to_string())
}

impl Shares for World {
    fn set<'a>(
        &'a self,
        target: &'a Target,
        shares: &'a [Split],
        found: &'a [Split],
    ) -> Answer<'a, Traffic> {
        let answer = self.call(|inside| {
            let now = inside.reported(&target.backend_name()).splits;
            if now.iter().any(|split| !found.contains(split)) {
                let moved = Problem::new("traffic was moved in this moment");
                return Err(HostingError::new(moved, Failure::Drift));
            }
            let first = shares.first().map(|share| (share.build.to_string(), share.percent));
            let (build, percent) = first.unwrap_or_default();
            inside.acts.push(Act::Shared(target.service().to_string(), build, percent));
            inside.moves(target.backend_name(), shares);
            Ok(())
        });
        self.answer("set_shares", answer.map(|()| self.moved(target)))
    }
}

impl Hosting for World {
    fn prepare<'a>(&'a self, member: &'a Member) -> Answer<'a, ()> {
        let answer = self.call(|inside| {
            inside.addresses.insert(member.url.clone(), member.target.backend_name());
            Ok(())
        });
        self.answer("prepare", answer)
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        let answer = self.call(|inside| {
            let traffic = self.traffic_of(inside, target);
            inside.read(&target.backend_name());
            Ok(traffic)
        });
        self.answer("traffic", answer)
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        let answer =
            self.call(|inside| Ok(inside.builds.get(&key(target, id)).map(|made| self.seen(made))));
        self.answer("build", answer)
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        let backend = target.backend_name();
        let answer = self.call(|inside| {
            let of = inside.builds.iter().filter(|((of, _), _)| *of == backend);
            Ok(of.map(|(_, made)| self.seen(made)).collect())
        });
        self.answer("builds", answer)
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        let answer = self.call(|inside| {
            inside.acts.push(Act::Built(target.service().to_string(), new.id.to_string()));
            let made = self.made(inside, new);
            inside.builds.entry(key(target, &new.id)).or_insert(made);
            Ok(())
        });
        self.answer("create_build", answer)
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        let answer = self.call(|inside| {
            inside.acts.push(Act::Switched(target.service().to_string(), new.build.to_string()));
            if self.stage.is_some() && !inside.builds.contains_key(&key(target, &new.build)) {
                return Err(gone(&new.build));
            }
            let whole = Split { build: new.build.clone(), percent: 100 };
            inside.moves(target.backend_name(), &[whole]);
            Ok(())
        });
        self.answer("set_active", answer.map(|()| self.moved(target)))
    }

    fn hold_rollouts<'a>(&'a self, target: &'a Target, _: &'a str, hold: bool) -> Answer<'a, ()> {
        let answer = self.call(|inside| {
            let backend = target.backend_name();
            if hold {
                inside.held.insert(backend);
            } else {
                inside.held.remove(&backend);
            }
            Ok(())
        });
        self.answer("hold_rollouts", answer)
    }

    fn domain_troubles<'a>(&'a self, _: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        self.answer("domain_troubles", Ok(Vec::new()))
    }

    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        _: Duration,
    ) -> Answer<'a, bool> {
        let answer = self.call(|inside| {
            inside.acts.push(Act::Stopped(target.service().to_string(), id.to_string()));
            Ok(true)
        });
        self.answer("stop_build", answer)
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        let answer = self.call(|inside| {
            // As App Hosting and Cloud Run do.
            if inside.reported(&target.backend_name()).gives(id) {
                let problem = Problem::new(format!("build {id} has traffic"));
                return Err(HostingError::new(problem, Failure::Lasting));
            }
            inside.acts.push(Act::Deleted(target.service().to_string(), id.to_string()));
            inside.builds.remove(&key(target, id));
            Ok(())
        });
        self.answer("delete_build", answer)
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        let mut inside = self.lock();
        let mut part = LogPart { lines: Vec::new(), next: from };
        match &mut inside.late_logs {
            Some(0) if from == 0 => {
                let lines = ["fah/other: the lock file is gone", "ERROR: build step 2 failed"];
                part = LogPart { lines: lines.map(str::to_owned).to_vec(), next: 2 };
            }
            Some(reads) => *reads = reads.saturating_sub(1),
            None if self.stage.is_some() => {
                let made = inside.builds.get(&key(target, id)).map(|m| (m.requested, m.ready));
                // A build stops logging when it is finished.
                let since = made.map_or(Duration::ZERO, |(requested, ready)| {
                    self.elapsed().min(ready).saturating_sub(requested)
                });
                let lines = build_lines(since, from);
                part = LogPart { next: from + lines.len() as u64, lines };
            }
            None => {}
        }
        Box::pin(std::future::ready(part))
    }

    fn shares(&self) -> Option<&dyn Shares> {
        Some(self)
    }

    fn logs_builds_alone(&self) -> bool {
        self.lock().late_logs.is_some()
    }

    fn revision(&self, _: &Target, build: &BuildId) -> Option<Revision> {
        (!self.lock().without_revision).then(|| Revision::exact(build.as_str()))
    }

    fn poll_after(&self, _: u32) -> Duration {
        Duration::from_millis(if self.stage.is_some() { 200 } else { 50 })
    }
}
