//! Releases: labels from a list, or tags, branches and commits of a git repository.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::check::nearest;
use super::lint::{Text, named_in, texts};
use super::migrations::{is_migration, migrations, migrations_in};
use super::schema::ReleasesKind;
use super::{Findings, Loaded};
use pointsman_core::changes::{Changes, Commit};
use pointsman_core::code::Code;
use pointsman_core::error::Problem;
use pointsman_core::ids::ServiceName;
use pointsman_core::migration::Migration;
use pointsman_core::plan::{Member, Plan, Source};
use pointsman_core::planner::EnvironmentSpec;
use pointsman_core::release::ReleaseLabel;
use pointsman_core::text::harmless;
use pointsman_core::time::Timestamp;
use pointsman_core::view::RunView;
use pointsman_source::git::{self, EntryKind, GitError};

/// Maximum commits listed between two releases.
const COMMITS_LISTED: usize = 50;

impl Loaded {
    /// The releases that a picker offers, newest first: the config's labels, or the repository's tags, or its branches
    /// before the first tag. Users can still enter any other label.
    pub fn offered(&self) -> Result<Vec<String>, Problem> {
        let Some(dir) = self.repository() else { return Ok(self.config.releases.labels.clone()) };
        let names = |of: &str| -> Result<Vec<String>, Problem> {
            let format = ["for-each-ref", "--sort=-creatordate", "--format=%(refname:strip=2)", of];
            let names = git(&dir, &format)?;
            // Offer only names that a deploy accepts.
            let accepted = |name: &&str| ReleaseLabel::new(*name).is_ok();
            Ok(names.lines().filter(accepted).map(str::to_owned).collect())
        };
        let tags = names("refs/tags")?;
        if tags.is_empty() { names("refs/heads") } else { Ok(tags) }
    }

    /// The commits in `to` that `from` lacks, and the number that `to` lacks. `None` unless releases are commits.
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
        let most = format!("--max-count={COMMITS_LISTED}");
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

    /// The commits that a run deployed: those in its commit that were not in the live one before.
    pub fn changes_of(&self, view: &RunView) -> Option<Changes> {
        let before = view.services.values().find_map(|seen| seen.blue_commit.clone())?;
        let (before, after) = (ReleaseLabel::new(before), ReleaseLabel::new(view.plan.commit()?));
        self.changes(&before.ok()?, &after.ok()?).ok().flatten()
    }

    /// The folder of the releases' repository. `None` unless releases are commits.
    fn repository(&self) -> Option<PathBuf> {
        let releases = &self.config.releases;
        let dir = self.folder.join(releases.dir.as_deref().unwrap_or("."));
        (releases.kind == ReleasesKind::Git).then_some(dir)
    }
}

fn git(dir: &Path, arguments: &[&str]) -> Result<String, Problem> {
    git::text(dir, arguments).map_err(|error| unreadable(dir, &error))
}

fn unreadable(dir: &Path, error: &GitError) -> Problem {
    Problem::coded(Code::GIT_UNUSABLE, format!("git cannot read {}", dir.display()))
        .because(error.to_string())
}

/// The source of each service in a release. With `list` it is the service's folder. With `git` it is the commit that
/// the label (a tag, a branch, a commit) names now, as 40 hex digits, so that a branch that moves later does not change
/// what is built. A service with an `image` uses that.
pub fn sources(
    loaded: &Loaded,
    spec: &mut EnvironmentSpec,
    release: &ReleaseLabel,
) -> Result<BTreeMap<ServiceName, Source>, Problem> {
    let mut sources = BTreeMap::new();
    let commit = match loaded.repository() {
        None => None,
        Some(dir) => {
            let commit = commit_of(&dir, release)?;
            Some((commit, root_of(&dir)?))
        }
    };
    for member in &mut spec.members {
        let name = member.service().clone();
        let root = loaded.config.services.get(name.as_str()).map_or("", |s| s.root.as_str());
        let folder = clean(&loaded.folder.join(root));
        let image = loaded.config.services.get(name.as_str()).and_then(|s| s.image.as_ref());
        let source = match &commit {
            // The emulator runs no images; it builds from the folder or the commit.
            _ if image.is_some() && !spec.endpoint.on_emulator() => {
                let image = image.map(|image| image.replace("{release}", release.as_str()));
                Source::Image(image.unwrap_or_default())
            }
            None => Source::Archive(format!("file://{}", folder.display())),
            Some((commit, root)) => {
                let inside = folder.strip_prefix(root).map_err(|_| {
                    Problem::new(format!("the root of {name} is not in the repository"))
                        .because(format!("{} is not in {}", folder.display(), root.display()))
                        .try_this("put the service into the repository that `releases: dir` names")
                })?;
                member.repository = Some(format!("file://{}", root.display()));
                member.root_directory = Some(inside.display().to_string());
                Source::Commit(commit.clone())
            }
        };
        sources.insert(name, source);
    }
    Ok(sources)
}

