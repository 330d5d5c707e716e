//! Third-party programs that some tests need. If one is missing, the test reports it.

use std::io::Write as _;
use std::path::PathBuf;

/// The variable for the folder in which `.ci/run` installs them.
const FOLDER: &str = "POINTSMAN_TEST_TOOLS";

/// Reports why a test was skipped, past the output capture of the test runner.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A program in that folder. `None` if it is missing.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(FOLDER).map(|folder| PathBuf::from(folder).join(name));
    let found = found.filter(|file| file.exists());
    if found.is_none() {
        skipped(&format!("{FOLDER} names no folder with {name} in it"));
    }
    found
}
