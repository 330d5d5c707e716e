//! The files of a folder as an archive, or copied to another one.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};

use super::{Item, Kind, Rules, SourceError, items};

/// Packs a folder as `.tar.gz`.
pub fn pack(folder: &Path, rules: Rules<'_>) -> Result<Vec<u8>, SourceError> {
    let failed = |error: io::Error| SourceError::Unreadable(folder.to_owned(), error);
    let mut archive = Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for item in items(folder, rules)? {
        add(&mut archive, &item).map_err(|e| SourceError::Unreadable(item.path.clone(), e))?;
    }
    let packed = archive.into_inner().and_then(GzEncoder::finish);
    packed.map_err(failed)
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
            // A file that grows or shrinks meanwhile must not shift what follows it.
            let mut content = Counted { from: io::Read::take(file, found.len()), read: 0 };
            archive.append_data(&mut header, &item.path, &mut content)?;
            if content.read == found.len() {
                return Ok(());
            }
            Err(io::Error::other("it became shorter while it was read"))
        }
    }
}

/// Counts what is read.
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

/// Copies a folder to another one that is there and empty.
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
