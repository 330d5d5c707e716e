//! A scripted world for the engine: a platform that remembers every call, services that behave as
//! told, and tokio's paused clock. The journal is the real one.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::adapters::group::Groups;
use pointsman::adapters::process::ThisMachine;
use pointsman::adapters::program::MachinePrograms;
use pointsman::domain::alert::Notify;
use pointsman::domain::command::Command;
use pointsman::domain::endpoint::Endpoint;
use pointsman::domain::error::Problem;
use pointsman::domain::event::{Event, Fact, Split};
use pointsman::domain::health::{Identity, Sample};
use pointsman::domain::ids::{
    BackendId, BuildId, EnvironmentName, Location, ProjectId, ServiceName,
};
use pointsman::domain::migration::Holder;
use pointsman::domain::plan::{HealthEndpoint, Member, Plan, Source};
use pointsman::domain::planner::{self, EnvironmentSpec};
use pointsman::domain::policy::DeployPolicy;
use pointsman::domain::probe::{Check, HealthWord, Measurement};
use pointsman::domain::project::{Project, Target};
use pointsman::domain::readiness::Live;
use pointsman::domain::recover::{Choice, Doubt, reconcile};
use pointsman::domain::release::{ReleaseLabel, ReleaseName};
use pointsman::domain::step::Failure;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::engine::database::Databases;
use pointsman::engine::{Attendance, Engine, EngineError, Outside, Signal, observe};
use pointsman::ports::BoxFuture;
use pointsman::ports::clock::Clock;
use pointsman::ports::hosting::{
    Answer, Automatic, Build, BuildState, DomainTrouble, Hosting, HostingError, LogPart, NewBuild,
    NewRollout, Traffic,
};
use pointsman::ports::journal::{Entry, Journal, JournalError};
use pointsman::ports::log::{LogLine, RunLog};
use pointsman::ports::outbox::Outbox;
use pointsman::ports::prober::{Prober, Question};
use pointsman::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman::ports::stores::Stores;
use pointsman::store::SqliteStore;
use tokio::sync::mpsc;

use super::dying::{Dying, End};

/// How a release behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Healthy,
    Broken,
    Flaky,
    /// Healthy for that many answers at its public address, then not.
    Leaks(u32),
    /// Healthy for this many answers at its public address, then every second one is a 503.
    Alternates(u32),
    /// The same, but every second one is another build's.
    OldAnswers(u32),
    /// We cannot ask it: our side is at fault.
    Blind,
    /// Every fifth answer at its public address comes from another service.
    Mixed,
    /// Its build ends FAILED.
    DoesNotBuild,
    /// Its public address does not tell which build answers.
    Nameless,
}

/// A call of the platform's that fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    /// The how-manieth call of all, from 0.
    pub(crate) at: usize,
    /// In which way.
    pub(crate) class: Failure,
    /// Whether the world acts all the same: the reply is lost.
    pub(crate) acts: bool,
    /// Whether every later call fails like it.
    pub(crate) lasts: bool,
}

/// A call that changed something, or tried to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Built(String, String),
    Switched(String, String),
    Stopped(String, String),
    Deleted(String, String),
}

#[derive(Default)]
struct Inside {
    traffic: BTreeMap<String, BuildId>,
    builds: BTreeMap<(String, String), Build>,
    acts: Vec<Act>,
    calls: usize,
    asked: BTreeMap<String, u32>,
    asked_urls: Vec<String>,
    behaviour: BTreeMap<String, Behaviour>,
    fault: Option<Fault>,
    /// Services whose automatic rollouts a run holds.
    held: BTreeSet<String>,
    /// A foreign change to the traffic that the platform reports.
    twist: Option<Twist>,
    /// Calls that never answer, though the world acts.
    hang: BTreeSet<&'static str>,
    /// Whether the revision of a build is kept from its service.
    without_revision: bool,
    /// It has logs of builds alone, available after that many reads.
    late_logs: Option<u32>,
}

/// Changes the splits of a service when they are read; told whether this run has switched it.
type Twist = Box<dyn FnMut(&str, bool, &mut Vec<Split>) + Send>;

#[derive(Clone, Default)]
pub(crate) struct World(Arc<Mutex<Inside>>);

