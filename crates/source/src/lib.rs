//! The files of a folder as a build gets them. A file that cannot be included fails the whole folder, with the
//! file's name: no file is left out silently.

pub mod git;
mod pack;
mod read;

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use ignore::WalkBuilder;

pub use pack::{copy, pack};
pub use read::text;

/// The default exclusions of firebase.json.
const LEFT_OUT: [&str; 3] = [".git", "node_modules", "firebase-debug.log"];

/// A file, folder or symlink of the source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Path relative to the source folder.
    pub path: PathBuf,
    pub kind: Kind,
}

/// The kind of a file in a build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Folder,
    /// A file, with the path of its content: the file itself, or the target of a symlink that leads out of the
    /// folder.
    File(PathBuf),
    /// A symlink to another file of the folder, or a dangling one.
    Link(PathBuf),
}

/// Why the files of a folder cannot be listed.
#[derive(Debug)]
pub enum SourceError {
    /// A file or folder could not be read.
    Unreadable(PathBuf, io::Error),
    /// The folder is in a git repository, and git cannot list the files there.
    Git(git::GitError),
    /// A file that no build can include: a socket, a pipe, a device, or a symlink to a folder that contains it.
    Odd(PathBuf, &'static str),
    /// The archive exceeds this maximum, in bytes.
    TooLarge(usize),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::Git(error) => write!(f, "git does not say what it ignores there: {error}"),
            Self::Odd(path, why) => write!(f, "{} is {why}", path.display()),
            Self::TooLarge(most) => write!(f, "packed it has more than the {most} bytes allowed"),
        }
    }
}

impl std::error::Error for SourceError {}

/// Which files of a folder are part of a build.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Whether to leave out files that git ignores: they leave this machine no more than with a commit.
    pub without_ignored: bool,
    /// Pointsman's state folder, which is never part of a build.
    pub state: Option<&'a Path>,
}

/// All files of a folder, sorted by path.
pub fn items(folder: &Path, rules: Rules<'_>) -> Result<Vec<Item>, SourceError> {
    let unreadable = |e: io::Error| SourceError::Unreadable(folder.to_owned(), e);
    let folder = fs::canonicalize(folder).map_err(unreadable)?;
    let state = rules.state.and_then(|state| fs::canonicalize(state).ok());
    let (mut found, state) = (Vec::new(), state.as_deref());
    let without_ignored = rules.without_ignored;
    let (root, within) = (&folder, Vec::new());
    let mut walk = Walk { root, state, without_ignored, within, found: &mut found };
    walk.folder(&folder, Path::new(""))?;
    found.sort();
    found.dedup();
    Ok(found)
}

/// The paths in a folder that git does not ignore. `None` if the folder is in no repository. Git itself decides: no
/// parser of `.gitignore` knows every setting that makes git ignore a file.
fn listed(folder: &Path) -> Result<Option<Vec<PathBuf>>, SourceError> {
    if git::repository_above(folder).is_none() {
        return Ok(None);
    }
    let list = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listed = git::bytes(folder, &list).map_err(SourceError::Git)?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(Some(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect()))
}

/// Whether git ignores a file. `false` outside a repository.
fn is_ignored(file: &Path) -> Result<bool, SourceError> {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else { return Ok(false) };
    let listed = listed(folder)?;
    Ok(listed.is_some_and(|paths| !paths.iter().any(|path| path.as_os_str() == name)))
}

/// Whether a symlink's target never leaves the folder on its way. In a build, the folder has another name, so a
/// path that leaves it and comes back would break.
fn stays(path: &Path, target: &Path) -> bool {
    let mut depth = path.components().count() - 1;
    target.components().all(|part| match part {
        Component::ParentDir => depth.checked_sub(1).is_some_and(|up| {
            depth = up;
            true
        }),
        Component::Normal(_) => {
            depth += 1;
            true
        }
        _ => true,
    })
}

struct Walk<'a> {
    root: &'a Path,
    state: Option<&'a Path>,
    without_ignored: bool,
    /// The folders being walked, outermost first: following a symlink to one of them would never end.
    within: Vec<PathBuf>,
    found: &'a mut Vec<Item>,
}

