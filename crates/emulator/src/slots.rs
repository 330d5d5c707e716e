//! Slots: one supervised process per build. A slot that dies is restarted with back-off; one that outlived the
//! emulator is adopted if it still answers.

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator is a real platform and runs in real time"
)]

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::log::{mark_runtime_start, open_log};
use super::ports::Port;
use super::prepare::{BuildError, Prepared, command};
use super::registry::SlotRecord;
use pointsman_core::apphosting::Availability;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::processes::{Listener, ProcessIdentity, Processes};
use pointsman_core::retry::Backoff;

/// Back-off between restarts of a slot that dies.
const RESTART_BACKOFF: Backoff =
    Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
/// A slot that lived this long is healthy: its next death restarts the back-off.
const HEALTHY_LIFE: Duration = Duration::from_mins(1);
/// Timeout for a new process to answer on its port.
const READY_WITHIN: Duration = Duration::from_mins(1);
/// Ports to try, if other programs take them while the process starts.
const PORTS_TO_TRY: usize = 3;
/// Time between TERM and KILL.
const TERM_GRACE: Duration = Duration::from_secs(5);

/// How to run a build.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) build: String,
    pub(super) prepared: Prepared,
    /// The variables that Cloud Run and the emulator add.
    pub(super) env: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// A slot's port, current process and number of restarts.
#[derive(Debug, Clone)]
pub(super) struct SlotState {
    pub(super) port: u16,
    pub(super) process: Option<ProcessIdentity>,
    pub(super) restarts: u32,
}

struct Slot {
    state: SlotState,
    stop: CancellationToken,
    ended: CancellationToken,
}

/// Called for every change that must be persisted.
pub(super) type Remember = Box<dyn Fn(&SlotRecord) + Send + Sync>;

/// All slots of the emulator.
pub(super) struct Slots {
    running: Mutex<HashMap<String, Slot>>,
    /// One lock per build, held while its process is started or stopped, so that a build never has two.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Set when the emulator shuts down: after that, no process is started.
    stopping: AtomicBool,
    processes: Arc<dyn Processes>,
    clock: Arc<dyn Clock>,
    path: String,
    remember: Remember,
}

impl Slots {
    pub(super) fn new(
        processes: Arc<dyn Processes>,
        clock: Arc<dyn Clock>,
        path: String,
        remember: Remember,
    ) -> Arc<Self> {
        Arc::new(Self {
            running: Mutex::default(),
            turns: Mutex::default(),
            stopping: AtomicBool::new(false),
            processes,
            clock,
            path,
            remember,
        })
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slot>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self, build: &str) -> Option<SlotState> {
        self.slots().get(build).map(|slot| slot.state.clone())
    }

    fn turn(&self, build: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(build.to_owned()).or_default().clone()
    }

    /// Starts a build's process, unless it runs, and waits until it answers on its port.
    pub(super) async fn ensure(self: &Arc<Self>, recipe: Recipe) -> Result<u16, BuildError> {
        let turn = self.turn(&recipe.build);
        let _turn = turn.lock().await;
        if let Some(state) = self.state(&recipe.build)
            && answers(state.port).await
        {
            return Ok(state.port);
        }
        self.stop_in_turn(&recipe.build, false).await;
        let mut taken = None;
        for _ in 0..PORTS_TO_TRY {
            let port =
                Port::free().map_err(|e| BuildError::new(format!("no port is free: {e}")))?;
            let number = port.number;
            match self.start(&recipe, number).await? {
                Started::Answers(child) => {
                    self.watch(recipe, port, Life::Child(child));
                    return Ok(number);
                }
                Started::Taken(by) => taken = Some((number, by)),
            }
        }
        let (port, by) = taken.map_or_else(Default::default, |(port, by)| (port, by.to_string()));
        Err(BuildError::new(format!("port {port} was taken by {by} while the process started")))
    }

