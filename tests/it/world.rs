//! Drives the engine in the scripted world, on tokio's paused clock and with a real journal.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pointsman::adapters::group::Groups;
use pointsman::adapters::process::ThisMachine;
use pointsman::adapters::program::MachinePrograms;
use pointsman::domain::alert::Notify;
use pointsman::domain::command::Command;
use pointsman::domain::endpoint::Endpoint;
use pointsman::domain::event::{Event, Fact, Outcome, Recorded};
use pointsman::domain::ids::{BackendId, EnvironmentName, Location, ProjectId, ServiceName};
use pointsman::domain::migration::Holder;
use pointsman::domain::plan::{HealthEndpoint, Member, Plan, Source};
use pointsman::domain::planner::{self, EnvironmentSpec};
use pointsman::domain::policy::DeployPolicy;
use pointsman::domain::probe::HealthWord;
use pointsman::domain::project::{Project, Target};
use pointsman::domain::readiness::Live;
use pointsman::domain::recover::{Choice, Doubt, reconcile};
use pointsman::domain::release::{ReleaseLabel, ReleaseName};
use pointsman::domain::run::RunState;
use pointsman::domain::time::Timestamp;
use pointsman::domain::view::RunView;
use pointsman::engine::database::Databases;
use pointsman::engine::{Attendance, Engine, EngineError, Outside, Signal, observe};
use pointsman::ports::BoxFuture;
use pointsman::ports::clock::Clock;
use pointsman::ports::journal::{Entry, Journal, JournalError};
use pointsman::ports::mutes::Mutes;
use pointsman::ports::outbox::Outbox;
use pointsman::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman::ports::stores::Stores;
use pointsman::store::SqliteStore;
use tokio::sync::mpsc;

pub(crate) use pointsman::rehearsal::{Act, Behaviour, Fault, World};

use super::dying::{Dying, End};

/// tokio's clock, which the tests pause: waits take no real time and keep their order. The time of day starts at this
/// duration after the epoch, and is ahead by these seconds.
struct PausedClock(tokio::time::Instant, Duration, Arc<AtomicU64>);

impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let ahead = Duration::from_secs(self.2.load(Ordering::Relaxed));
        Timestamp::UNIX_EPOCH + self.1 + ahead + self.0.elapsed()
    }

    fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, length: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(length))
    }
}

/// The machine's programs, with process groups recorded in the folder for test output.
pub(crate) fn programs() -> MachinePrograms {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("groups");
    MachinePrograms { groups: Groups::of(folder) }
}

pub(crate) fn label(text: &str) -> ReleaseLabel {
    ReleaseLabel::new(text).unwrap()
}

/// A release with only a label.
pub(crate) fn named(text: &str) -> ReleaseName {
    ReleaseName { label: label(text), commit: None }
}

pub(crate) fn service(name: &str) -> ServiceName {
    ServiceName::new(name).unwrap()
}

/// An environment with the guide's two services and short waits.
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
        preview: None,
        deployments: None,
        pipeline: None,
        notify: Notify::default(),
        checklist,
    }
}

pub(crate) fn deploy_plan(release: &str) -> Plan {
    planned(spec(), release)
}

/// A deploy of both services.
pub(crate) fn planned(spec: EnvironmentSpec, release: &str) -> Plan {
    let sources =
        ["toto-bo", "toto-app"].map(|s| (service(s), Source::Archive("file:///x".into())));
    planner::deploy(spec, &label(release), &sources.into_iter().collect()).unwrap()
}

/// How a run ended.
#[track_caller]
pub(crate) fn outcome(view: &RunView) -> Outcome {
    match view.state {
        RunState::Ended { outcome } => outcome,
        ref state => panic!("the run is {}", state.sentence()),
    }
}

/// A deploy that gives GREEN a tenth and then half of the traffic before it gets all of it.
pub(crate) fn shared_plan(release: &str) -> Plan {
    let mut spec = spec();
    spec.policy.traffic = vec![10, 50];
    planned(spec, release)
}

