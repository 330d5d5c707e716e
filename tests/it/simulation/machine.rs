//! A machine of the simulation, and its processes: consoles, and drivers of runs.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use pointsman::adapters::run_logs::LogFolder;
use pointsman::domain::error::Problem;
use pointsman::domain::event::Event;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::migration::Holder;
use pointsman::domain::plan::Plan;
use pointsman::domain::recover::{Choice, reconcile};
use pointsman::domain::view::RunView;
use pointsman::engine::database::Databases;
use pointsman::engine::{Attendance, Engine, EngineError, Outside, Signal, observe};
use pointsman::ports::clock::Clock as _;
use pointsman::ports::journal::{Entry, Journal, JournalError};
use pointsman::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman::rehearsal::World;
use pointsman::store::{Chains, Link, LinkParts, Machine as Named, SqliteStore};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::chance::Chance;
use super::checks::Checks;
use super::clock::{Impatient, SimClock};
use super::platform::Platform;
use super::server::Way;
use crate::dying::{Dying, End, Written};
use crate::world::programs;

/// The processes of a machine that are alive.
type Alive = Arc<Mutex<BTreeSet<u32>>>;

struct Procs {
    own: u32,
    alive: Alive,
}

impl Processes for Procs {
    fn own(&self) -> ProcessIdentity {
        identity(self.own)
    }

    fn of(&self, pid: u32) -> Option<ProcessIdentity> {
        self.alive.lock().unwrap().contains(&pid).then(|| identity(pid))
    }

    fn alive(&self, process: &ProcessIdentity) -> bool {
        self.alive.lock().unwrap().contains(&process.pid)
    }

    fn end_group(&self, _: u32, _: bool) {}

    fn in_group(&self, _: u32, _: u32) -> bool {
        false
    }

    fn listener_of(&self, _: u16) -> Option<Listener> {
        None
    }
}

fn identity(pid: u32) -> ProcessIdentity {
    ProcessIdentity { pid, began: format!("start of {pid}") }
}

/// How the work of a driver came out.
pub(crate) type Driven = Result<RunView, EngineError>;

/// A process. Dropping it is `kill -9`: nothing of it runs on.
pub(crate) struct Process {
    pub(crate) pid: u32,
    pub(crate) link: Option<Arc<Link>>,
    serves: Option<JoinHandle<()>>,
    /// The run that it drives.
    pub(crate) drives: Option<(RunNumber, JoinHandle<Driven>)>,
    signals: Option<mpsc::Sender<Signal>>,
    /// The chains that it has verified.
    chains: Chains,
    alive: Alive,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.alive.lock().unwrap().remove(&self.pid);
        if let Some(serves) = &self.serves {
            serves.abort();
        }
        if let Some((_, drives)) = &self.drives {
            drives.abort();
        }
    }
}

/// What all machines have in common.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) world: World,
    pub(crate) chance: Chance,
    pub(crate) checks: Arc<Checks>,
    pub(crate) next_pid: Arc<Mutex<u32>>,
}

pub(crate) struct Machine {
    pub(crate) name: &'static str,
    folder: tempfile::TempDir,
    pub(crate) clock: SimClock,
    /// The way to the shared store; `None` if the store is local.
    pub(crate) way: Option<Arc<Way>>,
    alive: Alive,
    /// Whether its disk is full.
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) setting: Setting,
    pub(crate) drivers: Vec<Process>,
    console: Option<(Process, SqliteStore)>,
}

impl Machine {
    pub(crate) fn new(
        name: &'static str,
        clock: SimClock,
        way: Option<Arc<Way>>,
        setting: &Setting,
    ) -> Self {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(root).unwrap();
        let (alive, full, setting) = (Alive::default(), Arc::default(), setting.clone());
        let (drivers, console) = (Vec::new(), None);
        let mut machine = Self { name, folder, clock, way, alive, full, setting, drivers, console };
        let console = machine.process();
        if let Some(link) = &console.link {
            link.follow();
        }
        let journal = machine.store(&console);
        machine.console = Some((console, journal));
        machine
    }

