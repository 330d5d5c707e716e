//! `pointsman init`: what a folder holds, and the files that a first deploy needs. [`look()`] reads, [`files()`] says
//! what would be written, and [`write()`] creates it. No existing file is changed.

mod firebase;
mod health;
mod hints;
mod runtime;
mod texts;
mod write;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use crate::git;

pub use self::firebase::FirebaseProject;
pub use self::health::HealthRoute;
pub use self::hints::hint;
pub use self::runtime::Runtime;
pub use self::texts::{Answers, config, files};
pub use self::write::{NewFile, write};

/// The contents of a folder, as far as a config needs them.
#[derive(Debug, Clone)]
pub struct Found {
    /// The project's name, from the folder's.
    pub name: String,
    /// In the order of their folders.
    pub services: Vec<Service>,
    /// The branch that is checked out; nothing outside a git repository and before its first commit.
    pub branch: Option<String>,
    /// The label of the first release where there is no repository.
    pub label: String,
    /// From `.firebaserc`.
    pub projects: Vec<FirebaseProject>,
    /// `owner/name` on GitHub, and a workflow file.
    pub workflow: Option<(String, String)>,
}

/// A service that was recognised.
#[derive(Debug, Clone)]
pub struct Service {
    pub name: String,
    /// Relative to the config's folder; `.` for that folder itself.
    pub root: String,
    /// The App Hosting backend that `firebase.json` names for the folder, else the service's name.
    pub backend: String,
    /// How it is built and started.
    pub runtime: Runtime,
    /// The route that answers health checks.
    pub health: Option<HealthRoute>,
    /// The names of apphosting files that exist.
    pub existing: BTreeSet<String>,
    /// Variables that existing apphosting files take from Secret Manager.
    pub secrets: BTreeSet<String>,
}

/// Folders that hold no services.
const NEVER_SERVICES: [&str; 10] = [
    "node_modules",
    "dist",
    "build",
    "target",
    "venv",
    "docs",
    "test",
    "tests",
    "scripts",
    "examples",
];

/// How deep services are searched for: `apps/web` is two.
const SEARCH_DEPTH: usize = 2;

/// Reads a folder. Unreadable files count as missing: `pointsman init` asks for what is missing.
pub fn look(folder: &Path) -> Found {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let mut services = Vec::new();
    search(&folder, Path::new(""), SEARCH_DEPTH, &mut services);
    let backends = firebase::backends(&folder);
    for service in &mut services {
        if let Some((backend, _)) = backends.iter().find(|(_, root)| *root == service.root) {
            service.backend.clone_from(backend);
        }
    }
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into());
    distinct(&mut services);
    Found {
        name: identifier(&name),
        label: runtime::declared_version(&folder).unwrap_or_else(|| "1.0.0".to_owned()),
        branch: branch(&folder),
        projects: firebase::projects(&folder),
        workflow: firebase::workflow(&folder),
        services,
    }
}

/// Adds the services of a folder: the folder itself if it can be started, else those of its subfolders.
fn search(root: &Path, inside: &Path, depth: usize, found: &mut Vec<Service>) {
    let folder = root.join(inside);
    if let Some(runtime) = runtime::recognise(&folder) {
        found.push(service(&folder, inside, runtime));
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && !NEVER_SERVICES.contains(&name.as_str()))
        .collect();
    names.sort();
    for name in names {
        search(root, &inside.join(name), depth, found);
    }
}

/// A service for a folder whose start command a person named.
pub fn named_service(folder: &Path, run: String) -> Service {
    let runtime = Runtime { seen: "your answer".into(), run, ..Runtime::default() };
    service(folder, Path::new(""), runtime)
}

fn service(folder: &Path, inside: &Path, runtime: Runtime) -> Service {
    let named = runtime.name.clone().or_else(|| {
        let absolute = std::path::absolute(folder).ok()?;
        Some(absolute.file_name()?.to_string_lossy().into_owned())
    });
    let name = identifier(&named.unwrap_or_default());
    let root =
        if inside.as_os_str().is_empty() { ".".into() } else { inside.display().to_string() };
    let (existing, secrets) = firebase::apphosting(folder);
    let health = health::find(folder);
    Service { backend: name.clone(), name, root, runtime, health, existing, secrets }
}

/// A name that App Hosting accepts for a backend: lower-case letters, digits and hyphens, a letter first.
fn identifier(name: &str) -> String {
    let name = name.rsplit('/').next().unwrap_or(name).to_lowercase();
    let name: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_alphabetic());
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let name = name.trim_end_matches('-');
    if name.is_empty() { "web".to_owned() } else { name.to_owned() }
}

/// App Hosting accepts backend ids of at most this length.
const LONGEST_NAME: usize = 30;

/// Two folders with the same name get a number behind it.
fn distinct(services: &mut [Service]) {
    let mut taken = BTreeSet::new();
    for service in services {
        let name = service.name.clone();
        for n in 2.. {
            if taken.insert(service.name.clone()) {
                break;
            }
            service.name = format!("{name}-{n}");
        }
        if service.backend == name {
            service.backend.clone_from(&service.name);
        }
    }
}

fn branch(folder: &Path) -> Option<String> {
    git::text(folder, &["rev-parse", "--quiet", "--verify", "HEAD"]).ok()?;
    // Without a branch, the commit itself has a name.
    let named = ["symbolic-ref", "--quiet", "--short", "HEAD"];
    let name =
        git::text(folder, &named).or_else(|_| git::text(folder, &["rev-parse", "--short", "HEAD"]));
    name.ok().map(|name| name.trim().to_owned())
}

/// The first port that is proposed for a service.
const FIRST_PORT: u16 = 4000;

/// Ports on which nothing listens on this machine now.
pub fn free_ports(count: usize) -> Vec<u16> {
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    (FIRST_PORT..).filter(free).take(count).collect()
}

/// The path of a file of a service, for a person: `server.js`, `apps/web/server.js`.
pub fn path(service: &Service, name: &str) -> PathBuf {
    below(&service.root, name)
}

fn below(root: &str, name: &str) -> PathBuf {
    if root == "." { PathBuf::from(name) } else { Path::new(root).join(name) }
}