/// A scripted world and a store in a temporary folder.
pub(crate) struct Bench {
    pub(crate) world: World,
    folder: tempfile::TempDir,
    /// How long after the first fact new engines start.
    pub(crate) late: Cell<Duration>,
    ahead: Arc<AtomicU64>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        // Use a memory disk: these tests crash processes, not machines, so thousands of stores need no sync.
        let memory = std::path::Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(root).unwrap();
        let world = World::default();
        for member in spec().members {
            world.address(&member.url, &member.target);
        }
        Self { world, folder, late: Cell::default(), ahead: Arc::default() }
    }

    pub(crate) fn store(&self) -> SqliteStore {
        SqliteStore::open(self.folder.path(), Arc::new(ThisMachine)).unwrap()
    }

    /// The store as another process sees it, to which every runner looks dead.
    pub(crate) fn stores(&self) -> Arc<dyn Stores> {
        Arc::new(Elsewhere(self.folder.path().to_owned()))
    }

    /// tokio's paused clock.
    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(LazyClock(self.late.get()))
    }

    /// The time of day jumps forward; what has elapsed does not.
    pub(crate) fn clock_jumps(&self, by: Duration) {
        self.ahead.fetch_add(by.as_secs(), Ordering::Relaxed);
    }

    /// All runs, newest first.
    pub(crate) fn runs(&self) -> Vec<RunView> {
        self.store().runs(None, 100).unwrap().into_iter().map(|l| l.view).collect()
    }

    /// The live build of each service.
    pub(crate) fn live(&self) -> Live {
        let live = |name: &str| (service(name), self.world.live(name));
        ["toto-bo", "toto-app"].map(live).into_iter().collect()
    }

    pub(crate) fn facts(&self, run: &RunView) -> Vec<Fact> {
        self.store().facts(run.number, 0).unwrap()
    }

    /// Why commands to a run were refused, in order.
    pub(crate) fn refusals(&self, run: &RunView) -> Vec<String> {
        let because = |fact: Fact| match fact.event {
            Recorded::Known(Event::CommandRefused { because, .. }) => Some(because),
            _ => None,
        };
        self.facts(run).into_iter().filter_map(because).collect()
    }

    /// Drives a plan to its end, unattended.
    pub(crate) fn drive(&self, plan: &Plan) -> RunView {
        self.drive_with(plan, |_, _| {})
    }

    /// Like `drive`, but calls `meanwhile` with every state; it may send signals.
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

    /// Like `drive_with`, for an attended run: it waits at its gates and after failures.
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

    /// An engine on any journal.
    pub(crate) fn asking(
        &self,
        journal: Box<dyn Journal>,
        view: RunView,
        asking: Attendance,
    ) -> (Engine, mpsc::Sender<Signal>) {
        let clock: Arc<dyn Clock> =
            Arc::new(PausedClock(tokio::time::Instant::now(), self.late.get(), self.ahead.clone()));
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

    /// Drives a plan until its runner dies: right after fact `at` is written, or with `acted` after its effect but
    /// before it is written. `None`: the run ended without reaching that fact.
    pub(crate) fn crash(&self, plan: &Plan, at: u64, acted: bool) -> Option<RunView> {
        self.crash_of(self.create(plan), at, acted)
    }

    /// The same with a run that was offered, and that a person accepted at once.
    pub(crate) fn crash_offered(&self, plan: &Plan, at: u64, acted: bool) -> Option<RunView> {
        let view = self.create(plan);
        self.send_as("ana", &view, &Command::Offer);
        self.send_as("ben", &view, &Command::Accept);
        self.crash_of(view, at, acted)
    }

    fn crash_of(&self, view: RunView, at: u64, acted: bool) -> Option<RunView> {
        let number = view.number;
        let end = if acted { End::BeforeIt } else { End::AfterIt };
        let journal = Dying { inner: self.store(), at, end };
        let ended = paused(async { self.engine(Box::new(journal), view).0.run().await });
        ended.is_err().then(|| self.store().run(number).unwrap().view)
    }

    /// Drives a plan in one process until, right after fact `at`, another process takes the environment over by
    /// starting `other`. Returns the effects of the first process after that, and how it ended.
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

    /// Drives a plan in one process, which offers it; a second one accepts, takes it when permitted, and drives it to its
    /// end.
    pub(crate) fn handed_over(&self, plan: &Plan, to: &str) -> (EngineError, RunView) {
        let store = |name| SqliteStore::open(self.folder.path(), Arc::new(Named(name))).unwrap();
        let view = begin(&mut store("first"), plan);
        let number = view.number;
        self.send_as("ana", &view, &Command::Offer);
        self.send_as(to, &view, &Command::Accept);
        paused(async {
            let (engine, _signals) = self.engine(Box::new(store("first")), view);
            let mut watch = engine.watch();
            let mut second = store("second");
            let take = async {
                watch.wait_for(|view| view.handed.is_some()).await.unwrap();
                second.claim(number, None, Timestamp::UNIX_EPOCH).unwrap();
                second.run(number).unwrap().view
            };
            let (first, view) = tokio::join!(engine.run(), take);
            let (mut engine, _signals) = self.engine(Box::new(second), view);
            engine.take_on(to).unwrap();
            (first.unwrap_err(), engine.run().await.unwrap())
        })
    }

    /// Drives a plan with another journal than the store.
    pub(crate) fn drive_on(&self, mut journal: Box<dyn Journal>, plan: &Plan) -> RunView {
        let view = begin(journal.as_mut(), plan);
        paused(async { self.engine(journal, view).0.run().await.unwrap() })
    }

    /// Sends commands to a run, based on its latest fact.
    pub(crate) fn send(&self, view: &RunView, commands: &[Command]) {
        for command in commands {
            self.send_as("ben", view, command);
        }
    }

    pub(crate) fn send_as(&self, actor: &str, view: &RunView, command: &Command) {
        let (seen, at) = (view.last_seq, Timestamp::UNIX_EPOCH);
        self.store().send(view.number, actor, seen, command, at).unwrap();
    }

    /// Drives a run for minutes or until it ends. Continues a run in doubt.
    pub(crate) fn for_minutes(&self, view: RunView, commands: &[Command]) -> RunView {
        let number = view.number;
        paused(async {
            let fresh = view.last_seq == 1;
            let (mut engine, _sender) = self.engine(Box::new(self.store()), view);
            if !fresh {
                engine.take_over("", Choice::Continue, "ben").await.unwrap();
            }
            self.send(&self.store().run(number).unwrap().view, commands);
            let minutes = Duration::from_mins(3);
            let _ = tokio::time::timeout(minutes, engine.run()).await;
        });
        self.store().run(number).unwrap().view
    }

    /// The safe choices for a run in doubt.
    pub(crate) fn choices(&self, view: &RunView) -> Vec<Choice> {
        let observed = paused(observe(&self.world, view)).unwrap();
        reconcile(view, &observed).unwrap().choices
    }

    /// Takes over a run in doubt with a choice, or with the recommended one.
    pub(crate) fn resume(&self, view: RunView, choice: Option<Choice>) -> (Doubt, RunView) {
        paused(async {
            let observed = observe(&self.world, &view).await.unwrap();
            let doubt = reconcile(&view, &observed).unwrap();
            let choice = choice.unwrap_or(doubt.choices[0]);
            let (mut engine, sender) = self.engine(Box::new(self.store()), view);
            engine.take_over(&doubt.observed, choice, "ben").await.unwrap();
            (doubt, Box::pin(watched(engine, sender, |_, _| {})).await.unwrap())
        })
    }
}