fn refused(class: Failure) -> HostingError {
    HostingError::new(Problem::new("the platform refused"), class)
}

impl World {
    /// The services whose automatic rollouts a run holds.
    pub(crate) fn held(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().held.clone()
    }

    pub(crate) fn twist(&self, twist: impl FnMut(&str, bool, &mut Vec<Split>) + Send + 'static) {
        self.0.lock().unwrap().twist = Some(Box::new(twist));
    }

    pub(crate) fn hang(&self, call: &'static str) {
        self.0.lock().unwrap().hang.insert(call);
    }

    pub(crate) fn hides_revisions(&self) {
        self.0.lock().unwrap().without_revision = true;
    }

    fn answer_of<'a, T: Send + 'a>(
        &self,
        call: &'static str,
        answer: Result<T, HostingError>,
    ) -> Answer<'a, T> {
        if self.0.lock().unwrap().hang.contains(call) {
            return Box::pin(std::future::pending());
        }
        now(answer)
    }

    pub(crate) fn logs_builds_late(&self, looks: u32) {
        self.0.lock().unwrap().late_logs = Some(looks);
    }

    pub(crate) fn behave(&self, release: &str, behaviour: Behaviour) {
        self.0.lock().unwrap().behaviour.insert(release.to_owned(), behaviour);
    }

    pub(crate) fn fail(&self, fault: Option<Fault>) {
        let mut inside = self.0.lock().unwrap();
        inside.fault = fault;
        inside.calls = 0;
    }

    pub(crate) fn acts(&self) -> Vec<Act> {
        self.0.lock().unwrap().acts.clone()
    }

    pub(crate) fn forget_acts(&self) {
        self.0.lock().unwrap().acts.clear();
    }

    pub(crate) fn asked_urls(&self) -> Vec<String> {
        self.0.lock().unwrap().asked_urls.clone()
    }

    pub(crate) fn live(&self, service: &str) -> Option<BuildId> {
        self.0.lock().unwrap().traffic.get(service).cloned()
    }

    /// The traffic of a service as the platform reports it now.
    pub(crate) fn splits(&self, service: &str) -> Vec<Split> {
        let members = spec().members;
        let member = members.iter().find(|m| m.service().as_str() == service).unwrap();
        traffic_of(&mut self.0.lock().unwrap(), &member.target).splits
    }

    /// The release of a build.
    pub(crate) fn release(&self, service: &str, build: &BuildId) -> Option<ReleaseLabel> {
        let inside = self.0.lock().unwrap();
        inside.builds.get(&(service.to_owned(), build.to_string()))?.release.clone()
    }

    /// And its commit.
    pub(crate) fn commit(&self, service: &str, build: &BuildId) -> Option<String> {
        let inside = self.0.lock().unwrap();
        inside.builds.get(&(service.to_owned(), build.to_string()))?.commit.clone()
    }

    pub(crate) fn builds(&self, service: &str) -> Vec<String> {
        let inside = self.0.lock().unwrap();
        inside.builds.keys().filter(|(s, _)| s == service).map(|(_, b)| b.clone()).collect()
    }

    /// A change by another hand.
    pub(crate) fn give_traffic(&self, service: &str, build: &BuildId) {
        self.0.lock().unwrap().traffic.insert(service.to_owned(), build.clone());
    }

    /// One call: counts it, lets the world act unless the fault says no, and answers.
    fn call<T>(
        &self,
        act: impl FnOnce(&mut Inside) -> Result<T, HostingError>,
    ) -> Result<T, HostingError> {
        let mut inside = self.0.lock().unwrap();
        let at = inside.calls;
        inside.calls += 1;
        match inside.fault.filter(|f| f.at == at || (f.lasts && f.at < at)) {
            Some(fault) if fault.acts => act(&mut inside).and(Err(refused(fault.class))),
            Some(fault) => Err(refused(fault.class)),
            None => act(&mut inside),
        }
    }
}

fn now<'a, T: Send + 'a>(answer: Result<T, HostingError>) -> Answer<'a, T> {
    Box::pin(std::future::ready(answer))
}

