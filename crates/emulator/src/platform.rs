//! State shared by the whole emulator: the registry, the slots and the listeners of the backends.

#![expect(
    clippy::disallowed_methods,
    reason = "the emulator hands services the variables that it was started with"
)]

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use super::meter::Meter;
use super::prepare::{self, BuildError};
use super::proxy::{self, Proxy, Workers};
use super::registry::{Kind, Registry, SlotRecord};
use super::services::container;
use super::slots::{Recipe, Slots};
use super::{ADDRESS, RELEASE};
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::processes::Processes;

/// A backend's proxy, and the reason if it cannot listen.
struct Listener {
    proxy: Arc<Proxy>,
    port: u16,
    problem: Option<String>,
    tasks: Vec<tokio::task::AbortHandle>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::AbortHandle::abort);
    }
}

pub(super) struct Platform {
    pub(super) slots: Arc<Slots>,
    pub(super) folder: PathBuf,
    pub(super) url: String,
    pub(super) clock: Arc<dyn Clock>,
    registry: Mutex<Registry>,
    workers: Workers,
    doors: Mutex<HashMap<String, Listener>>,
    /// One lock per backend: rollouts of a backend run one at a time.
    turns: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Held while a service of Cloud Run is compared with an etag and changed.
    changing: Mutex<()>,
    processes: Arc<dyn Processes>,
}

impl Platform {
    pub(super) fn new(
        folder: PathBuf,
        url: String,
        registry: Registry,
        workers: Workers,
        clock: Arc<dyn Clock>,
        processes: Arc<dyn Processes>,
    ) -> Arc<Self> {
        Arc::new_cyclic(|platform: &std::sync::Weak<Self>| {
            let platform = platform.clone();
            let remember = move |record: &SlotRecord| {
                if let Some(platform) = platform.upgrade()
                    && let Err(error) = platform.registry().save_slot(record)
                {
                    tracing::error!(%error, build = record.build, "a slot cannot be remembered");
                }
            };
            let (p, c) = (processes.clone(), clock.clone());
            Self {
                slots: Slots::new(p, c, search_path(), Box::new(remember)),
                folder,
                url,
                clock,
                registry: Mutex::new(registry),
                workers,
                doors: Mutex::default(),
                turns: Mutex::default(),
                changing: Mutex::default(),
                processes,
            }
        })
    }

    /// Locks the registry. Keep access short: never hold the guard across an await.
    pub(super) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One change of a service at a time. Never hold it across an await.
    pub(super) fn changes(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn doors(&self) -> MutexGuard<'_, HashMap<String, Listener>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn turn(&self, backend: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.entry(backend.to_owned()).or_default().clone()
    }

    /// Opens a backend's public address. The error names the process that holds the port; the proxy
    /// retries every second, so that the address opens as soon as the port is free.
    pub(super) fn open_door(self: &Arc<Self>, backend: &str, address: &str) -> Result<(), String> {
        let port = address.rsplit_once(':').and_then(|(_, p)| p.parse::<u16>().ok());
        let port = port
            .filter(|p| *p > 0)
            .ok_or_else(|| format!("{ADDRESS} is {address:?}; write it as localhost:4000"))?;
        let before =
            self.doors().get(backend).filter(|d| d.port == port).map(|d| d.problem.clone());
        if let Some(problem) = before {
            return problem.map_or(Ok(()), Err);
        }
        // The address changed: close the old one.
        drop(self.doors().remove(backend));
        let proxy = Proxy::new(self.workers.count());
        // Set the target before listening, so that a restarted listener never answers "no build".
        let ports = self.shares(backend).into_iter().filter_map(|(build, percent)| {
            let port = self.slots.state(&build)?.port;
            Some((build, port, percent))
        });
        proxy.share(&ports.collect::<Vec<_>>());
        let bound = proxy::listen(port).and_then(|l| self.workers.serve(&proxy, &l));
        let problem = bound.as_ref().err().map(|error| self.taken(port, error));
        let tasks = bound.unwrap_or_else(|_| {
            let waiting = self.clone().wait_for(port, backend.to_owned(), proxy.clone());
            vec![tokio::spawn(waiting).abort_handle()]
        });
        let door = Listener { proxy, port, problem: problem.clone(), tasks };
        self.doors().insert(backend.to_owned(), door);
        problem.map_or(Ok(()), Err)
    }

