//! The emulator's process: one per state folder, found through `address.json`.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use super::ADDRESS;
use super::api::{Api, handle};
use super::firestore::Databases;
use super::listener;
use super::platform::Platform;
use super::proxy::Workers;
use super::registry::{Kind, Registry};
use super::storage::Storage;
use pointsman_core::hash::Hash;
use pointsman_core::ports::clock::Clock;
use pointsman_core::ports::processes::{ProcessIdentity, Processes};

/// The options of the emulator.
#[derive(Debug, Clone)]
pub struct Options {
    /// The emulator's folder: `emulator/` in the state folder.
    pub folder: PathBuf,
    /// Whether to accept the token `owner`, which the firebase CLI sends to http origins.
    pub owner_allowed: bool,
}

/// The address of a running emulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    pub url: String,
    pub process: ProcessIdentity,
}

impl Address {
    /// The emulator of a folder, if its process is alive.
    pub fn find(folder: &Path, processes: &dyn Processes) -> Option<Self> {
        let found = Self::last(folder)?;
        processes.alive(&found.process).then_some(found)
    }

    fn last(folder: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(folder.join("address.json")).ok()?).ok()
    }

    /// The access token of a folder. It stays the same when the emulator restarts.
    pub fn token(folder: &Path) -> io::Result<String> {
        fs::read_to_string(folder.join("token")).map(|t| t.trim().to_owned())
    }
}

/// Runs until stopped. Returns `Ok(false)` if another emulator owns this folder.
pub async fn serve(
    options: Options,
    clock: Arc<dyn Clock>,
    processes: Arc<dyn Processes>,
) -> io::Result<bool> {
    let folder = &options.folder;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let lock = File::create(folder.join("lock"))?;
    if lock.try_lock().is_err() {
        return Ok(false);
    }
    let token = token(folder)?;
    let listener = listen(Address::last(folder)).await?;
    let url = format!("http://127.0.0.1:{}", listener.local_addr()?.port());
    let registry = Registry::open(folder, clock.clone()).map_err(io::Error::other)?;
    let databases = Databases::open(folder, clock.clone()).map_err(io::Error::other)?;
    let workers = Workers::start()?;
    let platform =
        Platform::new(folder.clone(), url.clone(), registry, workers, clock, processes.clone());
    // Install the handlers first: a TERM during the restore must stop the processes started so far.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // Early calls wait in the listener's queue until the live builds are restored.
    let address = Address { url, process: processes.own() };
    write_private(&folder.join("address.json"), &serde_json::to_string(&address)?)?;
    let api = Api {
        platform: platform.clone(),
        databases: Arc::new(databases),
        storage: Storage::of(folder),
        token: Hash::of(token.as_bytes()),
        owner_allowed: options.owner_allowed,
        seen: Arc::default(),
    };
    let router = Router::new().fallback(handle).with_state(api);
    let serving = async {
        restore(&platform).await;
        tracing::info!(url = address.url, "the emulator is up");
        listener::serve(listener, router).await
    };
    let served = tokio::select! {
        served = serving => served,
        _ = term.recv() => Ok(()),
        _ = int.recv() => Ok(()),
    };
    // Remove the address first: clients must not find the emulator while it shuts down.
    let _ = fs::remove_file(folder.join("address.json"));
    end(&platform, processes.as_ref()).await;
    served.map(|()| true)
}

/// Stops the processes that a killed emulator left running, and returns their number. Does nothing while an
/// emulator runs.
pub fn end_left_behind(
    folder: &Path,
    clock: Arc<dyn Clock>,
    processes: &dyn Processes,
) -> io::Result<usize> {
    if !folder.join("lock").exists() {
        return Ok(0);
    }
    let lock = File::create(folder.join("lock"))?;
    if lock.try_lock().is_err() {
        return Ok(0);
    }
    let registry = Registry::open(folder, clock).map_err(io::Error::other)?;
    let records = registry.slots().map_err(io::Error::other)?;
    let alive = records.into_iter().filter_map(|r| r.process).filter(|p| processes.alive(p));
    Ok(alive.map(|process| processes.end_group(process.pid, true)).count())
}

/// Stops every process, including those not adopted yet.
async fn end(platform: &Platform, processes: &dyn Processes) {
    platform.slots.stop_all().await;
    let records = platform.registry().slots().unwrap_or_default();
    for process in records.into_iter().filter_map(|r| r.process).filter(|p| processes.alive(p)) {
        processes.end_group(process.pid, true);
    }
    tracing::info!("the emulator is down");
}

/// Listens on the port of the last start if it is free, so that runs in progress find the emulator at the same
/// address.
async fn listen(last: Option<Address>) -> io::Result<TcpListener> {
    let port = last.and_then(|a| a.url.rsplit_once(':')?.1.parse::<u16>().ok()).unwrap_or(0);
    match TcpListener::bind(("127.0.0.1", port)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind(("127.0.0.1", 0)).await,
    }
}

