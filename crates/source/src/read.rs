//! Reads text files that people wrote.

use std::fs;
use std::io;
use std::path::Path;

/// The text of a regular file, without the byte order mark that editors on other systems add.
///
/// # Errors
/// Any error of the system. Rejects a pipe or a device, because reading one may never end.
pub fn text(file: &Path) -> io::Result<String> {
    if !fs::metadata(file)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let text = fs::read_to_string(file)?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(rest) => rest.to_owned(),
        None => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_pipes_and_strips_a_bom() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("apphosting.yaml");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert!(text(&pipe).unwrap_err().to_string().contains("no regular file"));
        let marked = dir.path().join("marked.yaml");
        fs::write(&marked, "\u{feff}a: 1\r\n").unwrap();
        assert_eq!(text(&marked).unwrap(), "a: 1\r\n");
    }
}
