//! The platform and the services of a scripted world.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::script::{Scenario, build_lines};
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::ids::BuildId;
use pointsman_core::migration::SchemaRange;
use pointsman_core::plan::Member;
use pointsman_core::ports::BoxFuture;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::hosting::{
    Answer, Build, BuildState, DomainTrouble, Hosting, HostingError, HostingReason, LogPart,
    NewBuild, NewRollout, Traffic,
};
use pointsman_core::project::Target;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::Failure;

/// A world in memory.
#[derive(Clone)]
pub struct FakeWorld {
    scenario: Scenario,
    clock: Arc<dyn Clock>,
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    traffic: BTreeMap<String, BuildId>,
    /// Build's whole name → what it is.
    builds: BTreeMap<String, Made>,
    addresses: BTreeMap<String, String>,
    /// How long a build takes.
    pace: Duration,
    /// When the scenario began; nothing while its past is made.
    began: Option<Duration>,
    /// Number of probes per address.
    asked: BTreeMap<String, u64>,
}

/// Who answers at an address.
pub(super) struct Answering {
    pub(super) build: BuildId,
    pub(super) release: ReleaseLabel,
    pub(super) backend: String,
    /// Whether it was probed at its preview address.
    pub(super) preview: bool,
    /// Whether it has the backend's traffic.
    pub(super) live: bool,
}

struct Made {
    backend: String,
    id: BuildId,
    release: ReleaseLabel,
    accepts: BTreeMap<String, SchemaRange>,
    asked: Duration,
    ready: Duration,
}

impl std::fmt::Debug for FakeWorld {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeWorld").field("scenario", &self.scenario).finish_non_exhaustive()
    }
}

/// As far away as a region is.
const LATENCY: Duration = Duration::from_millis(35);

impl FakeWorld {
    /// An empty world, in which builds take no time yet.
    pub fn new(scenario: Scenario, clock: Arc<dyn Clock>) -> Self {
        Self { scenario, clock, inside: Arc::default() }
    }

    /// From now on builds take the scenario's time.
    pub fn slow_down(&self) {
        let mut inside = self.lock();
        (inside.pace, inside.began) = (self.scenario.build(), Some(self.clock.elapsed()));
    }

    /// A service answers at an address.
    pub fn address(&self, url: &str, target: &Target) {
        self.lock().addresses.insert(url.to_owned(), target.backend_name());
    }

    pub(super) fn now(&self) -> pointsman_core::time::Timestamp {
        self.clock.now()
    }

    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self, made: &Made) -> Build {
        let ready = self.clock.elapsed() >= made.ready;
        Build {
            id: made.id.clone(),
            state: if ready { BuildState::Ready } else { BuildState::Working },
            state_word: if ready { "READY" } else { "BUILDING" }.to_owned(),
            release: Some(made.release.clone()),
            commit: None,
            created: None,
            accepts: made.accepts.clone(),
            preview: ready.then(|| format!("https://{}.preview.invalid", made.id)),
            problem: None,
            bound: None,
        }
    }

    fn traffic_now(&self, target: &Target) -> Traffic {
        let inside = self.lock();
        let build = inside.traffic.get(&target.backend_name()).cloned();
        let splits = build.map(|build| Split { build, percent: 100 }).into_iter().collect();
        Traffic {
            splits,
            moving: false,
            unfinished: Vec::new(),
            automatic: pointsman_core::ports::hosting::Automatic::Off,
        }
    }

    fn after<'a, T: Send + 'a>(&'a self, answer: Result<T, HostingError>) -> Answer<'a, T> {
        Box::pin(async move {
            self.clock.sleep(LATENCY).await;
            answer
        })
    }

    /// Which build answers at an address: a public one its backend's, a preview one its own.
    pub(super) fn answers(&self, base: &str) -> Option<Answering> {
        let inside = self.lock();
        let public = inside.addresses.get(base);
        let made = match public {
            Some(backend) => {
                let build = inside.traffic.get(backend)?;
                inside.builds.values().find(|made| &made.id == build && &made.backend == backend)?
            }
            None => inside.builds.values().find(|made| base.contains(made.id.as_str()))?,
        };
        Some(Answering {
            build: made.id.clone(),
            release: made.release.clone(),
            backend: made.backend.clone(),
            preview: public.is_none(),
            live: inside.traffic.get(&made.backend) == Some(&made.id),
        })
    }

    /// Number of earlier probes of an address, and the time since the scenario started.
    pub(super) fn count(&self, base: &str) -> (u64, Option<Duration>) {
        let mut inside = self.lock();
        let today = inside.began.map(|began| self.clock.elapsed().saturating_sub(began));
        if today.is_none() {
            return (0, None);
        }
        let count = inside.asked.entry(base.to_owned()).or_default();
        *count += 1;
        (*count, today)
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    pub(super) fn scenario(&self) -> Scenario {
        self.scenario
    }
}

fn gone(id: &BuildId) -> HostingError {
    HostingError {
        reason: HostingReason::NotFound,
        ..HostingError::new(Problem::new(format!("there is no build {id}")), Failure::Lasting)
    }
}

impl Hosting for FakeWorld {
    fn prepare<'a>(&'a self, _: &'a Member) -> Answer<'a, ()> {
        self.after(Ok(()))
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        self.after(Ok(self.traffic_now(target)))
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        let found = self.lock().builds.get(&target.build_name(id)).map(|made| self.seen(made));
        self.after(Ok(found))
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        let backend = target.backend_name();
        let inside = self.lock();
        let of = inside.builds.values().filter(|made| made.backend == backend);
        let builds = of.map(|made| self.seen(made)).collect();
        drop(inside);
        self.after(Ok(builds))
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        let asked = self.clock.elapsed();
        let mut inside = self.lock();
        let made = Made {
            backend: target.backend_name(),
            id: new.id.clone(),
            release: new.release.clone(),
            accepts: new.accepts.clone(),
            asked,
            ready: asked + inside.pace,
        };
        inside.builds.entry(target.build_name(&new.id)).or_insert(made);
        drop(inside);
        self.after(Ok(()))
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        let mut inside = self.lock();
        if !inside.builds.contains_key(&target.build_name(&new.build)) {
            drop(inside);
            return self.after(Err(gone(&new.build)));
        }
        inside.traffic.insert(target.backend_name(), new.build.clone());
        drop(inside);
        self.after(Ok(self.traffic_now(target)))
    }

    fn hold_rollouts<'a>(&'a self, _: &'a Target, _: &'a str, _: bool) -> Answer<'a, ()> {
        self.after(Ok(()))
    }

    fn domain_troubles<'a>(&'a self, _: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        self.after(Ok(Vec::new()))
    }

    fn stop_build<'a>(&'a self, _: &'a Target, _: &'a BuildId, _: Duration) -> Answer<'a, bool> {
        self.after(Ok(true))
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        self.lock().builds.remove(&target.build_name(id));
        self.after(Ok(()))
    }

    fn log<'a>(&'a self, target: &'a Target, id: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        let made = self.lock().builds.get(&target.build_name(id)).map(|m| (m.asked, m.ready));
        // A build has no more to say once it is done.
        let since = made.map_or(Duration::ZERO, |(asked, ready)| {
            self.clock.elapsed().min(ready).saturating_sub(asked)
        });
        let lines = build_lines(since, from);
        let next = from + lines.len() as u64;
        Box::pin(std::future::ready(LogPart { lines, next }))
    }

    fn tells_revision(&self) -> bool {
        true
    }

    fn poll_after(&self, _: u32) -> Duration {
        Duration::from_millis(200)
    }
}
