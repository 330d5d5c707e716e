//! Programs of others that a few tests run ours against. Where they are missing, the test reports it.

use std::io::Write as _;
use std::path::PathBuf;

/// The folder in which `.ci/run` installs them.
const FOLDER: &str = "POINTSMAN_TEST_TOOLS";

/// Says why a test was not run, past what the test runner keeps to itself.
pub(crate) fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// A program of that folder.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let found = std::env::var_os(FOLDER).map(|folder| PathBuf::from(folder).join(name));
    let found = found.filter(|file| file.exists());
    if found.is_none() {
        skipped(&format!("{FOLDER} names no folder with {name} in it"));
    }
    found
}
