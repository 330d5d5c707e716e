//! The composition root: the only place that names adapters, store, emulator and the real clock, and connects them
//! to the ports.

#![expect(clippy::disallowed_methods, reason = "the composition root reads the environment")]

mod alerts;
mod background;
pub mod calendars;
mod custom_commands;
mod databases;
mod demo;
mod emulator;
mod google;
mod hand_over;
mod identity;
mod pipeline;
mod prober;
mod shared_store;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use etcetera::BaseStrategy as _;
use tokio::sync::mpsc;

pub use self::background::Entrance;
pub use self::emulator::Stopped;
use self::prober::EveryProber;
use crate::adapters::app_hosting::AppHosting;
use crate::adapters::auth::Auth;
use crate::adapters::clock::SystemClock;
use crate::adapters::cloud_run::CloudRun;
use crate::adapters::command::Commands;
pub use crate::adapters::google::About as AboutCredentials;
use crate::adapters::google_api::Kind;
use crate::adapters::probe::MachineProber;
use crate::adapters::process::ThisMachine;
use crate::adapters::run_log::{FileLog, LinesOnly, NoLog};
use crate::config::project_key;
use crate::domain::code::Code;
use crate::domain::endpoint::{Endpoint, Server};
use crate::domain::error::Problem;
use crate::domain::event::{Event, Outcome};
use crate::domain::google_api::GoogleApi;
use crate::domain::plan::Plan;
use crate::domain::redact::without_secrets;
use crate::domain::view::RunView;
use crate::engine::{Attendance, Engine, Outside, Services, Signal};
use crate::ports::clock::Clock;
use crate::ports::hosting::Hosting;
use crate::ports::journal::{Entry, Journal, JournalError};
use crate::ports::log::RunLog;
use crate::ports::mutes::Mutes;
use crate::ports::outbox::Outbox;
use crate::ports::platforms::{Platforms, Reached};
use crate::ports::prober::Prober;
use crate::ports::processes::Processes;
use crate::ports::stores::Stores;
use crate::store::Chains;
pub use crate::store::{MemoryJournal, Samples, SqliteStore};

/// Timeout for a background process to start, or for the emulator to stop.
const MUST_START: Duration = Duration::from_secs(20);

/// The user's settings folder, if there is a home folder.
pub fn config_home() -> Option<PathBuf> {
    let strategy = etcetera::base_strategy::Xdg::new().ok()?;
    Some(strategy.config_dir().join("pointsman"))
}

/// Everything a command needs.
#[derive(Clone)]
pub struct App {
    pub state: PathBuf,
    /// The folder of the store and of the runs' logs: the state folder, or one in it for each shared store.
    records: PathBuf,
    account: identity::Account,
    /// The config, for printed commands that must work from any folder.
    pub config: Option<PathBuf>,
    pub clock: Arc<dyn Clock>,
    processes: Arc<dyn Processes>,
    chains: Chains,
    google: google::Shared,
    shared: shared_store::Shared,
    demo: Option<demo::Demo>,
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("state", &self.state).finish_non_exhaustive()
    }
}

impl App {
    /// An app with its state in a folder. By default, this is in the XDG state home, under the project of `config`.
    pub fn new(state: Option<PathBuf>, config: &Path) -> Result<Self, Problem> {
        let state = match state {
            Some(folder) => std::path::absolute(&folder).unwrap_or(folder),
            None => default_state(config)?,
        };
        Ok(Self {
            records: state.clone(),
            state,
            account: identity::Account::default(),
            config: None,
            clock: Arc::new(SystemClock::start()),
            processes: Arc::new(ThisMachine),
            chains: Chains::default(),
            google: Arc::default(),
            shared: shared_store::Shared::default(),
            demo: None,
        })
    }

    /// Opens the store. Each caller has a separate connection.
    pub fn store(&self) -> Result<SqliteStore, JournalError> {
        let store = SqliteStore::open(&self.records, self.processes.clone())?;
        let store = self.linked(store)?.sharing(&self.chains).in_job(own_job());
        if self.is_demo() { store.without_sync() } else { Ok(store) }
    }

    /// Opens the store for reading, even if it cannot be written: on a full disk or in a read-only folder. The data
    /// may then be old; the store knows whether it is.
    pub fn readable_store(&self) -> Result<SqliteStore, JournalError> {
        let store = SqliteStore::open_readable(&self.records, self.processes.clone())?;
        Ok(self.linked(store)?.sharing(&self.chains))
    }

