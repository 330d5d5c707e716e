//! Creating the files.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::domain::code::Code;
use crate::domain::error::Problem;

/// A file to create, relative to the config's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewFile {
    pub path: PathBuf,
    pub text: String,
}

/// Creates the files. A file that exists by now is never overwritten: the files before it stay, and the error
/// names it.
pub fn write(folder: &Path, files: &[NewFile]) -> Result<(), Problem> {
    for file in files {
        let path = folder.join(&file.path);
        let created = OpenOptions::new().write(true).create_new(true).open(&path);
        created.and_then(|mut to| to.write_all(file.text.as_bytes())).map_err(|error| {
            let problem = Problem::new(format!("{} could not be written", file.path.display()));
            match error.kind() {
                io::ErrorKind::AlreadyExists => problem
                    .code(Code::WOULD_OVERWRITE)
                    .because("it exists, and existing files are never changed")
                    .try_this("pointsman check"),
                _ => problem.because(error.to_string()),
            }
        })?;
    }
    Ok(())
}
