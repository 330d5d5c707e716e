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
use super::platform::{Platform, backend_of};
use super::proxy::Workers;
use super::registry::{Kind, Registry};
use crate::domain::hash::Hash;
use crate::ports::clock::Clock;
use crate::ports::processes::{ProcessIdentity, Processes};

/// How to run it.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its folder: `emulator/` of the state folder.
    pub folder: PathBuf,
    /// Whether the token `owner` is taken, as the firebase CLI sends it to http origins.
    pub owner_allowed: bool,
}

/// Where a running emulator is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// Its API.
    pub url: String,
    /// Its process.
    pub process: ProcessIdentity,
}

impl Address {
    /// The emulator of a folder, if its process lives.
    pub fn find(folder: &Path, processes: &dyn Processes) -> Option<Self> {
        let found = Self::last(folder)?;
        processes.alive(&found.process).then_some(found)
    }

    fn last(folder: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(folder.join("address.json")).ok()?).ok()
    }

    /// The token of a folder, which outlives the emulator.
    pub fn token(folder: &Path) -> io::Result<String> {
        fs::read_to_string(folder.join("token")).map(|t| t.trim().to_owned())
    }
}

/// Runs until it is told to stop. `Ok(false)`: another emulator has this folder already.
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
    let workers = Workers::start()?;
    let platform =
        Platform::new(folder.clone(), url.clone(), registry, workers, clock, processes.clone());
    // Handlers first: a TERM during the restoring must end what was started.
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        () = restore(&platform) => {}
        _ = term.recv() => return ended(&platform, folder).await,
    }
    let api = Api {
        platform: platform.clone(),
        token: Hash::of(token.as_bytes()),
        owner_allowed: options.owner_allowed,
    };
    let router = Router::new().fallback(handle).with_state(api);
    let address = Address { url, process: processes.own() };
    write_private(&folder.join("address.json"), &serde_json::to_string(&address)?)?;
    tracing::info!(url = address.url, "the emulator is up");
    tokio::select! {
        served = axum::serve(listener, router) => served?,
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    ended(&platform, folder).await
}

async fn ended(platform: &Platform, folder: &Path) -> io::Result<bool> {
    platform.slots.stop_all().await;
    let _ = fs::remove_file(folder.join("address.json"));
    tracing::info!("the emulator is down");
    Ok(true)
}

/// The port of last time, if it is free: runs under way find the emulator where it was.
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

/// Writes a file whole or not at all, for its owner's eyes only.
fn write_private(file: &Path, text: &str) -> io::Result<()> {
    let new = file.with_extension("new");
    let mut out =
        OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&new)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()?;
    fs::rename(new, file)
}

/// Brings everything back as it was: slots, doors, traffic, and what was under way.
async fn restore(platform: &Arc<Platform>) {
    let records = platform.registry().slots().unwrap_or_default();
    for record in records.into_iter().filter(|r| r.wanted) {
        let build = platform.registry().get(&record.build).ok().flatten();
        let ready = build.as_ref().is_some_and(|b| b["state"] == "READY");
        let Some(recipe) = build.filter(|_| ready).and_then(|b| platform.recipe(&b).ok()) else {
            continue;
        };
        let adopted = platform.slots.adopt(&record, recipe.clone()).await;
        let live = platform.live(backend_of(&record.build)).as_deref() == Some(&record.build);
        tracing::info!(build = record.build, adopted, live, "restoring a slot");
        if !adopted && let Err(error) = platform.slots.ensure(recipe).await {
            tracing::error!(
                build = record.build,
                error = error.message,
                "a slot cannot be restored"
            );
        }
    }
    let backends = platform.registry().all(Kind::Backend).unwrap_or_default();
    for backend in backends {
        let (name, address) = (backend["name"].as_str(), backend["annotations"][ADDRESS].as_str());
        let (Some(name), Some(address)) = (name, address) else {
            continue;
        };
        if let Err(problem) = platform.open_door(name, address) {
            tracing::error!(backend = name, problem, "a public address cannot be opened");
        }
        if let Some(build) = platform.live(name)
            && let Err(error) = platform.serve_with(&build).await
        {
            tracing::error!(build, error, "the live build cannot be served");
        }
    }
    carry_on(platform);
}

/// Begins again what was under way.
fn carry_on(platform: &Arc<Platform>) {
    // Bound first: in a `for` the guard would be held over the whole loop.
    let operations = platform.registry().all(Kind::Operation).unwrap_or_default();
    for operation in operations {
        let name = operation["name"].as_str().unwrap_or_default().to_owned();
        let target = operation["metadata"]["target"].as_str().unwrap_or_default().to_owned();
        let resource: Option<Value> = platform.registry().get(&target).ok().flatten();
        let Some(resource) = resource.filter(|_| operation["done"] != true) else {
            continue;
        };
        let platform = platform.clone();
        if target.contains("/builds/") {
            tokio::spawn(platform.make_build(target, name));
        } else if target.contains("/rollouts/") {
            let build = resource["build"].as_str().unwrap_or_default().to_owned();
            tokio::spawn(platform.roll_out(target, build, name));
        } else {
            platform.finish(&name, "Resource", Ok(resource));
        }
    }
}