    /// Stored probe results.
    pub fn samples(&self) -> Result<Samples, Problem> {
        Samples::open(&self.state)
    }

    /// Writes a text for a person into the state folder, and returns its path.
    pub fn export(&self, name: &str, text: &str) -> Result<PathBuf, Problem> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let folder = self.state.join("exports");
        let failed = |path: &Path, e: std::io::Error| {
            Problem::new(format!("{} cannot be written", path.display())).because(e.to_string())
        };
        private_folder(&folder).map_err(|e| failed(&folder, e))?;
        let path = folder.join(name);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|e| failed(&path, e))?;
        Ok(path)
    }

    /// Creates a run with its plan as the first fact, in the store or in another journal.
    pub fn create(
        &self,
        journal: &mut dyn Journal,
        plan: &Plan,
        take_over: bool,
    ) -> Result<RunView, JournalError> {
        let plan = Plan { take_over, ..plan.clone() };
        let event = Event::RunStarted { plan_hash: plan.hash(), plan: Box::new(plan.clone()) };
        let event = without_secrets(event);
        let at = self.clock.now();
        let entry = Entry { actor: &self.actor(), at, elapsed_ms: 0, step: None, event: &event };
        journal.create(&plan, entry, take_over)
    }

    /// Ends a run that this process created and whose background process did not start.
    pub fn give_up(
        &self,
        journal: &mut dyn Journal,
        run: crate::domain::ids::RunNumber,
        why: &Problem,
    ) -> Result<(), JournalError> {
        let (outcome, because) = (Outcome::Failed, Some(why.clone()));
        let event = Event::RunEnded { outcome, because };
        let at = self.clock.now();
        let entry = Entry { actor: &self.actor(), at, elapsed_ms: 0, step: None, event: &event };
        journal.append(run, entry).map(drop)
    }

    /// The ports of this machine, or of the demo's world.
    pub fn services(&self) -> Services {
        Services {
            actor: self.actor(),
            clock: self.clock.clone(),
            stores: Arc::new(self.clone()),
            platforms: Arc::new(self.clone()),
            databases: Arc::new(self.clone()),
            prober: self.prober(),
        }
    }

    /// The prober: this machine or the demo's world probes, and platforms report on their domains.
    pub fn prober(&self) -> Result<Arc<dyn Prober>, Problem> {
        let direct: Arc<dyn Prober> = match &self.demo {
            Some(demo) => Arc::new(demo.world.clone()),
            None => Arc::new(MachineProber::new(self.clock.clone())?),
        };
        let (platforms, clock) = (Arc::new(self.clone()), self.clock.clone());
        Ok(Arc::new(EveryProber { direct, platforms, clock }))
    }

    async fn reach_hosting(
        &self,
        endpoint: &Endpoint,
        start: bool,
    ) -> Result<Option<Arc<dyn Hosting>>, Problem> {
        if let Some(demo) = &self.demo {
            return Ok(Some(Arc::new(demo.world.clone())));
        }
        let cloud_run = matches!(endpoint, Endpoint::CloudRun(_));
        let server = match endpoint {
            Endpoint::Command(commands) => {
                return Ok(Some(Arc::new(Commands::new(commands.clone(), self.runs_groups()))));
            }
            Endpoint::Emulator => Server::Emulator,
            Endpoint::Google => Server::Google,
            Endpoint::Url(url) => Server::Url(url.clone()),
            Endpoint::CloudRun(server) => server.clone(),
        };
        let (base, bearer, kind) = match server {
            Server::Emulator => {
                let found =
                    if start { Some(self.start_emulator(false).await?) } else { self.emulator() };
                let Some(address) = found else {
                    return Ok(None);
                };
                (address.url, Auth::Fixed(self.emulator_token()?.into()), Kind::Emulator)
            }
            Server::Google => {
                let api = if cloud_run { GoogleApi::CloudRun } else { GoogleApi::AppHosting };
                (format!("https://{}", api.host()), self.google().await?, Kind::Google)
            }
            Server::Url(url) => {
                let token = loopback_token(url.token_env.as_deref(), url.token_file.as_deref())?;
                (url.address, Auth::Fixed(token.into()), Kind::Loopback)
            }
        };
        if cloud_run {
            return Ok(Some(Arc::new(CloudRun::new(base, bearer, kind, self.clock.clone())?)));
        }
        let client = AppHosting::new(base, bearer, kind)?.without_state(self.state.clone());
        Ok(Some(Arc::new(client)))
    }

    /// The engine of a run, with the store as its journal.
    pub async fn engine(
        &self,
        view: RunView,
        asking: Attendance,
        signals: mpsc::Receiver<Signal>,
    ) -> Result<Engine, Problem> {
        let store = self.store().map_err(|e| Problem::new(e.to_string()))?;
        self.engine_on(Box::new(store), view, asking, signals).await
    }

    /// The engine of a run with another journal: if the store cannot be written, one that exists only in memory.
    pub async fn engine_on(
        &self,
        journal: Box<dyn Journal>,
        view: RunView,
        asking: Attendance,
        signals: mpsc::Receiver<Signal>,
    ) -> Result<Engine, Problem> {
        self.end_orphans(&view);
        self.follow_shared();
        let hosting = self.services().platform(&view.plan.endpoint).await?;
        let (prober, clock) = (self.prober()?, self.clock.clone());
        // No decision depends on the log, so a run starts without one if necessary.
        let log: Arc<dyn RunLog> = match FileLog::open(&self.records, view.number) {
            Ok(log) if self.is_demo() && asking == Attendance::Unattended => {
                Arc::new(LinesOnly(log))
            }
            Ok(log) => Arc::new(log.called(self.own_command())),
            Err(error) => {
                tracing::warn!(%error, "the run has no log");
                Arc::new(NoLog)
            }
        };
        let databases = Arc::new(self.databases(&view).await?);
        let environment = &view.plan.environment;
        // A run only reads the pipeline and never starts one, so it needs no config.
        let ask = |of| self.pipeline(environment, of, Path::new(""));
        let pipeline = view.plan.pipeline.as_ref().map(ask);
        let outside = Outside { hosting, prober, clock, log, databases, pipeline };
        Ok(Engine::new(journal, view, outside, asking, signals))
    }
}