    /// Starts a process.
    fn process(&self) -> Process {
        let pid = {
            let mut next = self.setting.next_pid.lock().unwrap();
            *next += 1;
            *next
        };
        self.alive.lock().unwrap().insert(pid);
        let link = self.way.as_ref().map(|way| {
            Link::new(LinkParts {
                folder: self.folder.path().to_owned(),
                machine: Named { id: self.name.to_owned(), name: self.name.to_owned() },
                database: way.clone(),
                processes: Arc::new(Procs { own: pid, alive: self.alive.clone() }),
                clock: Arc::new(Impatient::of(self.clock.clone())),
                logs: Arc::new(LogFolder(self.folder.path().to_owned())),
                threads: false,
            })
        });
        let serves = link.clone().map(|link| {
            let clock = self.clock.clone();
            tokio::spawn(async move { link.serve(&clock).await })
        });
        let (drives, signals, chains) = (None, None, Chains::default());
        Process { pid, link, serves, drives, signals, chains, alive: self.alive.clone() }
    }

    fn store(&self, of: &Process) -> SqliteStore {
        let store = self.store_alone(of.pid).sharing(&of.chains);
        match &of.link {
            Some(link) => store.linked(link),
            None => store,
        }
    }

    /// The machine's store without its connection.
    fn store_alone(&self, pid: u32) -> SqliteStore {
        let procs = Procs { own: pid, alive: self.alive.clone() };
        let store = SqliteStore::open(self.folder.path(), Arc::new(procs)).unwrap();
        store.without_sync().unwrap()
    }

    /// The journal as the console of the machine sees it.
    pub(crate) fn journal(&self) -> &SqliteStore {
        &self.console.as_ref().unwrap().1
    }

    pub(crate) fn journal_mut(&mut self) -> &mut SqliteStore {
        &mut self.console.as_mut().unwrap().1
    }

    pub(crate) fn console_link(&self) -> Option<&Arc<Link>> {
        self.console.as_ref()?.0.link.as_ref()
    }

    /// Begins a run in a new process.
    pub(crate) fn begin(
        &mut self,
        plan: &Plan,
        take_over: bool,
    ) -> Result<RunNumber, JournalError> {
        let mut process = self.process();
        let mut journal = self.store(&process);
        let event = Event::RunStarted { plan: Box::new(plan.clone()), plan_hash: plan.hash() };
        let at = self.clock.now();
        let entry = Entry { actor: "ana", at, elapsed_ms: 0, step: None, event: &event };
        let view = journal.create(plan, entry, take_over)?;
        let run = view.number;
        let engine = self.engine(&mut process, journal, view);
        process.drives = Some((run, tokio::spawn(engine.run())));
        self.drivers.push(process);
        Ok(run)
    }

    /// Takes over a run whose process is gone, with one of the safe choices.
    pub(crate) fn resume(&mut self, run: RunNumber, first: bool) -> Result<(), JournalError> {
        let (mut process, mut engine, view) = self.claimed(run)?;
        let platform = self.platform(process.pid, run);
        let chance = self.setting.chance.clone();
        let drives = async move {
            let observed = observe(&platform, &view).await;
            let observed = observed.map_err(|error| EngineError::CannotCarryOn(error.problem))?;
            let doubt = reconcile(&view, &observed).map_err(EngineError::CannotCarryOn)?;
            let choices: &[Choice] = if first { &doubt.choices[..1] } else { &doubt.choices };
            engine.take_over(&doubt.observed, *chance.one_of(choices), "ben").await?;
            engine.run().await
        };
        process.drives = Some((run, tokio::spawn(drives)));
        self.drivers.push(process);
        Ok(())
    }

    /// Takes a run that is being handed over.
    pub(crate) fn take_on(&mut self, run: RunNumber) -> Result<(), JournalError> {
        let (mut process, mut engine, _) = self.claimed(run)?;
        let drives = async move {
            engine.take_on("ben")?;
            engine.run().await
        };
        process.drives = Some((run, tokio::spawn(drives)));
        self.drivers.push(process);
        Ok(())
    }

