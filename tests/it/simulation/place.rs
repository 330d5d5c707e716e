//! Where the processes of a machine run: its folder, its clock, and its way to the shared store.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use pointsman::adapters::run_logs::LogFolder;
use pointsman::domain::error::Problem;
use pointsman::domain::event::Event;
use pointsman::domain::ids::RunNumber;
use pointsman::domain::migration::Holder;
use pointsman::domain::plan::Plan;
use pointsman::domain::planner::EnvironmentSpec;
use pointsman::domain::view::RunView;
use pointsman::engine::database::Databases;
use pointsman::engine::{Attendance, Engine, Outside, Signal};
use pointsman::ports::clock::Clock as _;
use pointsman::ports::database::{Database, Write};
use pointsman::ports::journal::{Entry, Journal, JournalError};
use pointsman::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman::rehearsal::World;
use pointsman::store::{Chains, Link, LinkParts, Machine as Named, SqliteStore};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::chance::Chance;
use super::checks::Checks;
use super::clock::{Impatient, SimClock, Unhurried};
use super::data::{self, Data};
use super::mortal::{Alive, Life, Mortal, Slow};
use super::moving::Moving;
use super::platform::Platform;
use super::server::Way;
use crate::dying::{Dying, End, Written};
use crate::world::{programs, spec};

/// The file of a store.
const FILE: &str = "store.db";

/// A store without runs. Each machine begins with a copy: to make its tables is a twentieth of a simulation's work.
fn empty_store() -> &'static [u8] {
    static EMPTY: OnceLock<Vec<u8>> = OnceLock::new();
    EMPTY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let alive = Alive::default();
        drop(SqliteStore::open(folder.path(), Arc::new(Procs { own: 0, alive })).unwrap());
        std::fs::read(folder.path().join(FILE)).unwrap()
    })
}

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

/// A process. Dropping it is `kill -9`: nothing of it runs on.
pub(crate) struct Process {
    pub(crate) life: Life,
    pub(crate) link: Option<Arc<Link>>,
    serves: Option<JoinHandle<()>>,
    signals: Option<mpsc::Sender<Signal>>,
    /// The chains that it has verified.
    chains: Chains,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.life.ends();
        if let Some(serves) = &self.serves {
            serves.abort();
        }
    }
}

/// A process that has a run, and the engine with which it will drive it.
pub(crate) struct Driver {
    pub(crate) process: Process,
    pub(crate) engine: Engine,
    pub(crate) view: RunView,
}

/// What all machines have in common.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The environment's database, if it has one.
    pub(crate) data: Option<Data>,
    pub(crate) world: World,
    pub(crate) moving: Moving,
    pub(crate) chance: Chance,
    pub(crate) checks: Arc<Checks>,
    pub(crate) next_pid: Arc<Mutex<u32>>,
}

impl Setting {
    /// The environment, without migrations.
    pub(crate) fn spec(&self) -> EnvironmentSpec {
        self.data.as_ref().and_then(|data| data.spec(&[], None)).unwrap_or_else(spec)
    }
}

pub(crate) struct Place {
    name: &'static str,
    folder: tempfile::TempDir,
    pub(crate) clock: SimClock,
    /// The way to the shared store; `None` if the store is local.
    pub(crate) way: Option<Arc<Way>>,
    /// The way to the database; `None` if the environment has none.
    pub(crate) data_way: Option<Arc<Way>>,
    alive: Alive,
    /// Whether its disk is full.
    pub(crate) full: Arc<AtomicBool>,
    /// Reads what it has, for the checks: one more store for each process is a tenth of a simulation's work.
    witness: OnceLock<Arc<Mutex<SqliteStore>>>,
    pub(crate) setting: Setting,
}

impl Place {
    pub(crate) fn new(
        name: &'static str,
        clock: SimClock,
        way: Option<Arc<Way>>,
        setting: &Setting,
    ) -> Arc<Self> {
        let memory = Path::new("/dev/shm");
        let root = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let folder = tempfile::tempdir_in(root).unwrap();
        std::fs::write(folder.path().join(FILE), empty_store()).unwrap();
        let (alive, full, setting) = (Alive::default(), Arc::default(), setting.clone());
        let data = setting.data.as_ref();
        let data_way = data.map(|data| Way::to(&data.0, &setting.chance, &setting.checks));
        let witness = OnceLock::new();
        Arc::new(Self { name, folder, clock, way, data_way, alive, full, witness, setting })
    }

    /// Starts a process.
    pub(crate) fn process(&self) -> Process {
        let pid = {
            let mut next = self.setting.next_pid.lock().unwrap();
            *next += 1;
            *next
        };
        let life = Life::of(pid, &self.alive, &self.setting.chance);
        let link = self.way.as_ref().map(|way| {
            Link::new(LinkParts {
                folder: self.folder.path().to_owned(),
                machine: Named { id: self.name.to_owned(), name: self.name.to_owned() },
                database: Arc::new(Mortal { way: way.clone(), life: life.clone(), slow: None }),
                processes: Arc::new(Procs { own: pid, alive: self.alive.clone() }),
                clock: Arc::new(Impatient::of(self.clock.clone())),
                logs: Arc::new(LogFolder(self.folder.path().to_owned())),
                threads: false,
            })
        });
        let serves = link.clone().map(|link| {
            let clock = Unhurried(self.clock.clone());
            tokio::spawn(async move { link.serve(&clock).await })
        });
        Process { life, link, serves, signals: None, chains: Chains::default() }
    }