impl Stores for App {
    fn open(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(Box::new(self.store()?))
    }

    fn open_readable(&self) -> Result<Box<dyn Journal>, JournalError> {
        Ok(Box::new(self.readable_store()?))
    }

    fn mutes(&self) -> Result<Box<dyn Mutes>, JournalError> {
        Ok(Box::new(self.readable_store()?))
    }

    fn outbox(&self) -> Result<Box<dyn Outbox>, JournalError> {
        Ok(Box::new(self.store()?))
    }
}

impl Platforms for App {
    fn hosting<'a>(&'a self, endpoint: &'a Endpoint, start: bool) -> Reached<'a, dyn Hosting> {
        Box::pin(self.reach_hosting(endpoint, start))
    }
}

/// Leaves the caller's terminal and process group, so that this process survives their end. A process that already
/// leads a group has nothing to leave.
pub fn own_session() {
    let _ = rustix::process::setsid();
}

/// Creates a folder that only its owner can read.
pub fn private_folder(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

fn default_state(config: &Path) -> Result<PathBuf, Problem> {
    let missing = || {
        Problem::new("no home folder for the state folder").try_this("name one with --state-dir")
    };
    let strategy = etcetera::base_strategy::Xdg::new().map_err(|_| missing())?;
    let ours = strategy.state_dir().map(|dir| dir.join("pointsman")).ok_or_else(missing)?;
    // Without a config there is no project, and its state must not be mistaken for that of an earlier version.
    let Some(project) = project_key(config) else { return Ok(ours.join("no-project")) };
    let own = ours.join(project);
    // An earlier version kept one state for all projects. Use it: a rollback in an incident needs it.
    if ours.join("store.db").exists() && !own.exists() {
        tracing::warn!(folder = %ours.display(), "the state of an earlier version is in use");
        return Ok(ours);
    }
    Ok(own)
}

/// The address of the GitHub Actions run that this process belongs to.
fn own_job() -> Option<String> {
    let [server, repository, run] = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID"]
        .map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    Some(format!("{}/{}/actions/runs/{}", server?, repository?, run?))
}

/// A variable of the environment that is not empty.
fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn loopback_token(env: Option<&str>, file: Option<&str>) -> Result<String, Problem> {
    if let Some(name) = env {
        return std::env::var(name).map_err(|_| {
            Problem::coded(Code::GITHUB_UNAVAILABLE, format!("${name} is not set"))
                .because("token_env of the platform names it")
        });
    }
    match file {
        Some(file) => fs::read_to_string(file)
            .map(|t| t.trim().to_owned())
            .map_err(|e| Problem::new(format!("{file} cannot be read")).because(e.to_string())),
        // The token that Google's own tools send to a loopback address.
        None => Ok("owner".to_owned()),
    }
}