    /// A new process that has claimed a run, with the engine for it and the run as it is then.
    fn claimed(&self, run: RunNumber) -> Result<(Process, Engine, RunView), JournalError> {
        let mut process = self.process();
        let mut journal = self.store(&process);
        journal.claim(run, None, self.clock.now())?;
        let view = journal.run(run)?.view;
        let engine = self.engine(&mut process, journal, view.clone());
        Ok((process, engine, view))
    }

    fn platform(&self, pid: u32, run: RunNumber) -> Platform {
        let store = self.store_alone(pid);
        let (checks, way) = (self.setting.checks.clone(), self.way.clone());
        let (clock, store, world) =
            (self.clock.clone(), Mutex::new(store), self.setting.world.clone());
        let witness = Arc::new(move |act: &_| {
            let outside = (&world, way.as_deref());
            checks.effect(act, (pid, run), &store.lock().unwrap(), outside, clock.elapsed());
        });
        let (world, chance) = (self.setting.world.clone(), self.setting.chance.clone());
        Platform { world, chance, witness }
    }

    fn engine(&self, process: &mut Process, journal: SqliteStore, view: RunView) -> Engine {
        let clock = Arc::new(self.clock.clone());
        let platform = self.platform(process.pid, view.number);
        let (programs, holder) = (Arc::new(programs()), Holder::default());
        let databases =
            Databases::new(BTreeMap::new(), programs, clock.clone(), holder, Box::new(|_| false));
        let outside = Outside {
            hosting: Arc::new(platform.clone()),
            prober: Arc::new(platform),
            clock,
            log: Arc::new(self.setting.world.clone()),
            pipeline: None,
            databases: Arc::new(databases),
        };
        let attended = view.plan.ask_at_gates;
        let attendance = if attended { Attendance::Attended } else { Attendance::Unattended };
        let (sender, receiver) = mpsc::channel(4);
        process.signals = Some(sender);
        let journal = Dying { inner: journal, at: 0, end: End::Asks(self.fate()) };
        Engine::new(Box::new(journal), view, outside, attendance, receiver)
    }

    /// Whether a process dies around one of its facts, and whether the disk takes them.
    fn fate(&self) -> Box<dyn FnMut(Written) -> Option<JournalError> + Send> {
        let dies = self.setting.chance.percent(15);
        let at = if dies { self.setting.chance.within(1..80) } else { u64::MAX };
        let (left, full) =
            (AtomicI64::new(i64::try_from(at).unwrap_or(i64::MAX)), self.full.clone());
        Box::new(move |written| {
            if left.fetch_sub(1, Ordering::Relaxed) <= 1 {
                return Some(JournalError::Unusable(Problem::new("the process died")));
            }
            let full = written == Written::No && full.load(Ordering::Relaxed);
            full.then(|| JournalError::Unwritable(Problem::new("the disk is full")))
        })
    }

    /// The drivers that have ended, with how.
    pub(crate) async fn ended(&mut self) -> Vec<(RunNumber, Driven)> {
        let over =
            |process: &Process| process.drives.as_ref().is_some_and(|(_, d)| d.is_finished());
        let (over, left): (Vec<_>, Vec<_>) = self.drivers.drain(..).partition(over);
        self.drivers = left;
        let mut ended = Vec::new();
        for mut process in over {
            let (run, work) = process.drives.take().unwrap();
            // A process shares what is left before it ends, unless it died.
            let driven = work.await.unwrap();
            let died = matches!(&driven, Err(EngineError::Journal(JournalError::Unusable(_))));
            let cut = self.way.as_ref().is_some_and(|way| way.cut.load(Ordering::Relaxed));
            if let Some(link) = process.link.as_ref().filter(|_| !died && !cut) {
                link.settle();
            }
            ended.push((run, driven));
        }
        ended
    }
}