fn traffic_of(inside: &mut Inside, target: &Target) -> Traffic {
    let build = inside.traffic.get(target.service().as_str());
    let mut splits: Vec<Split> =
        build.map(|b| Split { build: b.clone(), percent: 100 }).into_iter().collect();
    let service = target.service().as_str();
    let switched = |a: &Act| matches!(a, Act::Switched(s, _) if s == service);
    let switched = inside.acts.iter().any(switched);
    if let Some(twist) = &mut inside.twist {
        twist(service, switched, &mut splits);
    }
    let policy = "main".to_owned();
    let held = inside.held.contains(target.service().as_str());
    let automatic = if held { Automatic::Held { policy } } else { Automatic::On { policy } };
    Traffic { splits, moving: false, unfinished: Vec::new(), automatic }
}

impl Hosting for World {
    fn prepare<'a>(&'a self, _: &'a Member) -> Answer<'a, ()> {
        now(self.call(|_| Ok(())))
    }

    fn traffic<'a>(&'a self, target: &'a Target) -> Answer<'a, Traffic> {
        let answer = self.call(|inside| Ok(traffic_of(inside, target)));
        self.answer_of("traffic", answer)
    }

    fn build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, Option<Build>> {
        let key = (target.service().to_string(), id.to_string());
        now(self.call(|inside| Ok(inside.builds.get(&key).cloned())))
    }

    fn builds<'a>(&'a self, target: &'a Target) -> Answer<'a, Vec<Build>> {
        now(self.call(|inside| {
            let of = |(service, _): &(String, String)| service == target.service().as_str();
            Ok(inside.builds.iter().filter(|(k, _)| of(k)).map(|(_, b)| b.clone()).collect())
        }))
    }

    fn create_build<'a>(&'a self, target: &'a Target, new: &'a NewBuild) -> Answer<'a, ()> {
        let service = target.service().to_string();
        now(self.call(|inside| {
            let behaviour = inside.behaviour.get(new.release.as_str()).copied();
            let fails = behaviour == Some(Behaviour::DoesNotBuild);
            inside.acts.push(Act::Built(service.clone(), new.id.to_string()));
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
                preview: Some(format!("http://preview/{service}/{}", new.id)),
                problem: fails.then(|| Problem::new("the build failed")),
                bound: None,
            };
            inside.builds.insert((service, new.id.to_string()), build);
            Ok(())
        }))
    }

    fn set_active<'a>(&'a self, target: &'a Target, new: &'a NewRollout) -> Answer<'a, Traffic> {
        let service = target.service().to_string();
        let answer = self.call(|inside| {
            inside.acts.push(Act::Switched(service.clone(), new.build.to_string()));
            inside.traffic.insert(service, new.build.clone());
            Ok(traffic_of(inside, target))
        });
        self.answer_of("set_active", answer)
    }

    fn hold_rollouts<'a>(
        &'a self,
        target: &'a Target,
        policy: &'a str,
        hold: bool,
    ) -> Answer<'a, ()> {
        assert_eq!(policy, "main");
        let service = target.service().to_string();
        now(self.call(|inside| {
            if hold {
                inside.held.insert(service);
            } else {
                inside.held.remove(&service);
            }
            Ok(())
        }))
    }

    fn domain_troubles<'a>(&'a self, _: &'a Target) -> Answer<'a, Vec<DomainTrouble>> {
        now(Ok(Vec::new()))
    }

    fn stop_build<'a>(
        &'a self,
        target: &'a Target,
        id: &'a BuildId,
        _: Duration,
    ) -> Answer<'a, bool> {
        let act = Act::Stopped(target.service().to_string(), id.to_string());
        now(self.call(|inside| {
            inside.acts.push(act);
            Ok(true)
        }))
    }

    fn delete_build<'a>(&'a self, target: &'a Target, id: &'a BuildId) -> Answer<'a, ()> {
        let key = (target.service().to_string(), id.to_string());
        now(self.call(|inside| {
            inside.acts.push(Act::Deleted(key.0.clone(), key.1.clone()));
            inside.builds.remove(&key);
            Ok(())
        }))
    }

    fn log<'a>(&'a self, _: &'a Target, _: &'a BuildId, from: u64) -> BoxFuture<'a, LogPart> {
        let late = &mut self.0.lock().unwrap().late_logs;
        let mut part = LogPart { lines: Vec::new(), next: from };
        match late {
            Some(0) if from == 0 => {
                let lines = ["fah/other: the lock file is gone", "ERROR: build step 2 failed"];
                part = LogPart { lines: lines.map(str::to_owned).to_vec(), next: 2 };
            }
            Some(looks) => *looks = looks.saturating_sub(1),
            None => {}
        }
        Box::pin(std::future::ready(part))
    }

    fn logs_builds_alone(&self) -> bool {
        self.0.lock().unwrap().late_logs.is_some()
    }

    fn tells_revision(&self) -> bool {
        !self.0.lock().unwrap().without_revision
    }

    fn poll_after(&self, _: u32) -> Duration {
        Duration::from_millis(50)
    }
}

