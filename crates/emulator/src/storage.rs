//! The part of Cloud Storage that the firebase CLI needs to upload a source: buckets, and archives put into them.
//! Archives are stored in the emulator's folder; builds unpack them.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use zip::ZipArchive;

/// Path prefix of storage calls: `FIREBASE_STORAGE_URL=http://127.0.0.1:PORT/gcs`.
pub(super) const PREFIX: &str = "/gcs/";

/// The archives uploaded to an emulator.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    folder: PathBuf,
}

impl Storage {
    pub(super) fn of(emulator: &Path) -> Self {
        Self { folder: emulator.join("storage") }
    }

    /// The state folder, which contains the emulator's folder.
    pub(super) fn state(&self) -> &Path {
        self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder)
    }

    pub(super) fn handle(&self, method: &Method, uri: &Uri, body: &[u8]) -> Response {
        let path = uri.path().strip_prefix(PREFIX).unwrap_or_default();
        let answer = match (method.as_str(), path.split('/').collect::<Vec<_>>().as_slice()) {
            ("GET", ["storage", "v1", "b"]) => Ok(json!({ "items": self.buckets() })),
            ("POST", ["storage", "v1", "b"]) => self.make(body),
            ("PUT", [bucket, object]) => self.put(bucket, object, body),
            _ => Err((StatusCode::NOT_FOUND, format!("there is no {method} {path}"))),
        };
        match answer {
            Ok(json) => axum::Json(json).into_response(),
            Err((status, message)) => {
                let error = json!({"code": status.as_u16(), "message": message});
                (status, axum::Json(json!({ "error": error }))).into_response()
            }
        }
    }

    fn buckets(&self) -> Vec<Value> {
        let found = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let names = found.filter_map(|entry| entry.file_name().into_string().ok());
        names.map(|name| json!({ "name": name, "labels": {} })).collect()
    }

    fn make(&self, body: &[u8]) -> Result<Value, (StatusCode, String)> {
        let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
        let name = wanted["name"].as_str().unwrap_or_default();
        let folder = self.place(name, None).ok_or_else(|| unnamed(name))?;
        fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        Ok(wanted)
    }

    fn put(&self, bucket: &str, object: &str, body: &[u8]) -> Result<Value, (StatusCode, String)> {
        let file = self.place(bucket, Some(object)).ok_or_else(|| unnamed(object))?;
        let folder = file.parent().unwrap_or(&self.folder);
        fs::create_dir_all(folder).and_then(|()| fs::write(&file, body)).map_err(|e| failed(&e))?;
        Ok(json!({}))
    }

    /// The path of a bucket or an object. `None` for names that leave the folder.
    fn place(&self, bucket: &str, object: Option<&str>) -> Option<PathBuf> {
        let plain = |name: &str| {
            let sign = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !name.is_empty() && !name.starts_with('.') && name.chars().all(sign)
        };
        let named = plain(bucket) && object.is_none_or(plain);
        named.then(|| {
            object.map_or_else(|| self.folder.join(bucket), |o| self.folder.join(bucket).join(o))
        })
    }

    /// The file of `gs://BUCKET/OBJECT`, if it was uploaded here.
    pub(super) fn file(&self, uri: &str) -> Option<PathBuf> {
        let (bucket, object) = uri.strip_prefix("gs://")?.split_once('/')?;
        self.place(bucket, Some(object)).filter(|file| file.is_file())
    }
}

fn unnamed(name: &str) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, format!("{name:?} cannot be a name here"))
}

