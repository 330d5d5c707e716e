//! `apphosting.yaml` and the file of an environment, separated by a line `%%`.

use std::path::PathBuf;

use pointsman::config::{declared, limits, lint_texts, merged};

/// Lints both, and merges them.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (base, own) = text.split_once("\n%%\n").unwrap_or((&text, ""));
    let file = |name: &str, text: &str| (PathBuf::from(name), Ok(text.to_owned()));
    let files = [file("apphosting.yaml", base), file("apphosting.production.yaml", own)];
    for findings in lint_texts(files.clone()) {
        let _ = findings.to_string();
    }
    let _ = (declared(&files), limits(&files), merged(&files));
}
