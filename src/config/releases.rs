//! What a release is: a label of a list, or what a repository calls by that name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Loaded;
use super::lint::{Text, named_in, texts};
use super::schema::ReleasesKind;
use crate::domain::changes::{Changes, Commit};
use crate::domain::error::Problem;
use crate::domain::ids::ServiceName;
use crate::domain::plan::{Member, Source};
use crate::domain::planner::Ground;
use crate::domain::release::ReleaseLabel;
use crate::domain::text::harmless;
use crate::domain::time::Timestamp;

/// Nobody reads more of them in a box.
const COMMITS: usize = 50;

impl Loaded {
    /// The releases a picker offers, the newest first: the config's labels, or the repository's tags.
    /// Any other label can be named all the same.
    pub fn offered(&self) -> Result<Vec<String>, Problem> {
        let Some(dir) = self.repository() else { return Ok(self.config.releases.labels.clone()) };
        let tags = git(&dir, &["tag", "--list", "--sort=-creatordate"])?;
        Ok(tags.lines().take(50).map(str::to_owned).collect())
    }

    /// What one release has that another has not. Nothing where releases are no commits.
    pub fn changes(
        &self,
        from: &ReleaseLabel,
        to: &ReleaseLabel,
    ) -> Result<Option<Changes>, Problem> {
        let Some(dir) = self.repository() else { return Ok(None) };
        let (before, after) = (commit_of(&dir, from)?, commit_of(&dir, to)?);
        let count = |range: String| -> Result<usize, Problem> {
            Ok(git(&dir, &["rev-list", "--count", "--no-merges", &range])?
                .trim()
                .parse()
                .unwrap_or(0))
        };
        let (added, left) = (format!("{before}..{after}"), format!("{after}..{before}"));
        let most = format!("--max-count={COMMITS}");
        let log = git(&dir, &["log", "--no-merges", "--format=%h%x09%an%x09%s", &most, &added])?;
        let commit = |line: &str| {
            let mut parts = line.splitn(3, '\t').map(|part| harmless(part, 200));
            Some(Commit { id: parts.next()?, author: parts.next()?, subject: parts.next()? })
        };
        Ok(Some(Changes {
            added: count(added)?,
            left: count(left)?,
            latest: log.lines().filter_map(commit).collect(),
        }))
    }

    /// Where the commits of releases are.
    fn repository(&self) -> Option<PathBuf> {
        let releases = &self.config.releases;
        let dir = self.folder.join(releases.dir.as_deref().unwrap_or("."));
        (releases.kind == ReleasesKind::Git).then_some(dir)
    }
}

fn git(dir: &Path, arguments: &[&str]) -> Result<String, Problem> {
    let output = Command::new("git")
        .arg("-C")
        .arg(dir)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Problem::new("git cannot be started").because(e.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Problem::new(format!("git cannot read {}", dir.display())).because(said))
}

/// What each service of a release is built from: with `list` its folder, with `git` the commit that
/// the label names (a tag, a branch, a commit), always as 40 hex digits, so that what is built is
/// what was named and not what the branch is by then.
pub fn sources(
    loaded: &Loaded,
    ground: &mut Ground,
    release: &ReleaseLabel,
) -> Result<BTreeMap<ServiceName, Source>, Problem> {
    let mut sources = BTreeMap::new();
    let commit = match loaded.repository() {
        None => None,
        Some(dir) => Some((commit_of(&dir, release)?, dir)),
    };
    for member in &mut ground.members {
        let name = member.service().clone();
        let root = loaded.config.services.get(name.as_str()).map_or("", |s| s.root.as_str());
        let folder = clean(&loaded.folder.join(root));
        let image = loaded.config.services.get(name.as_str()).and_then(|s| s.image.as_ref());
        let source = match &commit {
            _ if image.is_some() => {
                let image = image.map(|image| image.replace("{release}", release.as_str()));
                Source::Image(image.unwrap_or_default())
            }
            None => Source::Archive(format!("file://{}", folder.display())),
            Some((commit, dir)) => {
                let dir = clean(dir);
                member.repository = Some(format!("file://{}", dir.display()));
                let inside = folder.strip_prefix(&dir).unwrap_or(&folder);
                member.root_directory = Some(inside.display().to_string());
                Source::Commit(commit.clone())
            }
        };
        sources.insert(name, source);
    }
    Ok(sources)
}

/// Files of these names as a member's build would read them: in the folder or the commit that it is built
/// from. Nothing where that is not here.
pub fn apphosting_files(member: &Member, names: &[String]) -> Vec<Text> {
    match &member.source {
        Some(Source::Archive(uri)) => {
            let Some(folder) = uri.strip_prefix("file://").map(Path::new) else {
                return Vec::new();
            };
            texts(named_in(folder, names))
        }
        Some(Source::Commit(commit)) => {
            let repository =
                member.repository.as_deref().and_then(|uri| uri.strip_prefix("file://"));
            let Some(repository) = repository.map(Path::new) else { return Vec::new() };
            let inside = Path::new(member.root_directory.as_deref().unwrap_or_default());
            // The first folder on the way up that holds one is the one that counts.
            let found = inside.ancestors().find_map(|folder| {
                let read = |name: &String| {
                    let file = folder.join(name);
                    // Relative to the folder, which may lie inside a larger repository.
                    let object = format!("{commit}:./{}", file.display());
                    Some((file, Ok(git(repository, &["show", &object]).ok()?)))
                };
                Some(names.iter().filter_map(read).collect::<Vec<_>>())
                    .filter(|all| !all.is_empty())
            });
            found.unwrap_or_default()
        }
        Some(Source::Image(_)) | None => Vec::new(),
    }
}

/// When the commit that a release names was made; nothing where releases are no commits.
pub fn committed(loaded: &Loaded, release: &ReleaseLabel) -> Option<Timestamp> {
    let dir = loaded.repository()?;
    let commit = commit_of(&dir, release).ok()?;
    git(&dir, &["show", "-s", "--format=%cI", &commit]).ok()?.trim().parse().ok()
}

/// The path without `.` and symbolic links, as far as it exists.
fn clean(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn commit_of(dir: &Path, release: &ReleaseLabel) -> Result<String, Problem> {
    let named = format!("{release}^{{commit}}");
    let arguments = ["rev-parse", "--verify", "--quiet", "--end-of-options", &named];
    match git(dir, &arguments) {
        Ok(commit) if commit.trim().len() == 40 => Ok(commit.trim().to_owned()),
        other => {
            let why = other.err().map(|problem| problem.why).unwrap_or_default();
            Err(Problem::new(format!("{release} names no commit of {}", dir.display()))
                .because(why)
                .try_this("name a tag, a branch or a commit that is there"))
        }
    }
}
