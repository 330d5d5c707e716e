//! Reads the files of a commit.

use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use super::{GitError, bytes, command};

/// The kind of a tree entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    File,
    Link,
    /// A submodule: a commit of another repository, whose files are not in this one.
    Submodule,
}

/// A file, link or submodule of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub kind: EntryKind,
    /// Path relative to the repository's root.
    pub path: String,
}

/// All entries below a folder of a commit. `folder` is relative to the repository's root; empty means the root.
pub fn entries(root: &Path, commit: &str, folder: &str) -> Result<Vec<Entry>, GitError> {
    let mut arguments = vec!["ls-tree", "-r", "-z", "--full-tree", commit];
    let inside = format!("{}/", folder.trim_matches('/'));
    if inside != "/" {
        arguments.extend(["--", &inside]);
    }
    let listed = bytes(root, &arguments)?;
    let entry = |record: &[u8]| {
        let record = String::from_utf8_lossy(record);
        let (meta, path) = record.split_once('\t')?;
        let kind = match meta.split(' ').next()? {
            "120000" => EntryKind::Link,
            "160000" => EntryKind::Submodule,
            _ => EntryKind::File,
        };
        Some(Entry { kind, path: path.to_owned() })
    };
    Ok(listed.split(|byte| *byte == 0).filter_map(entry).collect())
}

/// Reads a file of a commit, following symlinks inside the commit. `None` if there is no file at that path.
pub fn blob(root: &Path, commit: &str, path: &str) -> Result<Option<Vec<u8>>, GitError> {
    let mut child = command(root)
        .args(["cat-file", "--batch", "--follow-symlinks"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| GitError::Missing(e.to_string()))?;
    if let Some(mut input) = child.stdin.take() {
        // If git has already exited, its error is reported below.
        let _ = writeln!(input, "{commit}:{path}");
    }
    let output = child.wait_with_output().map_err(|e| GitError::Missing(e.to_string()))?;
    if !output.status.success() {
        return Err(GitError::Failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    Ok(of_batch(&output.stdout))
}

/// Parses `OBJECT blob SIZE\nCONTENT\n`. Any other output means that the commit has no such file.
fn of_batch(said: &[u8]) -> Option<Vec<u8>> {
    let end = said.iter().position(|byte| *byte == b'\n')?;
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let mut words = head.split(' ').skip(1);
    let (kind, size) = (words.next()?, words.next()?.parse::<usize>().ok()?);
    let content = said.get(end + 1..end + 1 + size)?;
    (kind == "blob" && words.next().is_none()).then(|| content.to_vec())
}
