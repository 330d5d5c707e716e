//! The files of a folder as a build gets them. Each is kept, or the folder is refused with its name: nothing is
//! left out in silence.

mod pack;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;

use crate::git;

pub use pack::{copy, pack};

/// What no build needs, as firebase.json leaves it out by default.
const LEFT_OUT: [&str; 3] = [".git", "node_modules", "firebase-debug.log"];

/// A file of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// Its path in the folder.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
}

/// What a file is in the build.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file, with the place its content comes from: itself, or what a link out of the folder leads to.
    File(PathBuf),
    /// A symbolic link to another file of the folder, or to nothing.
    Link(PathBuf),
}

/// Why the files of a folder cannot be told.
#[derive(Debug)]
pub enum SourceError {
    /// A file or folder could not be read.
    Unreadable(PathBuf, io::Error),
    /// It is in a git repository, and git does not say what is tracked there.
    Git(git::GitError),
    /// No build can take it: a socket, a pipe, a device, or a link to a folder that holds this one.
    Odd(PathBuf, &'static str),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => {
                write!(f, "{} cannot be read: {error}", path.display())
            }
            Self::Git(error) => write!(f, "git does not say what it ignores there: {error}"),
            Self::Odd(path, why) => write!(f, "{} is {why}", path.display()),
        }
    }
}

impl std::error::Error for SourceError {}

/// What counts as part of a folder.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Whether what git ignores is left out: it leaves this machine no more than with a commit.
    pub without_ignored: bool,
    /// A folder that is never part of a build: our own state.
    pub state: Option<&'a Path>,
}

/// Every file of a folder, in the order of their paths.
pub fn items(folder: &Path, rules: Rules<'_>) -> Result<Vec<Item>, SourceError> {
    let unreadable = |e: io::Error| SourceError::Unreadable(folder.to_owned(), e);
    let folder = fs::canonicalize(folder).map_err(unreadable)?;
    let state = rules.state.and_then(|state| fs::canonicalize(state).ok());
    let mut found = Vec::new();
    let mut walk = Walk { root: &folder, state: state.as_deref(), found: &mut found };
    walk.folder(&folder, Path::new(""), rules.without_ignored)?;
    if rules.without_ignored {
        // A file that git tracks is part of the source, also where a pattern would ignore it.
        for path in tracked(&folder)?.unwrap_or_default() {
            let from = folder.join(&path);
            if fs::symlink_metadata(&from).is_ok_and(|m| !m.is_dir())
                && !walk.is_left_out(&path, &from)
            {
                walk.take(path, &from)?;
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// What git tracks in a folder, by its paths there. `None`: it is in no repository.
fn tracked(folder: &Path) -> Result<Option<HashSet<PathBuf>>, SourceError> {
    if git::repository_above(folder).is_none() {
        return Ok(None);
    }
    let listed = git::bytes(folder, &["ls-files", "-z"]).map_err(SourceError::Git)?;
    let paths = listed.split(|byte| *byte == 0).filter(|path| !path.is_empty());
    Ok(Some(paths.map(|path| PathBuf::from(OsStr::from_bytes(path))).collect()))
}

struct Walk<'a> {
    root: &'a Path,
    state: Option<&'a Path>,
    found: &'a mut Vec<Item>,
}

impl Walk<'_> {
    /// Takes what is in a folder; `at` is its path in the build.
    fn folder(
        &mut self,
        folder: &Path,
        at: &Path,
        without_ignored: bool,
    ) -> Result<(), SourceError> {
        let left_out: Vec<PathBuf> = self.state.iter().map(|state| (*state).to_owned()).collect();
        let mut walker = WalkBuilder::new(folder);
        walker
            .standard_filters(false)
            .parents(without_ignored)
            .git_ignore(without_ignored)
            .git_exclude(without_ignored)
            .git_global(without_ignored)
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

    /// Takes one file, link or folder.
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

    /// A link inside of the folder stays one. What a link out of it leads to is taken in its place: in the
    /// build there is nothing outside.
    fn link(&mut self, path: PathBuf, from: &Path) -> Result<(), SourceError> {
        let unreadable = |e: io::Error| SourceError::Unreadable(from.to_owned(), e);
        let target = fs::read_link(from).map_err(unreadable)?;
        let Ok(real) = fs::canonicalize(from) else {
            self.found.push(Item { path, kind: Kind::Link(target) });
            return Ok(());
        };
        if real.starts_with(self.root) && target.is_relative() && from.starts_with(self.root) {
            self.found.push(Item { path, kind: Kind::Link(target) });
            return Ok(());
        }
        if self.root.starts_with(&real) || from.starts_with(&real) {
            return Err(SourceError::Odd(
                from.to_owned(),
                "a link to a folder that it is in itself",
            ));
        }
        if real.is_dir() {
            self.found.push(Item { path: path.clone(), kind: Kind::Folder });
            // What is ignored is decided where the link stands, not where it leads.
            return self.folder(&real, &path, false);
        }
        self.take(path, &real)
    }
}

#[cfg(test)]
mod tests;