fn token(folder: &Path) -> io::Result<String> {
    if let Ok(token) = Address::token(folder)
        && token.len() >= 32
    {
        return Ok(token);
    }
    let token = uuid::Uuid::new_v4().simple().to_string();
    write_private(&folder.join("token"), &token)?;
    Ok(token)
}

/// Writes a file atomically, readable only by its owner.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut out =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(new, file)
}

/// Restores the state before the restart: adopts surviving processes, then opens listeners and starts live builds.
/// Other slots and unfinished operations resume in the background.
async fn restore(platform: &Arc<Platform>) {
    let records = platform.registry().slots().unwrap_or_default();
    let adopting = records.iter().map(|record| async move {
        let build = platform.registry().get(&record.build).ok().flatten();
        let ready = build.filter(|b| b["state"] == "READY");
        let recipe = ready.and_then(|b| platform.recipe(&b).ok());
        let adopted = platform.slots.adopt(record, recipe.clone()).await;
        tracing::info!(build = record.build, adopted, "inspected a slot");
        recipe.filter(|_| record.wanted && !adopted)
    });
    let missing = futures_util::future::join_all(adopting).await;
    let backends = platform.registry().all(Kind::Backend).unwrap_or_default();
    let services = platform.registry().all(Kind::Service).unwrap_or_default();
    let all = backends.iter().chain(&services);
    futures_util::future::join_all(all.map(|b| reopen(platform, b))).await;
    for recipe in missing.into_iter().flatten() {
        let platform = platform.clone();
        tokio::spawn(async move {
            let build = recipe.build.clone();
            if let Err(error) = platform.slots.ensure(recipe).await {
                tracing::error!(build, error = error.message, "a slot cannot be restored");
            }
        });
    }
    carry_on(platform);
}

async fn reopen(platform: &Arc<Platform>, backend: &Value) {
    let (name, address) = (backend["name"].as_str(), backend["annotations"][ADDRESS].as_str());
    let (Some(name), Some(address)) = (name, address) else {
        return;
    };
    if let Err(problem) = platform.open_door(name, address) {
        tracing::error!(backend = name, problem, "a public address cannot be opened");
    }
    let served = match (kind_of(name), platform.live(name)) {
        (Kind::Service, _) => platform.serve_shares(name).await,
        (_, Some(build)) => platform.serve_with(&build).await,
        (_, None) => Ok(()),
    };
    if let Err(error) = served {
        tracing::error!(backend = name, error, "the live build cannot be served");
    }
}

/// Resumes interrupted operations.
fn carry_on(platform: &Arc<Platform>) {
    // Bind first: in the `for` expression, the guard would be held during the whole loop.
    let operations = platform.registry().all(Kind::Operation).unwrap_or_default();
    for operation in operations.into_iter().filter(|o| o["done"] != true) {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (name, verb) = (text(&operation["name"]), text(&operation["metadata"]["verb"]));
        let target = text(&operation["metadata"]["target"]);
        let resource = platform.registry().get(&target).ok().flatten();
        let platform = platform.clone();
        match (kind_of(&target), verb.as_str(), resource) {
            (_, "delete", None) => platform.finish(&name, "Resource", Ok(Value::Null)),
            (Kind::Service, ..) => {
                let open = platform.unfinished_revisions(&target).into_iter();
                // Each belongs to another operation, and all of them end with this one.
                drop(tokio::spawn(async move {
                    for revision in open {
                        platform.built(&revision).await;
                    }
                    platform.settle_service(target, None, name).await;
                }));
            }
            (Kind::Build | Kind::Revision, "delete", Some(_)) => {
                drop(tokio::spawn(platform.unmake_build(target, name)));
            }
            (Kind::Build, ..) => drop(tokio::spawn(platform.make_build(target, name))),
            (Kind::Rollout, _, Some(rollout)) => {
                let build = text(&rollout["build"]);
                drop(tokio::spawn(platform.roll_out(target, build, name)));
            }
            (Kind::Traffic, _, Some(traffic)) => {
                let splits = traffic["target"]["splits"].as_array();
                let whole = splits.and_then(|s| s.iter().find(|s| s["percent"] == 100));
                let build = whole.map(|s| text(&s["build"]));
                drop(tokio::spawn(platform.apply_target(target, build, name)));
            }
            (_, _, resource) => {
                platform.finish(&name, "Resource", Ok(resource.unwrap_or_default()));
            }
        }
    }
}

fn kind_of(name: &str) -> Kind {
    let parts: Vec<_> = name.split('/').collect();
    match parts.as_slice() {
        [.., "builds", _] => Kind::Build,
        [.., "services", _] => Kind::Service,
        [.., "revisions", _] => Kind::Revision,
        [.., "rollouts", _] => Kind::Rollout,
        [.., "traffic"] => Kind::Traffic,
        _ => Kind::Backend,
    }
}