    /// Starts a build's process and waits until it answers on its port. Another program that answers there is
    /// not it.
    async fn start(&self, recipe: &Recipe, port: u16) -> Result<Started, BuildError> {
        let mut child = self.spawn(recipe, port)?;
        let mut group = self.group(&recipe.build, child.id().unwrap_or_default(), port);
        let deadline = self.clock.elapsed() + READY_WITHIN;
        while !answers(port).await {
            if let Ok(Some(status)) = child.try_wait() {
                return Err(BuildError::new(format!(
                    "the process ended ({status}) before it answered on its port"
                )));
            }
            if self.clock.elapsed() > deadline {
                let within = READY_WITHIN.as_secs();
                return Err(BuildError::new(format!("no answer on port {port} within {within}s")));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        if let Some(listener) = self.processes.listener_of(port)
            && !self.processes.in_group(group.pid, listener.pid)
        {
            return Ok(Started::Taken(listener));
        }
        if self.stopping.load(Ordering::SeqCst) {
            return Err(ending());
        }
        group.armed = false;
        Ok(Started::Answers(child))
    }

    /// Runs a build's command until it exits, then kills any process left in its group.
    pub(super) async fn run_to_end(
        &self,
        build: &str,
        command: &mut tokio::process::Command,
    ) -> io::Result<ExitStatus> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(io::Error::other("the emulator is being stopped"));
        }
        let mut child = command.spawn()?;
        let _group = self.group(build, child.id().unwrap_or_default(), 0);
        child.wait().await
    }

    /// Persists a process as soon as it starts: if the emulator dies now, the next emulator ends it.
    fn group(&self, build: &str, pid: u32, port: u16) -> Group {
        let process = self.processes.of(pid);
        let record = SlotRecord { build: build.to_owned(), port, process, wanted: true };
        (self.remember)(&record);
        Group { pid, processes: self.processes.clone(), armed: true }
    }

    /// Adopts a process that an earlier emulator started, if it is the same process and still answers. Kills one
    /// that is not wanted or does not answer.
    pub(super) async fn adopt(
        self: &Arc<Self>,
        record: &SlotRecord,
        recipe: Option<Recipe>,
    ) -> bool {
        let Some(process) = record.process.clone().filter(|p| self.processes.alive(p)) else {
            return false;
        };
        match recipe {
            Some(recipe) if record.wanted && answers(record.port).await => {
                self.watch(recipe, Port::adopted(record.port), Life::Adopted(process));
                true
            }
            _ => {
                self.processes.end_group(process.pid, true);
                false
            }
        }
    }

    fn spawn(&self, recipe: &Recipe, port: u16) -> Result<tokio::process::Child, BuildError> {
        if self.stopping.load(Ordering::SeqCst) {
            return Err(ending());
        }
        let line = recipe.prepared.yaml.scripts.run_command.as_deref();
        let line = line.ok_or_else(|| {
            BuildError::new("neither apphosting.yaml nor apphosting.emulator.yaml of this release has a runCommand, \
                 and no framework was recognised")
        })?;
        let log = open_log(&recipe.log).map_err(|e| BuildError::new(format!("no log: {e}")))?;
        mark_runtime_start(&recipe.log).map_err(|e| BuildError::new(format!("no log: {e}")))?;
        let errors = log.try_clone().map_err(|e| BuildError::new(format!("no log: {e}")))?;
        let mut command = command(&recipe.prepared, line, Availability::Runtime, &self.path);
        command.envs(recipe.env.iter().cloned()).env("PORT", port.to_string());
        // Log straight into a file: a pipe would break when the emulator dies, and kill the service.
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
        command.spawn().map_err(|e| BuildError::new(format!("{line:?} cannot be started: {e}")))
    }

    fn watch(self: &Arc<Self>, recipe: Recipe, port: Port, life: Life) {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let process = life.identity(self.processes.as_ref());
        let reserved = port;
        let port = reserved.number;
        let state = SlotState { port, process: process.clone(), restarts: 0 };
        let slot = Slot { state, stop: stop.clone(), ended: ended.clone() };
        self.slots().insert(recipe.build.clone(), slot);
        (self.remember)(&SlotRecord { build: recipe.build.clone(), port, process, wanted: true });
        let slots = self.clone();
        tokio::spawn(async move {
            slots.supervise(&recipe, port, life, &stop).await;
            drop(reserved);
            ended.cancel();
        });
    }