    pub(crate) fn store(&self, of: &Process) -> SqliteStore {
        let store = self.store_alone(of.life.pid).sharing(&of.chains);
        match &of.link {
            Some(link) => store.linked(link),
            None => store,
        }
    }

    /// What the machine has, without its connection.
    pub(crate) fn witness(&self) -> Arc<Mutex<SqliteStore>> {
        self.witness.get_or_init(|| Arc::new(Mutex::new(self.store_alone(0)))).clone()
    }

    /// The same, opened again.
    pub(crate) fn store_alone(&self, pid: u32) -> SqliteStore {
        let procs = Procs { own: pid, alive: self.alive.clone() };
        let store = SqliteStore::open(self.folder.path(), Arc::new(procs)).unwrap();
        store.without_sync().unwrap()
    }

    /// A new process that has begun a run.
    pub(crate) fn begun(&self, plan: &Plan, take_over: bool) -> Result<Driver, JournalError> {
        let mut process = self.process();
        let mut journal = self.store(&process);
        let event = Event::RunStarted { plan: Box::new(plan.clone()), plan_hash: plan.hash() };
        let at = self.clock.now();
        let entry = Entry { actor: "ana", at, elapsed_ms: 0, step: None, event: &event };
        let view = journal.create(plan, entry, take_over)?;
        let engine = self.engine(&mut process, journal, view.clone());
        Ok(Driver { process, engine, view })
    }

    /// A new process that has claimed a run, with the run as it is then.
    pub(crate) fn claimed(&self, run: RunNumber) -> Result<Driver, JournalError> {
        let mut process = self.process();
        let mut journal = self.store(&process);
        journal.claim(run, None, self.clock.now())?;
        let view = journal.run(run)?.view;
        let engine = self.engine(&mut process, journal, view.clone());
        Ok(Driver { process, engine, view })
    }

    pub(crate) fn platform(&self, life: &Life, run: RunNumber) -> Platform {
        let (checks, way) = (self.setting.checks.clone(), self.way.clone());
        let (clock, store, world) =
            (self.clock.clone(), self.witness(), self.setting.world.clone());
        let (pid, moving) = (life.pid, self.setting.moving.clone());
        let witness = Arc::new(move |act: &_| {
            let outside = (&world, &moving, way.as_deref());
            checks.effect(act, (pid, run), &store.lock().unwrap(), outside, clock.elapsed());
        });
        let Setting { world, moving, chance, .. } = self.setting.clone();
        Platform { world, moving, chance, witness, life: life.clone(), run }
    }

    /// The databases of a run, as one of its processes reaches them.
    fn databases(&self, life: &Life, view: &RunView) -> Databases {
        let mut by_name: BTreeMap<String, Arc<dyn Database>> = BTreeMap::new();
        let store = self.witness();
        if let Some(way) = &self.data_way {
            let (run, pid) = (view.number, life.pid);
            let (checks, clock) = (self.setting.checks.clone(), self.clock.clone());
            let (store, shared) = (store.clone(), self.way.clone());
            let sent = Arc::new(move |writes: &[Write]| {
                let store = store.lock().unwrap();
                checks.writes(writes, (pid, run), &store, shared.as_deref(), clock.elapsed());
            });
            let slow = Slow { chance: self.setting.chance.clone(), sent };
            let way = Mortal { way: way.clone(), life: life.clone(), slow: Some(slow) };
            by_name.insert(data::NAME.to_owned(), Arc::new(way));
        }
        let (name, run) = (self.name, view.number.0);
        let id = move |run: u64| format!("{name}:{run}");
        let holder = Holder {
            id: id(run),
            host: name.to_owned(),
            pid: u64::from(life.pid),
            run,
            ..Holder::default()
        };
        let ended = Box::new(move |holder: &Holder| {
            let run = store.lock().unwrap().run(RunNumber(holder.run));
            holder.id == id(holder.run) && run.is_ok_and(|run| run.view.ended.is_some())
        });
        Databases::new(by_name, Arc::new(programs()), Arc::new(self.clock.clone()), holder, ended)
    }

    fn engine(&self, process: &mut Process, journal: SqliteStore, view: RunView) -> Engine {
        let clock = Arc::new(self.clock.clone());
        let platform = self.platform(&process.life, view.number);
        let databases = self.databases(&process.life, &view);
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
        let end = End::Asks(self.fate(view.number, process.life.clone()));
        let journal = Dying { inner: journal, at: 0, end };
        Engine::new(Box::new(journal), view, outside, attendance, receiver)
    }

    /// A process may die around each of its facts, and the disk may not take them. What it takes, is never lost.
    fn fate(
        &self,
        run: RunNumber,
        life: Life,
    ) -> Box<dyn FnMut(Written<'_>) -> Option<JournalError> + Send> {
        let (full, checks) = (self.full.clone(), self.setting.checks.clone());
        Box::new(move |written| {
            if let Written::Yes(fact) = written {
                checks.kept(run, fact);
            }
            life.moment();
            let full = matches!(written, Written::No) && full.load(Ordering::Relaxed);
            full.then(|| JournalError::Unwritable(Problem::new("the disk is full")))
        })
    }
}
