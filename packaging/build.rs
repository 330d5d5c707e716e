//! Names the commit that a release build is made from. Development builds name none: they would be linked again
//! after each commit.

#![expect(clippy::disallowed_methods, reason = "cargo passes everything in the environment")]

use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=POINTSMAN_COMMIT");
    println!("cargo::rerun-if-changed=packaging/build.rs");
    let given = std::env::var("POINTSMAN_COMMIT").ok();
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = given.or_else(|| release.then(commit).flatten());
    if let Some(commit) = commit {
        println!("cargo::rustc-env=POINTSMAN_COMMIT={commit}");
    }
}

/// The commit of this folder's own repository, and not of one that it lies in as a download.
fn commit() -> Option<String> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let root = git(&["rev-parse", "--show-toplevel"])?;
    let own = std::fs::canonicalize(std::env::var_os("CARGO_MANIFEST_DIR")?).ok()?;
    if std::fs::canonicalize(root).ok()? != own {
        return None;
    }
    for file in ["HEAD", "logs/HEAD"] {
        println!("cargo::rerun-if-changed={}", git(&["rev-parse", "--git-path", file])?);
    }
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changed.is_empty() { commit } else { format!("{commit}+changes") })
}
