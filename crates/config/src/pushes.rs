//! Commits that were pushed to a branch, as far as this clone knows.

use std::path::Path;

use pointsman_core::time::Timestamp;
use pointsman_source::git::{self, GitError};

/// The commits of a branch since a time, newest first, as `3f2a1c9 Fix the health route`: those of the remote where this
/// clone has fetched them, otherwise its own.
///
/// # Errors
/// The folder is in no repository, or the branch is not known.
pub fn pushed(folder: &Path, branch: &str, since: Timestamp) -> Result<Vec<String>, GitError> {
    let since = format!("--since={since}");
    let log = |name: &str| {
        git::text(folder, &["log", "--format=%h %s", &since, "--end-of-options", name, "--"])
    };
    let log = log(&format!("refs/remotes/origin/{branch}")).or_else(|_| log(branch))?;
    Ok(log.lines().map(str::to_owned).collect())
}