    /// Supervises one slot until it is stopped.
    async fn supervise(
        &self,
        recipe: &Recipe,
        port: u16,
        mut life: Life,
        stop: &CancellationToken,
    ) {
        let mut failures = 0;
        loop {
            let began = self.clock.elapsed();
            let pid = life.identity(self.processes.as_ref()).map_or(0, |p| p.pid);
            tokio::select! {
                () = life.over(self.processes.as_ref()) => {}
                () = stop.cancelled() => return self.end(pid, &mut life).await,
            }
            // Also kill the processes that the leader left in its group.
            self.processes.end_group(pid, true);
            failures = if self.clock.elapsed().saturating_sub(began) > HEALTHY_LIFE {
                1
            } else {
                failures + 1
            };
            tracing::warn!(build = recipe.build, failures, "a slot died");
            tokio::select! {
                () = tokio::time::sleep(RESTART_BACKOFF.after(failures)) => {}
                () = stop.cancelled() => return,
            }
            match self.spawn(recipe, port) {
                Ok(child) => life = Life::Child(child),
                Err(error) => {
                    tracing::error!(build = recipe.build, error = error.message, "no restart");
                    continue;
                }
            }
            let process = life.identity(self.processes.as_ref());
            if let Some(slot) = self.slots().get_mut(&recipe.build) {
                slot.state.process.clone_from(&process);
                slot.state.restarts += 1;
            }
            (self.remember)(&SlotRecord {
                build: recipe.build.clone(),
                port,
                process,
                wanted: true,
            });
        }
    }

    async fn end(&self, pid: u32, life: &mut Life) {
        self.processes.end_group(pid, false);
        let over = life.over(self.processes.as_ref());
        if tokio::time::timeout(TERM_GRACE, over).await.is_err() {
            tracing::warn!(pid, "a slot did not end when asked");
        }
        self.processes.end_group(pid, true);
    }

    /// Stops a slot. With `forget`, it stays stopped after a restart of the emulator.
    pub(super) async fn stop(&self, build: &str, forget: bool) {
        let turn = self.turn(build);
        let _turn = turn.lock().await;
        self.stop_in_turn(build, forget).await;
    }

    async fn stop_in_turn(&self, build: &str, forget: bool) {
        let Some(slot) = self.slots().remove(build) else {
            return;
        };
        slot.stop.cancel();
        slot.ended.cancelled().await;
        let wanted = !forget;
        let port = slot.state.port;
        (self.remember)(&SlotRecord { build: build.to_owned(), port, process: None, wanted });
    }

    /// Stops all slots and starts no more. The next emulator starts them again.
    pub(super) async fn stop_all(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let builds: Vec<String> = self.slots().keys().cloned().collect();
        let stops = builds.iter().map(|build| self.stop_in_turn(build, false));
        futures_util::future::join_all(stops).await;
    }
}

/// What a start came to.
enum Started {
    Answers(tokio::process::Child),
    Taken(Listener),
}

/// The process group of a start in progress. Dropping it while armed kills the whole group.
struct Group {
    pid: u32,
    processes: Arc<dyn Processes>,
    armed: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        if self.armed {
            self.processes.end_group(self.pid, true);
        }
    }
}

fn ending() -> BuildError {
    BuildError::new("the emulator is being stopped")
}

/// A slot's process: a child, or a process adopted from an earlier emulator.
enum Life {
    Child(tokio::process::Child),
    Adopted(ProcessIdentity),
}

impl Life {
    fn identity(&self, processes: &dyn Processes) -> Option<ProcessIdentity> {
        match self {
            Self::Child(child) => child.id().and_then(|pid| processes.of(pid)),
            Self::Adopted(process) => Some(process.clone()),
        }
    }

    async fn over(&mut self, processes: &dyn Processes) {
        match self {
            Self::Child(child) => drop(child.wait().await),
            // Only a parent is notified when a process ends; an adopted process must be polled.
            Self::Adopted(process) => {
                while processes.alive(process) {
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

async fn answers(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}
