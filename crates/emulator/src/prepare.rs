//! Turns a source into a folder that can be built and run: copies a folder, unpacks an archive or checks out a
//! commit of a local git repository, then reads its `apphosting.yaml`.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use super::storage::{Storage, is_archive, unpack};
use pointsman_core::apphosting::{AppHostingYaml, Availability};
use pointsman_source::git;
use pointsman_source::{self as source, Rules};

/// Why a source cannot be built, with App Hosting's error code if there is one.
#[derive(Debug)]
pub(super) struct BuildError {
    pub(super) message: String,
}

impl BuildError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }

    fn coded(code: &str, message: impl std::fmt::Display) -> Self {
        Self::new(format!("{code}: {message}"))
    }
}

/// A prepared folder, and its configuration.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) folder: PathBuf,
    pub(super) yaml: AppHostingYaml,
    /// The variables that came from the emulator's own file.
    pub(super) own: BTreeSet<String>,
}

/// The file that every environment shares.
pub(super) const BASE: &str = "apphosting.yaml";
/// The emulator's own file, over the base.
pub(super) const OWN: &str = "apphosting.emulator.yaml";

/// Creates the folder after removing leftovers of an earlier attempt.
pub(super) async fn prepare(
    source: &Value,
    backend: &Value,
    into: &Path,
    storage: &Storage,
) -> Result<Prepared, BuildError> {
    let failed = |e: io::Error| BuildError::new(format!("the source cannot be copied: {e}"));
    if into.exists() {
        fs::remove_dir_all(into).map_err(failed)?;
    }
    fs::create_dir_all(into).map_err(failed)?;
    if source.get("container").is_some() {
        return Err(BuildError::new(
            "the emulator runs no container images; it builds from folders and commits",
        ));
    }
    let root = if let Some(archive) = source.get("archive") {
        let uri = archive["userStorageUri"].as_str().unwrap_or_default();
        let from = match storage.file(uri) {
            Some(put) => put,
            None => local_path(uri)?,
        };
        if is_archive(&from) {
            unpack(&from, into).await.map_err(BuildError::new)?;
        } else {
            let (to, state) = (into.to_owned(), storage.state().to_owned());
            let copied = tokio::task::spawn_blocking(move || {
                source::copy(&from, &to, Rules { without_ignored: false, state: Some(&state) })
            });
            let copied = copied.await.map_err(|e| BuildError::new(e.to_string()))?;
            copied.map_err(|e| BuildError::new(format!("the source cannot be copied: {e}")))?;
        }
        archive["rootDirectory"].as_str().unwrap_or_default()
    } else {
        let commit = source["codebase"]["commit"].as_str().unwrap_or_default();
        let repository = codebase(source, backend)["repository"].as_str().unwrap_or_default();
        check_out(&local_path(repository)?, commit, into).await?;
        codebase(source, backend)["rootDirectory"].as_str().unwrap_or_default()
    };
    open(into, root)
}

/// Where a source's repository and folder are named: at the backend, or at the source itself where there is none.
pub(super) fn codebase<'a>(source: &'a Value, backend: &'a Value) -> &'a Value {
    if backend["codebase"].is_object() { &backend["codebase"] } else { &source["codebase"] }
}

/// Opens a folder that was prepared before.
pub(super) fn open(source: &Path, root: &str) -> Result<Prepared, BuildError> {
    let inside = Path::new(root.trim_start_matches('/'));
    let climbs = inside.components().any(|c| matches!(c, std::path::Component::ParentDir));
    let folder = source.join(inside);
    if climbs || !folder.is_dir() {
        return Err(BuildError::coded(
            "fah/invalid-root-directory",
            format!("there is no folder {root:?}"),
        ));
    }
    let base = read_yaml(source, &folder, BASE)?;
    if let Some(why) = base.refused() {
        let why = format!("{BASE}: {why}");
        return Err(BuildError::coded("fah/invalid-apphosting-yaml", why));
    }
    let over = read_yaml(source, &folder, OWN)?;
    let own = over.env.iter().map(|variable| variable.variable.clone()).collect();
    let yaml = base.overridden_by(over);
    if let Some(bare) = yaml.secret_variables().next() {
        return Err(BuildError::coded(
            "fah/misconfigured-secret",
            format!("{bare} is a secret; give it a dummy value in {OWN}"),
        ));
    }
    Ok(Prepared { folder, yaml, own })
}