impl Prober for World {
    fn ask<'a>(&'a self, question: &'a Question) -> BoxFuture<'a, Sample> {
        let mut inside = self.0.lock().unwrap();
        inside.asked_urls.push(question.base.clone());
        let sample = answer(&mut inside, &question.base);
        Box::pin(std::future::ready(sample))
    }

    fn measure<'a>(
        &'a self,
        check: &'a Check,
        _: Duration,
        _: &'a [String],
    ) -> BoxFuture<'a, Measurement> {
        let sample = answer(&mut self.0.lock().unwrap(), &check.to_string());
        let heard = Measurement::of(sample, Timestamp::UNIX_EPOCH, Duration::ZERO);
        Box::pin(std::future::ready(heard))
    }
}

fn answer(inside: &mut Inside, base: &str) -> Sample {
    let preview = base.strip_prefix("http://preview/").and_then(|rest| rest.split_once('/'));
    let public = preview.is_none();
    let service = preview.map_or(
        base.trim_start_matches("https://").trim_start_matches("http://"),
        |(service, _)| service,
    );
    let serving = inside.traffic.get(service).map(BuildId::as_str);
    let Some(build) = preview.map(|(_, build)| build).or(serving) else {
        return Sample::Unhealthy("nothing serves".to_owned());
    };
    let (service, build) = (service.to_owned(), build.to_owned());
    let found = inside.builds.get(&(service.clone(), build.clone())).cloned();
    let release = found.and_then(|b| b.release).map(|r| r.to_string()).unwrap_or_default();
    let asked = inside.asked.entry(format!("{build} {public}")).or_default();
    *asked += 1;
    let bad = match inside.behaviour.get(&release).copied().unwrap_or(Behaviour::Healthy) {
        Behaviour::Blind => return Sample::Blind("no route".to_owned()),
        Behaviour::Nameless if public => {
            return Sample::Healthy(Identity { version: Some(release), revision: None });
        }
        Behaviour::Mixed if public && asked.is_multiple_of(5) => {
            let (version, revision) = (Some("1.0.0".to_owned()), Some("b-old".to_owned()));
            return Sample::Healthy(Identity { version, revision });
        }
        Behaviour::OldAnswers(after) if public && *asked > after && asked.is_multiple_of(2) => {
            let (version, revision) = (Some("1.0.0".to_owned()), Some("b-old".to_owned()));
            return Sample::Healthy(Identity { version, revision });
        }
        Behaviour::Alternates(after) => public && *asked > after && asked.is_multiple_of(2),
        Behaviour::Healthy
        | Behaviour::Mixed
        | Behaviour::OldAnswers(_)
        | Behaviour::Nameless
        | Behaviour::DoesNotBuild => false,
        Behaviour::Broken => true,
        Behaviour::Flaky => asked.is_multiple_of(2),
        Behaviour::Leaks(after) => public && *asked > after,
    };
    if bad {
        return Sample::Unhealthy("HTTP 503".to_owned());
    }
    Sample::Healthy(Identity { version: Some(release), revision: Some(build) })
}

impl RunLog for World {
    fn line(&self, _: &LogLine) {}
}

/// tokio's clock, which the tests pause: waits cost nothing, and their order stays.
/// The time of day is fixed, that long after the epoch.
struct PausedClock(tokio::time::Instant, Duration);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.1
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// The machine's programs, noted where the tests keep what they write.
pub(crate) fn programs() -> MachinePrograms {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("groups");
    MachinePrograms { groups: Groups::of(folder) }
}