impl Walk<'_> {
    /// Adds the contents of a folder. `at` is its path in the build.
    fn folder(&mut self, folder: &Path, at: &Path) -> Result<(), SourceError> {
        let before = self.found.len();
        self.within.push(folder.to_owned());
        let listed = if self.without_ignored { listed(folder)? } else { None };
        match listed {
            Some(paths) => self.those(folder, at, paths)?,
            None => self.walked(folder, at)?,
        }
        self.within.pop();
        let holds = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some());
        if self.found.len() == before && self.without_ignored && holds(folder) {
            return Err(SourceError::Odd(folder.to_owned(), "ignored by git, with all its files"));
        }
        Ok(())
    }

    /// Adds the files of a folder that git lists. Git lists a nested repository, usually a submodule, as one path.
    fn those(&mut self, folder: &Path, at: &Path, paths: Vec<PathBuf>) -> Result<(), SourceError> {
        for path in paths {
            let from = folder.join(&path);
            // Skip files that are tracked, but deleted in the work tree.
            let Ok(found) = fs::symlink_metadata(&from) else { continue };
            if self.is_left_out(&path, &from) {
                continue;
            }
            let path = at.join(path.components().as_path());
            for folder in
                path.ancestors().skip(1).filter(|path| path.starts_with(at) && *path != at)
            {
                self.found.push(Item { path: folder.to_owned(), kind: Kind::Folder });
            }
            if found.is_dir() {
                self.found.push(Item { path: path.clone(), kind: Kind::Folder });
                let inside = from.components().as_path().to_owned();
                self.folder(&inside, &path)?;
            } else {
                self.take(path, &from)?;
            }
        }
        Ok(())
    }

    /// Adds the files of a folder outside any repository, according to its `.gitignore` files.
    fn walked(&mut self, folder: &Path, at: &Path) -> Result<(), SourceError> {
        let left_out: Vec<PathBuf> = self.state.iter().map(|state| (*state).to_owned()).collect();
        let mut walker = WalkBuilder::new(folder);
        walker
            .standard_filters(false)
            .parents(self.without_ignored)
            .git_ignore(self.without_ignored)
            .git_exclude(self.without_ignored)
            .git_global(self.without_ignored)
            .require_git(false)
            .follow_links(false)
            .filter_entry(move |entry| {
                let named = LEFT_OUT.iter().any(|name| entry.file_name() == OsStr::new(name));
                !named && !left_out.iter().any(|path| path == entry.path())
            });
        for entry in walker.build() {
            let entry = entry.map_err(|error| {
                let said = error.to_string();
                let error = error.into_io_error().unwrap_or_else(|| io::Error::other(said));
                SourceError::Unreadable(folder.to_owned(), error)
            })?;
            let Ok(inside) = entry.path().strip_prefix(folder) else { continue };
            if inside.as_os_str().is_empty() {
                continue;
            }
            self.take(at.join(inside), entry.path())?;
        }
        Ok(())
    }

    fn is_left_out(&self, path: &Path, from: &Path) -> bool {
        let named = |part: &OsStr| LEFT_OUT.iter().any(|name| part == OsStr::new(name));
        path.iter().any(named) || self.state.is_some_and(|state| from.starts_with(state))
    }

    /// Adds one file, symlink or folder.
    fn take(&mut self, path: PathBuf, from: &Path) -> Result<(), SourceError> {
        let unreadable = |e: io::Error| SourceError::Unreadable(from.to_owned(), e);
        let kind = fs::symlink_metadata(from).map_err(unreadable)?.file_type();
        if kind.is_symlink() {
            return self.link(path, from);
        }
        let kind = match kind {
            kind if kind.is_dir() => Kind::Folder,
            kind if kind.is_file() => Kind::File(from.to_owned()),
            kind if kind.is_fifo() => return Err(SourceError::Odd(from.to_owned(), "a pipe")),
            kind if kind.is_socket() => return Err(SourceError::Odd(from.to_owned(), "a socket")),
            _ => return Err(SourceError::Odd(from.to_owned(), "a device")),
        };
        self.found.push(Item { path, kind });
        Ok(())
    }

    /// Adds a symlink. One that stays inside the folder is kept as a symlink. One that leads out is replaced by its
    /// target, because a build has nothing outside the folder.
    fn link(&mut self, path: PathBuf, from: &Path) -> Result<(), SourceError> {
        let unreadable = |e: io::Error| SourceError::Unreadable(from.to_owned(), e);
        let target = fs::read_link(from).map_err(unreadable)?;
        let Ok(real) = fs::canonicalize(from) else {
            self.found.push(Item { path, kind: Kind::Link(target) });
            return Ok(());
        };
        let inside = real.starts_with(self.root) && from.starts_with(self.root);
        if inside && target.is_relative() && stays(&path, &target) {
            self.found.push(Item { path, kind: Kind::Link(target) });
            return Ok(());
        }
        let above = |folder: &PathBuf| folder.starts_with(&real);
        if from.starts_with(&real) || self.within.iter().any(above) {
            return Err(SourceError::Odd(
                from.to_owned(),
                "a link to a folder that it is in itself",
            ));
        }
        if real.is_dir() {
            self.found.push(Item { path: path.clone(), kind: Kind::Folder });
            return self.folder(&real, &path);
        }
        if self.without_ignored && is_ignored(&real)? {
            return Err(SourceError::Odd(from.to_owned(), "a link to a file that git ignores"));
        }
        self.take(path, &real)
    }
}

#[cfg(test)]
mod tests;
