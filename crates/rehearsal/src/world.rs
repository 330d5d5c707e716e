//! The state of a scripted world, and the calls that script it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::behaviour::{Act, Behaviour, Fault, Twist};
use super::script::Scenario;
use pointsman_core::error::Problem;
use pointsman_core::event::Split;
use pointsman_core::ids::BuildId;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::hosting::{Automatic, Build, HostingError, Traffic};
use pointsman_core::project::Target;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::step::Failure;
use pointsman_core::time::Timestamp;

/// An in-memory world. Clones share one world.
#[derive(Clone, Default)]
pub struct World {
    pub(super) inside: Arc<Mutex<Inside>>,
    pub(super) stage: Option<Arc<Stage>>,
}

/// What a demo has in addition to a test: a clock and a scenario.
pub(super) struct Stage {
    pub(super) scenario: Scenario,
    pub(super) clock: Arc<dyn Clock>,
}

#[derive(Default)]
pub(super) struct Inside {
    /// Backend → build.
    pub(super) traffic: BTreeMap<String, BuildId>,
    /// Backend → shares, while several builds have a part of its traffic. `traffic` then has the build from before.
    pub(super) shared: BTreeMap<String, Vec<Split>>,
    /// The readings of traffic after which a change of it is in effect.
    pub(super) late: u32,
    /// Backend → shares that were requested last, and the readings until they are in effect.
    pub(super) requested: BTreeMap<String, (Vec<Split>, u32)>,
    /// Requests that a shared backend has answered.
    pub(super) shared_requests: u32,
    /// Backend and build id → build.
    pub(super) builds: BTreeMap<(String, String), Made>,
    /// Public address → backend.
    pub(super) addresses: BTreeMap<String, String>,
    pub(super) acts: Vec<Act>,
    pub(super) calls: usize,
    /// Number of probes of each build, at its public and at its preview address.
    pub(super) probed: BTreeMap<(String, bool), u32>,
    pub(super) probed_urls: Vec<String>,
    pub(super) behaviour: BTreeMap<String, Behaviour>,
    pub(super) fault: Option<Fault>,
    /// Backends whose automatic rollouts a run holds.
    pub(super) held: BTreeSet<String>,
    pub(super) twist: Option<Twist>,
    /// Calls that take effect but never return.
    pub(super) hang: BTreeSet<&'static str>,
    pub(super) without_revision: bool,
    /// If set, the platform has only build logs, available after this many reads.
    pub(super) late_logs: Option<u32>,
    /// Build time on a stage.
    pub(super) pace: Duration,
    /// Start of the scenario; `None` while its history is created.
    pub(super) began: Option<Duration>,
    /// Number of probes of each address since then.
    pub(super) counted: BTreeMap<String, u64>,
}

