//! Commits that were pushed to a branch, as far as this clone knows.

use std::path::Path;

use pointsman_core::time::Timestamp;
use pointsman_source::git::{self, GitError};

/// The commits on a branch of the remote since a time, newest first, as `3f2a1c9 Fix the health route`, as of the last
/// fetch. Commits of a local branch may never have been pushed, so they do not count.
///
/// # Errors
/// The folder is in no repository, or the branch of the remote is not known.
pub fn pushed(folder: &Path, branch: &str, since: Timestamp) -> Result<Vec<String>, GitError> {
    let (since, name) = (format!("--since={since}"), format!("refs/remotes/origin/{branch}"));
    let log =
        git::text(folder, &["log", "--format=%h %s", &since, "--end-of-options", &name, "--"])?;
    Ok(log.lines().map(str::to_owned).collect())
}