/// Reads a YAML file of a folder in the source. Services of one repository may share one file through a symlink.
fn read_yaml(source: &Path, folder: &Path, name: &str) -> Result<AppHostingYaml, BuildError> {
    let file = &folder.join(name);
    if let (Ok(source), Ok(real)) = (fs::canonicalize(source), fs::canonicalize(file)) {
        // A symlink out of the source would quote a file of this machine, and reading a pipe never ends.
        if !real.starts_with(&source) || !real.is_file() {
            let why = format!("{name} is no file of the source");
            return Err(BuildError::coded("fah/invalid-apphosting-yaml", why));
        }
    }
    match source::text(file) {
        Ok(text) => serde_yaml::from_str(&text).map_err(|e| {
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            BuildError::coded("fah/invalid-apphosting-yaml", format!("{name}: {e}"))
        }),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(AppHostingYaml::default()),
        Err(e) => Err(BuildError::new(format!("{}: {e}", file.display()))),
    }
}

fn local_path(uri: &str) -> Result<PathBuf, BuildError> {
    match uri.strip_prefix("file://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => Err(BuildError::new(format!(
            "{uri:?} is not on this machine; the emulator takes file:///…, and gs://… that was put into its own storage"
        ))),
    }
}

/// Checks out a commit into a clone that shares the repository's objects. Touches neither its work tree nor its
/// index.
async fn check_out(repository: &Path, commit: &str, into: &Path) -> Result<(), BuildError> {
    let (from, to) = (repository.to_owned(), into.to_owned());
    let commit = commit.to_owned();
    let checked_out = tokio::task::spawn_blocking(move || {
        let (from, into) = (from.display().to_string(), to.display().to_string());
        let clone = ["clone", "--quiet", "--shared", "--no-checkout", "--", &from, &into];
        git::text(Path::new("/"), &clone)?;
        git::text(&to, &["checkout", "--quiet", "--detach", &commit])
    });
    let checked_out = checked_out.await.map_err(|e| BuildError::new(e.to_string()))?;
    checked_out.map(drop).map_err(|e| BuildError::new(format!("git: {e}")))
}

/// Prepares a command of `apphosting.yaml`, to run in its folder with a clean environment, the variables that Cloud
/// Run sets, and this program's folder first in `PATH`. It runs through the shell because Google's files contain
/// shell lines; nothing else in Pointsman uses a shell.
pub(super) fn command(prepared: &Prepared, line: &str, when: Availability, path: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(&prepared.folder).stdin(Stdio::null()).env_clear();
    for kept in ["HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    for variable in prepared.yaml.env.iter().filter(|e| e.at(when) && !e.reserved()) {
        command.env(&variable.variable, variable.value.as_deref().unwrap_or_default());
    }
    command.env("PATH", path).process_group(0);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symlinks_are_followed_only_inside_the_source() {
        let outer = tempfile::tempdir().unwrap();
        fs::write(outer.path().join("secret"), "cpu: 1").unwrap();
        let source = outer.path().join("source");
        fs::create_dir_all(source.join("web")).unwrap();
        fs::create_dir_all(source.join("shared")).unwrap();
        fs::write(source.join("shared/apphosting.yaml"), "scripts: { runCommand: x }").unwrap();
        let link = source.join("web/apphosting.yaml");
        std::os::unix::fs::symlink("../shared/apphosting.yaml", &link).unwrap();
        let prepared = open(&source, "web").unwrap();
        assert_eq!(prepared.yaml.scripts.run_command.as_deref(), Some("x"));
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(outer.path().join("secret"), &link).unwrap();
        assert!(open(&source, "web").unwrap_err().message.contains("is no file of the source"));
    }

    #[test]
    fn refuses_to_build_an_invalid_apphosting_yaml() {
        let folder = tempfile::tempdir().unwrap();
        let opened = |text: &str| {
            fs::write(folder.path().join("apphosting.yaml"), text).unwrap();
            open(folder.path(), "").map(|_| ()).map_err(|error| error.message)
        };
        let cases = [
            (
                "runConfig: { cpu: 3 }",
                "fah/invalid-apphosting-yaml: apphosting.yaml: cpu cannot be 3",
            ),
            ("runConfig: { cpu: '2' }", "fah/invalid-apphosting-yaml: apphosting.yaml: "),
            ("env: [{ variable: A }]", "A needs either a value or a secret"),
            ("env: [{ variable: A, value: x, secret: s }]", "A needs either"),
            ("env: [{ variable: A, secret: s }]", "fah/misconfigured-secret"),
        ];
        for (text, why) in cases {
            let said = opened(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
        for text in
            ["", "runConfig: { memoryMiB: 512.5, timeoutSeconds: 3 }", "env: [{ value: x }]"]
        {
            assert_eq!(opened(text), Ok(()), "{text}");
        }
    }
}