/// A build, and when it was requested and is ready, on the clock of the stage.
pub(super) struct Made {
    pub(super) build: Build,
    pub(super) requested: Duration,
    pub(super) ready: Duration,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// The service of a backend's full name.
pub(super) fn service_of(backend: &str) -> &str {
    backend.rsplit('/').next().unwrap_or(backend)
}

pub(super) fn refused(class: Failure) -> HostingError {
    HostingError::new(Problem::new("the platform refused"), class)
}

impl World {
    /// Creates a world with a clock and a scenario. Builds take no time until [`Self::slow_down`].
    pub fn on_stage(scenario: Scenario, clock: Arc<dyn Clock>) -> Self {
        Self { inside: Arc::default(), stage: Some(Arc::new(Stage { scenario, clock })) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.stage.as_ref().map_or(Duration::ZERO, |stage| stage.clock.elapsed())
    }

    pub(super) fn now(&self) -> Timestamp {
        self.stage.as_ref().map_or(Timestamp::UNIX_EPOCH, |stage| stage.clock.now())
    }

    pub(super) async fn pass(&self, length: Duration) {
        if let Some(stage) = &self.stage {
            stage.clock.sleep(length).await;
        }
    }

    /// Starts the scenario. From now on, builds take the scenario's build time.
    pub fn slow_down(&self) {
        if let Some(stage) = &self.stage {
            let mut inside = self.lock();
            (inside.pace, inside.began) = (stage.scenario.build(), Some(stage.clock.elapsed()));
        }
    }

    /// Sets the public address of a backend.
    pub fn address(&self, url: &str, target: &Target) {
        self.lock().addresses.insert(url.to_owned(), target.backend_name());
    }

    /// Sets the behaviour of a release.
    pub fn behave(&self, release: &str, behaviour: Behaviour) {
        self.lock().behaviour.insert(release.to_owned(), behaviour);
    }

    /// Makes a later call fail, counted from now.
    pub fn fail(&self, fault: Option<Fault>) {
        let mut inside = self.lock();
        (inside.fault, inside.calls) = (fault, 0);
    }

    /// Changes the splits of a service whenever they are read, like a change by someone else.
    pub fn twist(&self, twist: impl FnMut(&str, bool, &mut Vec<Split>) + Send + 'static) {
        self.lock().twist = Some(Box::new(twist));
    }

    /// Makes a call hang from now on: it takes effect but never returns.
    pub fn hang(&self, call: &'static str) {
        self.lock().hang.insert(call);
    }

    /// Makes services unable to report their revision.
    pub fn hides_revisions(&self) {
        self.lock().without_revision = true;
    }

    /// Makes the platform return only build logs, after this many reads.
    pub fn logs_builds_late(&self, reads: u32) {
        self.lock().late_logs = Some(reads);
    }

    /// Moves a service's traffic to a build, like a change by someone else.
    pub fn give_traffic(&self, service: &str, build: &BuildId) {
        self.give_shares(service, &[Split { build: build.clone(), percent: 100 }]);
    }

    /// Shares a service's traffic among builds, like a change by someone else.
    pub fn give_shares(&self, service: &str, shares: &[Split]) {
        let mut inside = self.lock();
        let backend = inside.backend(service).unwrap_or_else(|| service.to_owned());
        inside.moves(backend, shares);
    }

    /// Makes a change of traffic take effect only after it was read that many times; the newest replaces the one before.
    pub fn moves_late(&self, readings: u32) {
        self.lock().late = readings;
    }

    /// All requested changes of traffic take effect.
    pub fn catches_up(&self) {
        let mut inside = self.lock();
        let backends: Vec<_> = inside.requested.keys().cloned().collect();
        for backend in &backends {
            inside.arrives(backend);
        }
    }

    /// The services whose automatic rollouts a run holds.
    pub fn held(&self) -> BTreeSet<String> {
        self.lock().held.iter().map(|backend| service_of(backend).to_owned()).collect()
    }

    pub fn acts(&self) -> Vec<Act> {
        self.lock().acts.clone()
    }

    pub fn forget_acts(&self) {
        self.lock().acts.clear();
    }

    pub fn probed_urls(&self) -> Vec<String> {
        self.lock().probed_urls.clone()
    }

    /// The live build of a service.
    pub fn live(&self, service: &str) -> Option<BuildId> {
        let inside = self.lock();
        let backend = inside.backend(service)?;
        let whole = !inside.shared.contains_key(&backend);
        inside.traffic.get(&backend).filter(|_| whole).cloned()
    }

    /// The release of a build.
    pub fn release(&self, service: &str, build: &BuildId) -> Option<ReleaseLabel> {
        self.lock().made(service, build)?.build.release.clone()
    }

    /// The commit of a build.
    pub fn commit(&self, service: &str, build: &BuildId) -> Option<String> {
        self.lock().made(service, build)?.build.commit.clone()
    }

    /// The ids of a service's builds.
    pub fn builds(&self, service: &str) -> Vec<String> {
        let inside = self.lock();
        let of = inside.builds.keys().filter(|(backend, _)| service_of(backend) == service);
        of.map(|(_, id)| id.clone()).collect()
    }

    /// The traffic of a service as the platform reports it now.
    pub fn splits(&self, service: &str) -> Vec<Split> {
        let mut inside = self.lock();
        let backend = inside.backend(service).unwrap_or_default();
        inside.reported(&backend).splits
    }

    /// Handles a call: counts it, applies its effect unless the fault prevents that, and answers.
    pub(super) fn call<T>(
        &self,
        act: impl FnOnce(&mut Inside) -> Result<T, HostingError>,
    ) -> Result<T, HostingError> {
        let mut inside = self.lock();
        let at = inside.calls;
        inside.calls += 1;
        match inside.fault.filter(|f| f.at == at || (f.lasts && f.at < at)) {
            Some(fault) if fault.acts => act(&mut inside).and(Err(refused(fault.class))),
            Some(fault) => Err(refused(fault.class)),
            None => act(&mut inside),
        }
    }
}

impl Inside {
    /// The backend of a service: one that has an address, traffic or a build.
    fn backend(&self, service: &str) -> Option<String> {
        let known = self.addresses.values().chain(self.traffic.keys());
        let mut known = known.chain(self.builds.keys().map(|(backend, _)| backend));
        known.find(|backend| service_of(backend) == service).cloned()
    }

    fn made(&self, service: &str, build: &BuildId) -> Option<&Made> {
        let of = |(backend, id): &(String, String)| {
            service_of(backend) == service && id == build.as_str()
        };
        self.builds.iter().find(|(key, _)| of(key)).map(|(_, made)| made)
    }

    /// Changes the traffic of a backend, now or later.
    pub(super) fn moves(&mut self, backend: String, shares: &[Split]) {
        if self.late == 0 {
            self.set(backend, shares);
        } else {
            self.requested.insert(backend, (shares.to_vec(), self.late));
        }
    }

    fn set(&mut self, backend: String, shares: &[Split]) {
        match shares {
            [Split { build, percent: 100 }] => {
                self.shared.remove(&backend);
                self.traffic.insert(backend, build.clone());
            }
            _ => {
                self.shared.insert(backend, shares.to_vec());
            }
        }
    }

    /// The traffic of a backend is read: what was requested may be in effect after that.
    pub(super) fn read(&mut self, backend: &str) {
        let Some((_, left)) = self.requested.get_mut(backend) else { return };
        *left = left.saturating_sub(1);
        if *left == 0 {
            self.arrives(backend);
        }
    }

    /// What was requested for a backend is in effect.
    pub(super) fn arrives(&mut self, backend: &str) {
        if let Some((shares, _)) = self.requested.remove(backend) {
            self.set(backend.to_owned(), &shares);
        }
    }

    /// The traffic of a backend as the platform reports it.
    pub(super) fn reported(&mut self, backend: &str) -> Traffic {
        let build = self.traffic.get(backend);
        let whole = || build.map(|b| Split { build: b.clone(), percent: 100 });
        let mut splits =
            self.shared.get(backend).cloned().unwrap_or_else(|| whole().into_iter().collect());
        let service = service_of(backend).to_owned();
        let switched = |act: &Act| matches!(act, Act::Switched(of, _) if *of == service);
        let switched = self.acts.iter().any(switched);
        if let Some(twist) = &mut self.twist {
            twist(&service, switched, &mut splits);
        }
        let policy = "main".to_owned();
        let held = self.held.contains(backend);
        let automatic = if held { Automatic::Held { policy } } else { Automatic::On { policy } };
        let moving = self.requested.contains_key(backend);
        Traffic { splits, moving, unfinished: Vec::new(), automatic }
    }
}
