//! The commits between two releases.

use super::describe::counted;

/// A commit, as listed in one line.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Commit {
    pub id: String,
    pub author: String,
    pub subject: String,
}

/// The commits of a release that its predecessor lacks, without merges.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// Number of commits that are new.
    pub added: usize,
    /// Commits of the old release that the new one lacks. More than 0 means an older release or another branch.
    pub left: usize,
    /// The most recent new commits, newest first.
    pub latest: Vec<Commit>,
}

impl Changes {
    /// One sentence; `from` is the other release.
    pub fn sentence(&self, from: &str) -> String {
        match (self.added, self.left) {
            (0, 0) => format!("the same commit as {from}"),
            (0, left) => format!("older than {from}: {left} of its commits are not in it"),
            (added, 0) => format!("{} since {from}", counted(added, "commit")),
            (added, left) => {
                format!(
                    "{} that {from} lacks; without {} of {from}",
                    counted(added, "commit"),
                    counted(left, "commit")
                )
            }
        }
    }
}