pub(crate) fn begin(journal: &mut dyn Journal, plan: &Plan) -> RunView {
    let event = Event::RunStarted { plan: Box::new(plan.clone()), plan_hash: plan.hash() };
    let at = Timestamp::UNIX_EPOCH;
    let entry = Entry { actor: "ana", at, elapsed_ms: 0, step: None, event: &event };
    journal.create(plan, entry, false).unwrap()
}

/// tokio's clock, read from the runtime of the caller.
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

    fn mutes(&self) -> Result<Box<dyn Mutes>, JournalError> {
        Ok(Box::new(SqliteStore::open(&self.0, Arc::new(Dead))?))
    }

    fn outbox(&self) -> Result<Box<dyn Outbox>, JournalError> {
        Ok(Box::new(SqliteStore::open(&self.0, Arc::new(Dead))?))
    }
}

/// A machine on which no process is alive.
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

    fn in_group(&self, _: u32, _: u32) -> bool {
        false
    }

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

/// A process with this name, on a machine where every process is alive.
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

    fn in_group(&self, _: u32, _: u32) -> bool {
        false
    }

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

/// Runs every case, each once, on some threads.
pub(crate) fn side_by_side(threads: usize, cases: Range<u64>, case: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(cases.start);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= cases.end {
                        return;
                    }
                    case(at);
                }
            });
        }
    });
}

/// Runs a future on tokio's paused clock.
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