/// Files with these names as the service's build would read them, from its folder or its commit. Empty if the source
/// is not on this machine.
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
            // The nearest folder upwards that has such a file counts.
            let found = inside.ancestors().find_map(|folder| {
                let read = |name: &String| {
                    let file = folder.join(name);
                    let read = git::blob(repository, commit, &file.display().to_string());
                    let text = read.transpose()?.map_err(|error| error.to_string());
                    Some((file, text.map(|b| String::from_utf8_lossy(&b).into_owned())))
                };
                Some(names.iter().filter_map(read).collect::<Vec<_>>())
                    .filter(|all| !all.is_empty())
            });
            found.unwrap_or_default()
        }
        Some(Source::Image(_)) | None => Vec::new(),
    }
}

/// The commit time of a release. `None` unless releases are commits.
pub fn committed(loaded: &Loaded, release: &ReleaseLabel) -> Option<Timestamp> {
    let dir = loaded.repository()?;
    let commit = commit_of(&dir, release).ok()?;
    git(&dir, &["log", "-1", "--format=%cI", &commit]).ok()?.trim().parse().ok()
}

/// The path without `.` and symbolic links. Unchanged if it does not exist.
fn clean(path: &Path) -> PathBuf {
    std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

/// The root of the repository around a folder. Paths in a commit are relative to it.
fn root_of(dir: &Path) -> Result<PathBuf, Problem> {
    git::root(dir).map(|root| clean(&root)).map_err(|error| unreadable(dir, &error))
}

/// What to name instead of a release that does not exist.
fn instead_of(dir: &Path, release: &ReleaseLabel) -> String {
    if let Some((label, _)) = release.as_str().split_once('@') {
        return format!("name {label}, or its commit in full");
    }
    let list = ["for-each-ref", "--format=%(refname:strip=2)", "refs/tags", "refs/heads"];
    let names = git(dir, &list).unwrap_or_default();
    match nearest(release.as_str(), &names.lines().collect::<Vec<_>>()) {
        Some(near) => format!("did you mean {near}?"),
        None => "name a tag, a branch or a commit that is there".to_owned(),
    }
}

fn commit_of(dir: &Path, release: &ReleaseLabel) -> Result<String, Problem> {
    let found = git::resolve(dir, release.as_str()).map_err(|error| unreadable(dir, &error))?;
    match found.as_slice() {
        [] => Err(Problem::coded(
            Code::NO_SUCH_RELEASE,
            format!("{release} names no commit of {}", clean(dir).display()),
        )
        .try_this(instead_of(dir, release))),
        [one] if one.kind == git::Kind::Beginning => Err(Problem::coded(
            Code::NO_SUCH_RELEASE,
            format!("{release} is only the beginning of a commit"),
        )
        .because("a branch or tag of that name may appear later")
        .try_this(format!("name it in full: {}", one.commit))),
        [one] => Ok(one.commit.clone()),
        some => {
            let all: Vec<_> = some.iter().map(ToString::to_string).collect();
            Err(Problem::coded(
                Code::NO_SUCH_RELEASE,
                format!("{release} does not name one commit for certain"),
            )
            .because(format!("it may be {}", all.join(" or ")))
            .try_this("name the commit with all 40 digits, or rename the tag or the branch"))
        }
    }
}

/// Warnings about the folders of services in the commit to build: their submodules are empty in the build.
pub fn warnings(plan: &Plan) -> Vec<String> {
    let mut warnings = Vec::new();
    for member in &plan.members {
        let Some(Source::Commit(commit)) = &member.source else { continue };
        let repository = member.repository.as_deref().and_then(|uri| uri.strip_prefix("file://"));
        let Some(repository) = repository.map(Path::new) else { continue };
        let inside = member.root_directory.as_deref().unwrap_or_default();
        let entries = git::entries(repository, commit, inside).unwrap_or_default();
        let submodules = entries.into_iter().filter(|e| e.kind == EntryKind::Submodule);
        warnings.extend(submodules.map(|entry| {
            format!("{}: {} is a submodule, and empty in the build", member.service(), entry.path)
        }));
    }
    warnings
}

/// The text of a file in a release.
pub(super) enum InRelease {
    Text(String),
    /// The commit of the release does not have the file.
    Missing,
    /// Releases are not commits, or the file is outside of the repository.
    NoCommit,
}

impl Loaded {
    /// The text of a file in a release's commit.
    pub(super) fn text_in(
        &self,
        release: &ReleaseLabel,
        file: &Path,
    ) -> Result<InRelease, Findings> {
        let Some(dir) = self.repository() else { return Ok(InRelease::NoCommit) };
        let unread = |problem: Problem| Findings::unread(file, &problem.to_string());
        let root = root_of(&dir).map_err(unread)?;
        let Ok(inside) = clean(file).strip_prefix(&root).map(|inside| inside.display().to_string())
        else {
            return Ok(InRelease::NoCommit);
        };
        let commit = commit_of(&dir, release).map_err(unread)?;
        let bytes =
            git::blob(&root, &commit, &inside).map_err(|e| unread(unreadable(&root, &e)))?;
        Ok(bytes.map_or(InRelease::Missing, |bytes| {
            InRelease::Text(String::from_utf8_lossy(&bytes).into_owned())
        }))
    }

    /// The migrations of a database in a release's commit, with a note if the folder holds others now. The folder's own
    /// migrations if releases are not commits, or if the folder is outside the repository.
    pub fn migrations_of(
        &self,
        environment: &str,
        database: &str,
        release: &ReleaseLabel,
    ) -> Result<(Vec<Migration>, Option<String>), Findings> {
        let Some(folder) = self.migrations_folder(environment, database) else {
            return Ok((Vec::new(), None));
        };
        let Some(dir) = self.repository() else { return Ok((migrations(&folder)?, None)) };
        let unread = |problem: Problem| Findings::unread(&folder, &problem.to_string());
        let root = root_of(&dir).map_err(unread)?;
        let absolute = clean(&folder);
        let Ok(inside) = absolute.strip_prefix(&root) else {
            let told =
                format!("migrations of {database} are not in the repository: used as they are now");
            return Ok((migrations(&folder)?, Some(told)));
        };
        let commit = commit_of(&dir, release).map_err(unread)?;
        let git_failed = |error: GitError| unread(unreadable(&root, &error));
        let inside = inside.display().to_string();
        let mut texts = Vec::new();
        for entry in git::entries(&root, &commit, &inside).map_err(git_failed)? {
            let name = entry.path[inside.len()..].trim_start_matches('/');
            if name.contains('/') || !is_migration(Path::new(name)) {
                continue;
            }
            let bytes = git::blob(&root, &commit, &entry.path).map_err(git_failed)?;
            let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
            texts.push((folder.join(name), text));
        }
        let of_commit = migrations_in(texts)?;
        let now = migrations(&folder).ok();
        let differs = now.as_ref() != Some(&of_commit);
        let told = differs.then(|| {
            format!("migrations of {database} are those of {release}; the folder holds others now")
        });
        Ok((of_commit, told))
    }
}
