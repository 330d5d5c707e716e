//! Slots: one supervised process per build. A slot that dies is started again with backoff; one
//! that outlived the emulator is adopted if it still answers.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use super::prepare::{BuildError, Prepared, command};
use super::registry::SlotRecord;
use crate::domain::apphosting::Availability;
use crate::domain::retry::Backoff;
use crate::domain::text::harmless;
use crate::ports::clock::Clock;
use crate::ports::processes::{ProcessIdentity, Processes};

/// Between two starts of a slot that dies.
const RESTART: Backoff = Backoff { first: Duration::from_secs(1), most: Duration::from_secs(30) };
/// A slot that lived so long is a healthy one: its next death starts the backoff anew.
const HEALTHY_LIFE: Duration = Duration::from_mins(1);
/// A process must answer on its port within this.
const MUST_ANSWER: Duration = Duration::from_mins(1);
/// Between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);

/// How a build is run.
#[derive(Debug, Clone)]
pub(super) struct Recipe {
    pub(super) build: String,
    pub(super) prepared: Prepared,
    /// What Cloud Run and the emulator add to the environment.
    pub(super) env: Vec<(String, String)>,
    pub(super) log: PathBuf,
}

/// What is known of a slot.
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

/// Told of every change that must be remembered.
pub(super) type Remember = Box<dyn Fn(&SlotRecord) + Send + Sync>;

/// Every slot of the emulator.
pub(super) struct Slots {
    running: Mutex<HashMap<String, Slot>>,
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
        Arc::new(Self { running: Mutex::default(), processes, clock, path, remember })
    }

    fn slots(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slot>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self, build: &str) -> Option<SlotState> {
        self.slots().get(build).map(|slot| slot.state.clone())
    }

    /// Starts a build's process, unless it runs, and waits until it answers on its port.
    pub(super) async fn ensure(self: &Arc<Self>, recipe: Recipe) -> Result<u16, BuildError> {
        if let Some(state) = self.state(&recipe.build)
            && answers(state.port).await
        {
            return Ok(state.port);
        }
        self.stop(&recipe.build, false).await;
        let port = free_port().map_err(|e| BuildError::new(format!("no port is free: {e}")))?;
        let mut child = self.spawn(&recipe, port)?;
        let pid = child.id().unwrap_or_default();
        let deadline = self.clock.elapsed() + MUST_ANSWER;
        loop {
            if answers(port).await {
                break;
            }
            if let Ok(Some(status)) = child.try_wait() {
                let said = last_words(&recipe.log);
                return Err(BuildError::new(format!(
                    "the process ended ({status}) before it answered on its port{said}"
                )));
            }
            if self.clock.elapsed() > deadline {
                self.processes.end_group(pid, true);
                let said = last_words(&recipe.log);
                let within = MUST_ANSWER.as_secs();
                return Err(BuildError::new(format!(
                    "no answer on port {port} within {within}s{said}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.watch(recipe, port, Life::Child(child));
        Ok(port)
    }

    /// Takes over a process that an earlier emulator started, if it is the same and still answers.
    pub(super) async fn adopt(self: &Arc<Self>, record: &SlotRecord, recipe: Recipe) -> bool {
        let Some(process) = record.process.clone() else {
            return false;
        };
        if !self.processes.alive(&process) {
            return false;
        }
        if !answers(record.port).await {
            self.processes.end_group(process.pid, true);
            return false;
        }
        self.watch(recipe, record.port, Life::Adopted(process));
        true
    }

    fn spawn(&self, recipe: &Recipe, port: u16) -> Result<tokio::process::Child, BuildError> {
        let line = recipe.prepared.yaml.scripts.run_command.as_deref();
        let line = line.ok_or_else(|| {
            BuildError::new("apphosting.yaml names no runCommand, and no framework was recognised")
        })?;
        let log = open_log(&recipe.log).map_err(|e| BuildError::new(format!("no log: {e}")))?;
        let errors = log.try_clone().map_err(|e| BuildError::new(format!("no log: {e}")))?;
        let mut command = command(&recipe.prepared, line, Availability::Runtime, &self.path);
        command.envs(recipe.env.iter().cloned()).env("PORT", port.to_string());
        // Straight into a file: a pipe would break, and kill the service, when the emulator dies.
        command.stdout(Stdio::from(log)).stderr(Stdio::from(errors));
        command.spawn().map_err(|e| BuildError::new(format!("{line:?} cannot be started: {e}")))
    }

    fn watch(self: &Arc<Self>, recipe: Recipe, port: u16, life: Life) {
        let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
        let process = life.identity(self.processes.as_ref());
        let state = SlotState { port, process: process.clone(), restarts: 0 };
        let slot = Slot { state, stop: stop.clone(), ended: ended.clone() };
        self.slots().insert(recipe.build.clone(), slot);
        (self.remember)(&SlotRecord { build: recipe.build.clone(), port, process, wanted: true });
        let slots = self.clone();
        tokio::spawn(async move {
            slots.supervise(&recipe, port, life, &stop).await;
            ended.cancel();
        });
    }

    /// Lives with one slot until it is told to stop.
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
            // Whatever the leader left behind in its group goes too.
            self.processes.end_group(pid, true);
            failures = if self.clock.elapsed().saturating_sub(began) > HEALTHY_LIFE {
                1
            } else {
                failures + 1
            };
            tracing::warn!(build = recipe.build, failures, "a slot died");
            tokio::select! {
                () = tokio::time::sleep(RESTART.after(failures)) => {}
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
        if tokio::time::timeout(GRACE, over).await.is_err() {
            tracing::warn!(pid, "a slot did not end when asked");
        }
        self.processes.end_group(pid, true);
    }

    /// Stops a slot. With `forget` it stays stopped over a restart of the emulator.
    pub(super) async fn stop(&self, build: &str, forget: bool) {
        let Some(slot) = self.slots().remove(build) else {
            return;
        };
        slot.stop.cancel();
        slot.ended.cancelled().await;
        let wanted = !forget;
        let port = slot.state.port;
        (self.remember)(&SlotRecord { build: build.to_owned(), port, process: None, wanted });
    }

    /// Stops every slot, to be started again by the next emulator.
    pub(super) async fn stop_all(&self) {
        let builds: Vec<String> = self.slots().keys().cloned().collect();
        futures_util::future::join_all(builds.iter().map(|build| self.stop(build, false))).await;
    }
}

/// A process that is our child, or one that we found.
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
            // Only a parent is told of an end; anybody else has to look.
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

fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

fn open_log(file: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(file)
}

/// The end of a build's log, made harmless.
pub(super) fn tail(log: &Path, lines: usize) -> Vec<String> {
    let from = std::fs::metadata(log).map_or(0, |m| m.len().saturating_sub(MOST_AT_ONCE));
    let (mut all, _) = lines_from(log, from);
    all.split_off(all.len().saturating_sub(lines))
}

/// So much of a log is read at once.
const MOST_AT_ONCE: u64 = 256 * 1024;

/// The whole lines behind a byte, made harmless, and the byte behind them. A line that is still
/// being written comes next time.
pub(super) fn lines_from(log: &Path, from: u64) -> (Vec<String>, u64) {
    use io::{Read as _, Seek as _};
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        file.seek(io::SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(MOST_AT_ONCE).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    let text = String::from_utf8_lossy(&bytes[..whole]);
    let lines = text.lines().filter(|l| !l.trim().is_empty()).map(|l| harmless(l, 4000)).collect();
    (lines, from + whole as u64)
}

fn last_words(log: &Path) -> String {
    tail(log, 1).pop().map(|line| format!("; its last line: {line}")).unwrap_or_default()
}