pub(crate) fn label(text: &str) -> ReleaseLabel {
    ReleaseLabel::new(text).unwrap()
}

/// A release that is known by its label alone.
pub(crate) fn named(text: &str) -> ReleaseName {
    ReleaseName { label: label(text), commit: None }
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

/// An environment with the guide's two services, its waits short.
pub(crate) fn spec() -> EnvironmentSpec {
    let environment = EnvironmentName::new("development").unwrap();
    let project =
        Project { id: ProjectId::new("demo-toto").unwrap(), environment: environment.clone() };
    let member = |name: &str| Member {
        target: Target::new(
            &environment,
            service(name),
            &project,
            Location::new("us-central1").unwrap(),
            BackendId::new(name).unwrap(),
        )
        .unwrap(),
        url: format!("http://{name}"),
        health: HealthEndpoint {
            path: "/api/health".into(),
            version: Some("/version".into()),
            revision: Some("/revision".into()),
            word: HealthWord::default(),
        },
        pages: Vec::new(),
        green_url: None,
        source: None,
        repository: None,
        root_directory: None,
        to: None,
        accepts: BTreeMap::new(),
        obsolete: Vec::new(),
    };
    let mut policy = DeployPolicy::default();
    policy.soak.length = Duration::from_secs(5);
    policy.attest.consecutive = 5;
    let members = vec![member("toto-bo"), member("toto-app")];
    let checklist = Vec::new();
    EnvironmentSpec {
        environment,
        members,
        freeze: Vec::new(),
        policy,
        endpoint: Endpoint::Emulator,
        databases: Vec::new(),
        pipeline: None,
        notify: Notify::default(),
        checklist,
    }
}

pub(crate) fn deploy_plan(release: &str) -> Plan {
    let sources =
        ["toto-bo", "toto-app"].map(|s| (service(s), Source::Archive("file:///x".into())));
    planner::deploy(spec(), &label(release), &sources.into_iter().collect()).unwrap()
}

/// A store in a folder that goes with it.
pub(crate) struct Bench {
    pub(crate) world: World,
    folder: tempfile::TempDir,
    /// That long after the first fact.
    pub(crate) late: Cell<Duration>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // These worlds die between two facts, never with their disk: thousands of stores need not be synced.
        let memory = std::path::Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(root).unwrap();
        Self { world: World::default(), folder, late: Cell::default() }
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(self.folder.path(), Arc::new(ThisMachine)).unwrap()
    }

    /// The store as another process opens it, which finds every runner dead.
    pub(crate) fn stores(&self) -> Arc<dyn Stores> {
        Arc::new(Elsewhere(self.folder.path().to_owned()))
    }

    /// tokio's clock, once it is paused.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(LazyClock(self.late.get()))
    }

    /// The environment's runs, newest first.
    pub(crate) fn runs(&self) -> Vec<RunView> {
        self.store().runs(None, 100).unwrap().into_iter().map(|l| l.view).collect()
    }

    /// Which build of each service serves.
    pub(crate) fn live(&self) -> Live {
        let live = |name: &str| (service(name), self.world.live(name));
        ["toto-bo", "toto-app"].map(live).into_iter().collect()
    }

    pub(crate) fn facts(&self, run: &RunView) -> Vec<Fact> {
        self.store().facts(run.number, 0).unwrap()
    }

    /// Drives a plan to its end, unattended.
    pub(crate) fn drive(&self, plan: &Plan) -> RunView {
        self.drive_with(plan, |_, _| {})
    }

    /// The same; `meanwhile` gets every state, and may send signals.
    pub(crate) fn drive_with(
        &self,
        plan: &Plan,
        meanwhile: impl FnMut(&RunView, &mpsc::Sender<Signal>),
    ) -> RunView {
        let view = self.create(plan);
        paused(async {
            let (engine, sender) = self.engine(Box::new(self.store()), view);
            watched(engine, sender, meanwhile).await.unwrap()
        })
    }

    /// The same, as a run that a person watches: it waits at its gates and after failures.
    pub(crate) fn drive_watched(
        &self,
        plan: &Plan,
        meanwhile: impl FnMut(&RunView, &mpsc::Sender<Signal>),
    ) -> RunView {
        let view = self.create(&Plan { ask_at_gates: true, ..plan.clone() });
        paused(async {
            let (engine, sender) = self.asking(Box::new(self.store()), view, Attendance::Attended);
            watched(engine, sender, meanwhile).await.unwrap()
        })
    }

    pub(crate) fn create(&self, plan: &Plan) -> RunView {
        begin(&mut self.store(), plan)
    }

    fn engine(&self, journal: Box<dyn Journal>, view: RunView) -> (Engine, mpsc::Sender<Signal>) {
        self.asking(journal, view, Attendance::Unattended)
    }

    fn asking(
        &self,
        journal: Box<dyn Journal>,
        view: RunView,
        asking: Attendance,
    ) -> (Engine, mpsc::Sender<Signal>) {
        let clock: Arc<dyn Clock> =
            Arc::new(PausedClock(tokio::time::Instant::now(), self.late.get()));
        let (programs, holder) = (Arc::new(programs()), Holder::default());
        let databases =
            Databases::new(BTreeMap::new(), programs, clock.clone(), holder, Box::new(|_| false));
        let outside = Outside {
            hosting: Arc::new(self.world.clone()),
            prober: Arc::new(self.world.clone()),
            clock,
            log: Arc::new(self.world.clone()),
            pipeline: None,
            databases: Arc::new(databases),
        };
        let (sender, receiver) = mpsc::channel(4);
        (Engine::new(journal, view, outside, asking, receiver), sender)
    }

    /// Drives a plan until its runner dies: right after a fact was written, before anything more
    /// happens, or (`acted`) after the world acted, with that fact never written. `None`: the run
    /// has no such fact, and came to its end.
    pub(crate) fn crash(&self, plan: &Plan, at: u64, acted: bool) -> Option<RunView> {
        let view = self.create(plan);
        let number = view.number;
        let end = if acted { End::BeforeIt } else { End::AfterIt };
        let journal = Dying { inner: self.store(), at, end };
        let ended = paused(async { self.engine(Box::new(journal), view).0.run().await });
        ended.is_err().then(|| self.store().run(number).unwrap().view)
    }

    /// Drives a plan as one process until, right after a fact was written, another process takes the
    /// run over by beginning `other`. What the first one did from then on, and how it ended.
    pub(crate) fn taken_over(
        &self,
        plan: &Plan,
        at: u64,
        other: Plan,
    ) -> (Vec<Act>, Result<RunView, EngineError>) {
        let store = |name| SqliteStore::open(self.folder.path(), Arc::new(Named(name))).unwrap();
        let view = begin(&mut store("first"), plan);
        let world = self.world.clone();
        let seen = Arc::new(Mutex::new(usize::MAX));
        let (mut second, noted) = (store("second"), seen.clone());
        let take = Box::new(move || {
            *noted.lock().unwrap() = world.acts().len();
            let at: Timestamp = "1970-01-01T01:00:00Z".parse().unwrap();
            let event =
                Event::RunStarted { plan: Box::new(other.clone()), plan_hash: other.hash() };
            let entry = Entry { actor: "ben", at, elapsed_ms: 0, step: None, event: &event };
            second.create(&other, entry, true).unwrap();
        });
        let journal = Dying { inner: store("first"), at, end: End::TakenOver(take) };
        let ended = paused(async { self.engine(Box::new(journal), view).0.run().await });
        let before = *seen.lock().unwrap();
        (self.world.acts().into_iter().skip(before).collect(), ended)
    }

    /// Drives a plan on another journal than the store.
    pub(crate) fn drive_on(&self, mut journal: Box<dyn Journal>, plan: &Plan) -> RunView {
        let view = begin(journal.as_mut(), plan);
        paused(async { self.engine(journal, view).0.run().await.unwrap() })
    }

    /// Sends commands to a run, with all of its facts seen.
    pub(crate) fn send(&self, view: &RunView, commands: &[Command]) {
        let mut store = self.store();
        for command in commands {
            let (seen, at) = (view.last_seq, Timestamp::UNIX_EPOCH);
            store.send(view.number, "ben", seen, command, at).unwrap();
        }
    }

    /// Drives a run for minutes, or until it ends; a run in doubt is carried on.
    pub(crate) fn for_minutes(&self, view: RunView, commands: &[Command]) -> RunView {
        let number = view.number;
        paused(async {
            let fresh = view.last_seq == 1;
            let (mut engine, _sender) = self.engine(Box::new(self.store()), view);
            if !fresh {
                engine.take_over("", Choice::Continue).await.unwrap();
            }
            self.send(&self.store().run(number).unwrap().view, commands);
            let minutes = Duration::from_mins(3);
            let _ = tokio::time::timeout(minutes, engine.run()).await;
        });
        self.store().run(number).unwrap().view
    }

    /// The safe choices after a crash.
    pub(crate) fn choices(&self, view: &RunView) -> Vec<Choice> {
        let observed = paused(observe(&self.world, view)).unwrap();
        reconcile(view, &observed).unwrap().choices
    }

    /// Takes a dead run over by a choice, or by the recommended one.
    pub(crate) fn resume(&self, view: RunView, choice: Option<Choice>) -> (Doubt, RunView) {
        paused(async {
            let observed = observe(&self.world, &view).await.unwrap();
            let doubt = reconcile(&view, &observed).unwrap();
            let choice = choice.unwrap_or(doubt.choices[0]);
            let (mut engine, sender) = self.engine(Box::new(self.store()), view);
            engine.take_over(&doubt.observed, choice).await.unwrap();
            (doubt, watched(engine, sender, |_, _| {}).await.unwrap())
        })
    }
}

