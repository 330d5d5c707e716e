//! Packs the files of a folder into an archive, or copies them to another folder.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::{Item, Kind, Rules, SourceError, items};

/// Packs a folder as `.tar.gz` of at most `most` bytes. Never holds more than that in memory.
pub fn pack(folder: &Path, rules: Rules<'_>, most: usize) -> Result<Vec<u8>, SourceError> {
    let failed = |path: &Path, error: io::Error| match error.get_ref() {
        Some(inner) if inner.is::<TooLarge>() => SourceError::TooLarge(most),
        _ => SourceError::Unreadable(path.to_owned(), error),
    };
    let bounded = Bounded { bytes: Vec::new(), most };
    let mut archive = Builder::new(GzEncoder::new(bounded, Compression::default()));
    for item in items(folder, rules)? {
        add(&mut archive, &item).map_err(|error| failed(&item.path, error))?;
    }
    let packed = archive.into_inner().and_then(GzEncoder::finish);
    packed.map(|bounded| bounded.bytes).map_err(|error| failed(folder, error))
}

/// A buffer whose writes fail beyond `most` bytes.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

/// The error of a full [`Bounded`], inside an [`io::Error`].
#[derive(Debug)]
struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too large")
    }
}

impl std::error::Error for TooLarge {}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other(TooLarge));
        }
        self.bytes.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn add(archive: &mut Builder<impl Write>, item: &Item) -> io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    match &item.kind {
        Kind::Folder => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            archive.append_data(&mut header, &item.path, io::empty())
        }
        Kind::Link(target) => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            archive.append_link(&mut header, &item.path, target)
        }
        Kind::File(from) => {
            let file = fs::File::open(from)?;
            let found = file.metadata()?;
            header.set_mode(if runs(&found) { 0o755 } else { 0o644 });
            header.set_size(found.len());
            // A file that grows or shrinks meanwhile must not shift the entries after it.
            let mut content = Counted { from: io::Read::take(file, found.len()), read: 0 };
            archive.append_data(&mut header, &item.path, &mut content)?;
            if content.read == found.len() {
                return Ok(());
            }
            Err(io::Error::other("it became shorter while it was read"))
        }
    }
}

/// Counts the bytes that are read.
struct Counted<R> {
    from: R,
    read: u64,
}

impl<R: io::Read> io::Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.read += read as u64;
        Ok(read)
    }
}

fn runs(found: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    found.permissions().mode() & 0o111 != 0
}

/// Copies a folder into an existing, empty folder.
pub fn copy(folder: &Path, to: &Path, rules: Rules<'_>) -> Result<(), SourceError> {
    for Item { path, kind } in items(folder, rules)? {
        let at = to.join(&path);
        let copied = match &kind {
            Kind::Folder => fs::create_dir_all(&at),
            Kind::Link(target) => std::os::unix::fs::symlink(target, &at),
            Kind::File(from) => fs::copy(from, &at).map(drop),
        };
        copied.map_err(|error| SourceError::Unreadable(path, error))?;
    }
    Ok(())
}
