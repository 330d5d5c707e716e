//! As much of Cloud Storage as the firebase CLI needs to hand over a source: a bucket, and an archive that is put
//! into it. Kept in the emulator's folder, and unpacked by whoever builds from it.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use serde_json::{Value, json};
use tokio::process::Command;

/// Calls to it begin so: `FIREBASE_STORAGE_URL=http://127.0.0.1:PORT/gcs`.
pub(super) const PREFIX: &str = "/gcs/";

/// The archives of an emulator.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    folder: PathBuf,
}

impl Storage {
    pub(super) fn of(emulator: &Path) -> Self {
        Self { folder: emulator.join("storage") }
    }

    /// The state folder that all of this is in.
    pub(super) fn state(&self) -> &Path {
        self.folder.parent().and_then(Path::parent).unwrap_or(&self.folder)
    }

    /// Answers one call.
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

    /// Where a bucket or an object is. None for names that lead elsewhere.
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

    /// The file of `gs://BUCKET/OBJECT`, if it was put here.
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

/// Whether a file is an archive, by its name as App Hosting goes by it.
pub(super) fn is_archive(file: &Path) -> bool {
    let name = file.to_string_lossy();
    [".zip", ".tar.gz", ".tgz"].iter().any(|end| name.ends_with(end))
}

/// So much an archive may become: more is no source.
const MOST_UNPACKED: u64 = 2 * 1024 * 1024 * 1024;

/// Unpacks an archive. What is in it stays inside of the folder.
pub(super) async fn unpack(archive: &Path, into: &Path) -> Result<(), String> {
    if archive.to_string_lossy().ends_with(".zip") {
        return unzip(archive, into).await;
    }
    let (archive, into) = (archive.to_owned(), into.to_owned());
    let unpacked = tokio::task::spawn_blocking(move || untar(&archive, &into, MOST_UNPACKED));
    let unpacked = unpacked.await.map_err(|e| e.to_string())?;
    unpacked.map_err(|e| format!("it cannot be unpacked: {e}"))
}

fn untar(archive: &Path, into: &Path, most: u64) -> io::Result<()> {
    let bytes = GzDecoder::new(fs::File::open(archive)?);
    // One byte more than may be read tells whether there is more.
    let mut bounded = io::Read::take(bytes, most + 1);
    let unpacked = tar::Archive::new(&mut bounded).unpack(into);
    if bounded.limit() == 0 {
        return Err(io::Error::other(format!("it holds more than {most} bytes")));
    }
    unpacked
}

async fn unzip(archive: &Path, into: &Path) -> Result<(), String> {
    let said = run("unzip", &[OsStr::new("-Zt"), archive.as_os_str()]).await?;
    // "3 files, 1234 bytes uncompressed, 400 bytes compressed:  67.6%"
    let told = said.split(", ").nth(1).and_then(|part| part.split(' ').next());
    let bytes = told.and_then(|bytes| bytes.parse::<u64>().ok());
    match bytes {
        Some(bytes) if bytes <= MOST_UNPACKED => {}
        Some(bytes) => return Err(format!("it cannot be unpacked: it holds {bytes} bytes")),
        None => return Err("it cannot be unpacked: its size is not told".to_owned()),
    }
    let arguments = ["-q", "-o"].map(OsStr::new);
    let rest = [archive.as_os_str(), OsStr::new("-d"), into.as_os_str()];
    run("unzip", &[&arguments[..], &rest].concat()).await.map(drop)
}

async fn run(program: &str, arguments: &[&OsStr]) -> Result<String, String> {
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await;
    let output =
        done.map_err(|e| format!("{program}, which unpacks it, cannot be started: {e}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} cannot unpack it: {}", said.trim().lines().last().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_that_becomes_too_large_is_not_unpacked_whole() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("zeros"), vec![0; 3 << 20]).unwrap();
        let packed = dir.path().join("x.tar.gz");
        let rules = crate::source::Rules { without_ignored: false, state: None };
        fs::write(&packed, crate::source::pack(&source, rules, 1 << 20).unwrap()).unwrap();
        let into = dir.path().join("into");
        let said = untar(&packed, &into, 1 << 20).unwrap_err().to_string();
        assert!(said.contains("more than 1048576 bytes"), "{said}");
        untar(&packed, &into, 8 << 20).unwrap();
        assert_eq!(fs::metadata(into.join("zeros")).unwrap().len(), 3 << 20);
    }
}