fn begin(journal: &mut dyn Journal, plan: &Plan) -> RunView {
    let event = Event::RunStarted { plan: Box::new(plan.clone()), plan_hash: plan.hash() };
    let at = Timestamp::UNIX_EPOCH;
    let entry = Entry { actor: "ana", at, elapsed_ms: 0, step: None, event: &event };
    journal.create(plan, entry, false).unwrap()
}

/// tokio's clock, read in whichever runtime asks.
struct LazyClock(Duration);

impl Clock for LazyClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.0
    }

    fn elapsed(&self) -> Duration {
        tokio::time::Instant::now().elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

struct Elsewhere(std::path::PathBuf);

impl Stores for Elsewhere {
    fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(Box::new(SqliteStore::open(&self.0, Arc::new(Dead))?))
    }

    fn open_readable(&self) -> Result<Box<dyn Journal>, JournalError> {
        self.open()
    }

    fn outbox(&self) -> Result<Box<dyn Outbox>, JournalError> {
        Ok(Box::new(SqliteStore::open(&self.0, Arc::new(Dead))?))
    }
}

/// A machine on which no process lives.
struct Dead;

impl Processes for Dead {
    fn own(&self) -> ProcessIdentity {
        ProcessIdentity { pid: 2, began: "reader".to_owned() }
    }

