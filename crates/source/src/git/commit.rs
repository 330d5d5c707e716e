//! Resolves a name to a commit. A name that may refer to two commits is ambiguous, and selects none.

use std::fmt;
use std::path::Path;

use super::{GitError, text};

/// The kind of object that a name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `HEAD`.
    Head,
    Tag,
    Branch,
    /// A remote branch, as of the last fetch.
    RemoteBranch,
    /// A commit by its full hash.
    Commit,
    /// A commit by an abbreviated hash.
    Beginning,
}

impl Kind {
    fn label(self) -> &'static str {
        match self {
            Self::Head => "the checked out commit",
            Self::Tag => "the tag",
            Self::Branch => "the branch",
            Self::RemoteBranch => "the remote branch",
            Self::Commit | Self::Beginning => "the commit",
        }
    }
}

/// A commit that a name may refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The kind of object that the name refers to.
    pub kind: Kind,
    /// The commit's hash: 40 hex digits.
    pub commit: String,
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind.label(), self.commit)
    }
}

/// Minimum length of an abbreviated hash in git.
const SHORTEST_HASH: usize = 4;

/// The commits that a name may refer to: a tag, a branch, a remote branch with its remote, `HEAD`, or a hash. A tag
/// and a branch with the same name are two candidates, and so are the commits that an abbreviated hash matches; git
/// itself would silently choose one.
pub fn resolve(dir: &Path, name: &str) -> Result<Vec<Candidate>, GitError> {
    if name == "HEAD" {
        return commit_of(dir, name)
            .map(|c| c.map(|c| Candidate { kind: Kind::Head, commit: c }).into_iter().collect());
    }
    let mut found = Vec::new();
    let spaces = [
        (Kind::Tag, "refs/tags/"),
        (Kind::Branch, "refs/heads/"),
        (Kind::RemoteBranch, "refs/remotes/"),
    ];
    for (kind, space) in spaces {
        let commit = commit_of(dir, &format!("{space}{name}"))?;
        found.extend(commit.map(|commit| Candidate { kind, commit }));
    }
    let hex = name.chars().all(|c| c.is_ascii_hexdigit());
    if hex && name.len() == 40 && found.is_empty() {
        let commit = commit_of(dir, name)?;
        found.extend(commit.map(|commit| Candidate { kind: Kind::Commit, commit }));
    }
    if hex && (SHORTEST_HASH..40).contains(&name.len()) && found.is_empty() {
        let all = text(dir, &["rev-parse", &format!("--disambiguate={name}")])?;
        for object in all.lines() {
            // An annotated tag with this prefix is peeled to another object.
            let commit = commit_of(dir, object)?.filter(|commit| commit == object);
            found.extend(commit.map(|commit| Candidate { kind: Kind::Beginning, commit }));
        }
    }
    found.dedup_by(|a, b| a.commit == b.commit);
    Ok(found)
}

/// The commit of a full reference name, if it exists.
fn commit_of(dir: &Path, full: &str) -> Result<Option<String>, GitError> {
    let peeled = format!("{full}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &peeled];
    match text(dir, &arguments) {
        Ok(said) => Ok(Some(said.trim().to_owned()).filter(|c| c.len() == 40)),
        // `--quiet` prints nothing for a missing name; any other failure is reported.
        Err(GitError::Failed(said)) if said.is_empty() => Ok(None),
        Err(error) => Err(error),
    }
}