    /// Closes the public address of a backend that is deleted.
    pub(super) fn close_door(&self, backend: &str) {
        drop(self.doors().remove(backend));
    }

    /// Opens a listener as soon as its port is free.
    async fn wait_for(self: Arc<Self>, port: u16, backend: String, proxy: Arc<Proxy>) {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let bound = proxy::listen(port).and_then(|l| self.workers.serve(&proxy, &l));
            let mut doors = self.doors();
            let door = doors.get_mut(&backend).filter(|d| Arc::ptr_eq(&d.proxy, &proxy));
            match (bound, door) {
                (Ok(tasks), Some(door)) => {
                    door.problem = None;
                    door.tasks = tasks;
                    return;
                }
                (Ok(tasks), None) => return tasks.iter().for_each(tokio::task::AbortHandle::abort),
                (Err(_), _) => {}
            }
        }
    }

    fn taken(&self, port: u16, error: &std::io::Error) -> String {
        match self.processes.listener_of(port) {
            Some(holder) => format!("port {port} is used by {holder}"),
            None => format!("port {port} cannot be opened: {error}"),
        }
    }

    pub(super) fn door_problem(&self, backend: &str) -> Option<String> {
        self.doors().get(backend).and_then(|d| d.problem.clone())
    }

    /// Gives builds on local ports their shares of a backend's traffic.
    pub(super) fn share(&self, backend: &str, shares: &[(String, u16, u32)]) {
        if let Some(door) = self.doors().get(backend) {
            door.proxy.share(shares);
        }
    }

    /// Waits until the requests of a build without traffic have finished, at most `within`.
    pub(super) async fn drained(&self, backend: &str, build: &str, within: Duration) {
        let proxy = self.doors().get(backend).map(|d| d.proxy.clone());
        if let Some(proxy) = proxy {
            proxy.drained(build, within).await;
        }
    }

    /// What the revision of a service answered, if it ever had traffic.
    pub(super) fn meter(&self, project: &str, service: &str, revision: &str) -> Option<Arc<Meter>> {
        let begin = format!("projects/{project}/");
        let forms = [("backends", "builds"), ("services", "revisions")];
        let doors = self.doors();
        doors.iter().filter(|(name, _)| name.starts_with(&begin)).find_map(|(name, door)| {
            let (_, of) =
                forms.iter().find(|(of, _)| name.ends_with(&format!("/{of}/{service}")))?;
            door.proxy.meter(&format!("{name}/{of}/{revision}"))
        })
    }

    /// The live build of a backend: the one with 100 % of its traffic.
    pub(super) fn live(&self, backend: &str) -> Option<String> {
        self.shares(backend)
            .into_iter()
            .find(|(_, percent)| *percent == 100)
            .map(|(build, _)| build)
    }

    /// The builds of a backend that have traffic, with their shares in per cent.
    pub(super) fn shares(&self, backend: &str) -> Vec<(String, u32)> {
        let traffic = self.registry().get(&format!("{backend}/traffic")).ok().flatten();
        let traffic = traffic.unwrap_or_default();
        let splits = traffic["current"]["splits"].as_array().into_iter().flatten();
        let one = |split: &Value| {
            let percent =
                split["percent"].as_u64().and_then(|percent| u32::try_from(percent).ok())?;
            (percent > 0).then_some((split["build"].as_str()?.to_owned(), percent))
        };
        splits.filter_map(one).collect()
    }

    /// Whether a build has any traffic.
    pub(super) fn serves(&self, build: &str) -> bool {
        self.shares(backend_of(build)).iter().any(|(one, _)| one == build)
    }

    pub(super) fn build_folder(&self, build: &str) -> PathBuf {
        let builds = self.folder.join("builds");
        // Versions before 0.1.0 used the whole resource name; builds from that time are still in those folders.
        let long = builds.join(build.replace('/', "_"));
        if long.is_dir() {
            return long;
        }
        // projects/P/locations/L/backends/B/builds/ID: every second part is an id.
        let parts: Vec<_> = build.split('/').skip(1).step_by(2).collect();
        builds.join(parts.join("_"))
    }

    pub(super) fn log_of(&self, build: &str) -> PathBuf {
        self.build_folder(build).join("log.txt")
    }

    /// How to start a prepared build: its folder, environment and log.
    pub(super) fn recipe(&self, build: &Value) -> Result<Recipe, BuildError> {
        let name = build["name"].as_str().unwrap_or_default();
        let source = &build["source"];
        let backend = self.registry().get(backend_of(name)).ok().flatten().unwrap_or_default();
        let holder = match &source["archive"] {
            archive @ Value::Object(_) => archive,
            _ => prepare::codebase(source, &backend),
        };
        let root = holder["rootDirectory"].as_str().unwrap_or_default();
        let variables = container(&build["template"])["env"].as_array().into_iter().flatten();
        let variables = variables.filter_map(|one| {
            Some((one["name"].as_str()?.to_owned(), one["value"].as_str()?.to_owned()))
        });
        let prepared = prepare::open(&self.build_folder(name).join("source"), root)?;
        let backend = backend_of(name).rsplit('/').next().unwrap_or_default();
        let id = name.rsplit('/').next().unwrap_or_default();
        let release = build["annotations"][RELEASE].as_str().unwrap_or_default();
        let env = [
            ("K_SERVICE", backend),
            ("K_REVISION", id),
            ("K_CONFIGURATION", backend),
            ("POINTSMAN_RELEASE", release),
        ];
        let env = env.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned()));
        let env = variables.chain(env).collect();
        Ok(Recipe { build: name.to_owned(), prepared, env, log: self.log_of(name) })
    }

    /// The output of `emulator status`.
    pub(super) fn status(&self) -> Value {
        let backends = self.registry().all(Kind::Backend).unwrap_or_default();
        let services = self.registry().all(Kind::Service).unwrap_or_default();
        let all: Vec<Value> =
            backends.iter().chain(&services).map(|b| self.service_status(b)).collect();
        json!({ "services": all })
    }

    fn service_status(&self, backend: &Value) -> Value {
        let name = backend["name"].as_str().unwrap_or_default();
        let live = self.live(name);
        let builds = [Kind::Build, Kind::Revision];
        let builds = builds.into_iter().filter_map(|kind| self.registry().list(kind, name).ok());
        let builds: Vec<Value> = builds.flatten().collect();
        let id = |build: &str| build.rsplit('/').next().map(str::to_owned);
        let slots: Vec<Value> = builds
            .iter()
            .filter_map(|build| {
                let name = build["name"].as_str()?;
                let state = self.slots.state(name)?;
                Some(json!({
                    "build": id(name), "release": build["annotations"][RELEASE], "port": state.port,
                    "pid": state.process.map(|p| p.pid), "restarts": state.restarts,
                    "live": self.serves(name),
                }))
            })
            .collect();
        json!({
            "service": id(name), "address": backend["annotations"][ADDRESS],
            "problem": self.door_problem(name), "live": live.as_deref().and_then(id), "slots": slots,
        })
    }
}

/// The backend's name, from the name of one of its builds or rollouts.
pub(super) fn backend_of(name: &str) -> &str {
    name.rsplitn(3, '/').nth(2).unwrap_or_default()
}

/// `PATH` for builds. This program's folder comes first, so that a build's `pointsman sample-app` runs this same
/// program.
pub(super) fn search_path() -> String {
    let own = std::env::current_exe().ok();
    let own = own.as_ref().and_then(|exe| exe.parent()).map(|p| p.display().to_string());
    let rest = std::env::var("PATH").unwrap_or_else(|_| "/usr/local/bin:/usr/bin:/bin".to_owned());
    own.map_or_else(|| rest.clone(), |own| format!("{own}:{rest}"))
}