fn failed(error: &io::Error) -> (StatusCode, String) {
    (StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

/// Whether a file is an archive, by the names that App Hosting accepts.
pub(super) fn is_archive(file: &Path) -> bool {
    let name = file.to_string_lossy();
    [".zip", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// Maximum unpacked size of an archive, in bytes. No source is larger.
const MOST_UNPACKED: u64 = 2 * 1024 * 1024 * 1024;

/// Unpacks an archive. Writes only inside the folder; a symlink may point elsewhere, as in any source.
pub(super) async fn unpack(archive: &Path, into: &Path) -> Result<(), String> {
    let (archive, into) = (archive.to_owned(), into.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || {
        if archive.to_string_lossy().ends_with(".zip") {
            unzip(&archive, &into, MOST_UNPACKED)
        } else {
            untar(&archive, &into, MOST_UNPACKED)
        }
    });
    let unpacked = unpacked.await.map_err(|e| e.to_string())?;
    unpacked.map_err(|e| format!("it cannot be unpacked: {e}"))
}

fn too_large(most: u64) -> io::Error {
    io::Error::other(format!("it holds more than {most} bytes"))
}

fn untar(archive: &Path, into: &Path, most: u64) -> io::Result<()> {
    let bytes = GzDecoder::new(File::open(archive)?);
    // Allow one byte more than the limit, to detect that there is more.
    let mut bounded = bytes.take(most + 1);
    let unpacked = tar::Archive::new(&mut bounded).unpack(into);
    if bounded.limit() == 0 {
        return Err(too_large(most));
    }
    unpacked
}

/// Unpacks a zip file. The limit counts the bytes written, because the sizes in an archive's headers may be wrong.
fn unzip(archive: &Path, into: &Path, most: u64) -> io::Result<()> {
    let mut archive = ZipArchive::new(File::open(archive)?)?;
    let (mut left, mut links) = (most, Vec::new());
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at)?;
        let outside = || io::Error::other(format!("{:?} leads out of the archive", entry.name()));
        let to = into.join(entry.enclosed_name().ok_or_else(outside)?);
        if entry.is_dir() {
            fs::create_dir_all(&to)?;
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(into))?;
        let mode = entry.unix_mode().unwrap_or(0o644) & 0o777;
        let is_link = entry.is_symlink();
        let mut bounded = (&mut entry).take(left + 1);
        if is_link {
            let mut target = Vec::new();
            left = left
                .checked_sub(bounded.read_to_end(&mut target)? as u64)
                .ok_or_else(|| too_large(most))?;
            links.push((to, target));
        } else {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&to)?;
            left = left
                .checked_sub(io::copy(&mut bounded, &mut file)?)
                .ok_or_else(|| too_large(most))?;
        }
    }
    // Create symlinks last, so that no file is written through one.
    let root = fs::canonicalize(into)?;
    for (to, target) in links {
        let folder = fs::canonicalize(to.parent().unwrap_or(into))?;
        if !folder.starts_with(&root) {
            return Err(io::Error::other(format!("{} leads out of the archive", to.display())));
        }
        std::os::unix::fs::symlink(OsStr::from_bytes(&target), to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    #[test]
    fn stops_unpacking_an_oversized_archive() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("zeros"), vec![0; 3 << 20]).unwrap();
        let packed = dir.path().join("x.tar.gz");
        let rules = pointsman_source::Rules { without_ignored: false, state: None };
        fs::write(&packed, pointsman_source::pack(&source, rules, 1 << 20).unwrap()).unwrap();
        let into = dir.path().join("into");
        let said = untar(&packed, &into, 1 << 20).unwrap_err().to_string();
        assert!(said.contains("more than 1048576 bytes"), "{said}");
        untar(&packed, &into, 8 << 20).unwrap();
        assert_eq!(fs::metadata(into.join("zeros")).unwrap().len(), 3 << 20);
    }

    #[test]
    fn zip_limits_count_unpacked_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let packed = dir.path().join("x.zip");
        let zip = |entries: &[(&str, Option<&str>, Vec<u8>)]| {
            let mut zip = ZipWriter::new(File::create(&packed).unwrap());
            let options = SimpleFileOptions::default().unix_permissions(0o755);
            for (name, target, bytes) in entries {
                if let Some(target) = target {
                    zip.add_symlink(*name, *target, options).unwrap();
                } else {
                    zip.start_file(*name, options).unwrap();
                    zip.write_all(bytes).unwrap();
                }
            }
            zip.finish().unwrap();
        };
        let files = [("a/run.sh", None, b"true".to_vec()), ("link", Some("a"), Vec::new())];
        zip(&files);
        let into = dir.path().join("into");
        unzip(&packed, &into, 100).unwrap();
        let mode = fs::metadata(into.join("a/run.sh")).unwrap().permissions().mode();
        assert_eq!(
            (mode & 0o111, fs::read(into.join("link/run.sh")).unwrap()),
            (0o111, b"true".to_vec())
        );

        zip(&[("zeros", None, vec![0; 3 << 20])]);
        let mut bytes = fs::read(&packed).unwrap();
        // Set the unpacked size in both headers to one byte.
        let told = (3_u32 << 20).to_le_bytes();
        for at in 0..bytes.len() - 4 {
            if bytes[at..at + 4] == told {
                bytes[at..at + 4].copy_from_slice(&1_u32.to_le_bytes());
            }
        }
        fs::write(&packed, bytes).unwrap();
        let said = unzip(&packed, &dir.path().join("large"), 1 << 20).unwrap_err().to_string();
        assert!(!said.is_empty());
        let large = fs::metadata(dir.path().join("large/zeros")).unwrap().len();
        assert!(large <= (1 << 20) + 1, "{large}");

        zip(&[("out", Some("/tmp"), Vec::new()), ("out/x", Some("/etc/passwd"), Vec::new())]);
        let outside = dir.path().join("outside");
        unzip(&packed, &outside, 100).unwrap_err();
        zip(&[("../x", None, b"x".to_vec())]);
        assert!(unzip(&packed, &outside, 100).unwrap_err().to_string().contains("leads out"));
    }
}