    fn of(&self, _: u32) -> Option<ProcessIdentity> {
        None
    }

    fn alive(&self, _: &ProcessIdentity) -> bool {
        false
    }

    fn end_group(&self, _: u32, _: bool) {}

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

/// A process of that name, on a machine where every process lives.
struct Named(&'static str);

impl Processes for Named {
    fn own(&self) -> ProcessIdentity {
        ProcessIdentity { pid: 1, began: self.0.to_owned() }
    }

    fn of(&self, _: u32) -> Option<ProcessIdentity> {
        None
    }

    fn alive(&self, _: &ProcessIdentity) -> bool {
        true
    }

    fn end_group(&self, _: u32, _: bool) {}

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

/// On tokio's paused clock.
pub(crate) fn paused<T>(future: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(future)
}

async fn watched(
    engine: Engine,
    sender: mpsc::Sender<Signal>,
    mut meanwhile: impl FnMut(&RunView, &mpsc::Sender<Signal>),
) -> Result<RunView, EngineError> {
    let mut watch = engine.watch();
    let run = engine.run();
    tokio::pin!(run);
    loop {
        tokio::select! {
            biased;
            Ok(()) = watch.changed() => {
                let view = watch.borrow_and_update().clone();
                meanwhile(&view, &sender);
            }
            ended = &mut run => return ended,
        }
    }
}
