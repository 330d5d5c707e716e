//! Runs git isolated from its caller: it uses neither the repository that a hook's environment names, nor settings
//! that format output for people.

mod commit;
mod tree;

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use commit::{Candidate, Kind, resolve};
pub use tree::{Entry, EntryKind, blob, entries};

/// Git variables to keep: how to reach a server, and which settings files apply. Any other one would select a
/// repository, an index or a format of the caller.
const KEPT: [&str; 10] = [
    "GIT_ASKPASS",
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_CONFIG_SYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_SSL_CAINFO",
    "GIT_SSL_NO_VERIFY",
];

/// Settings that must not depend on the user, because a program reads the output.
const SETTINGS: [&str; 13] = [
    "advice.detachedHead=false",
    "color.ui=false",
    "column.ui=never",
    "column.tag=never",
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.pager=cat",
    "core.quotePath=true",
    "log.decorate=false",
    "log.mailmap=true",
    "log.showSignature=false",
    "status.showUntrackedFiles=normal",
    "gc.auto=0",
];

/// Why git failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitError {
    /// git could not be started.
    Missing(String),
    /// git exited with an error; contains its error output, which may be empty.
    Failed(String),
}

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(why) => write!(f, "git cannot be started: {why}"),
            Self::Failed(said) if said.is_empty() => f.write_str("git ended with an error"),
            Self::Failed(said) => f.write_str(said),
        }
    }
}

impl std::error::Error for GitError {}

/// A git command that runs in a folder, to be completed with its arguments.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        let own = name.to_string_lossy().into_owned();
        if own.starts_with("GIT_") && !KEPT.contains(&own.as_str()) {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .arg("--no-pager")
        .arg("-C")
        .arg(dir);
    for setting in SETTINGS {
        command.arg("-c").arg(setting);
    }
    command
}

/// Runs git and returns its standard output.
pub fn bytes(dir: &Path, arguments: &[&str]) -> Result<Vec<u8>, GitError> {
    let output = command(dir).args(arguments).output();
    let output = output.map_err(|e| GitError::Missing(e.to_string()))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(GitError::Failed(said))
}

/// Runs git and returns its standard output as text.
pub fn text(dir: &Path, arguments: &[&str]) -> Result<String, GitError> {
    bytes(dir, arguments).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The repository that contains a folder, found without git: the closest folder, going up, that has a `.git`.
pub fn repository_above(folder: &Path) -> Option<PathBuf> {
    let folder = std::fs::canonicalize(folder).ok()?;
    folder.ancestors().find(|above| above.join(".git").exists()).map(Path::to_owned)
}

/// The root of the work tree that contains a folder, or the folder itself if it is a bare repository.
pub fn root(folder: &Path) -> Result<PathBuf, GitError> {
    match text(folder, &["rev-parse", "--show-toplevel"]) {
        Ok(top) => Ok(PathBuf::from(top.trim_end_matches(['\r', '\n']))),
        Err(error) => match text(folder, &["rev-parse", "--is-bare-repository"]) {
            Ok(bare) if bare.trim() == "true" => Ok(folder.to_owned()),
            _ => Err(error),
        },
    }
}

#[cfg(test)]
mod tests;
