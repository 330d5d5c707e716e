//! `--version --json`: identifies the program, for bug reports and package tests.

use serde_json::{Value, json};

/// The commit of a release build. `None` for development builds and for builds outside a git repository.
const COMMIT: Option<&str> = option_env!("POINTSMAN_COMMIT");

/// The version, the commit and the kind of build.
pub(super) fn json() -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "commit": COMMIT.filter(|commit| !commit.is_empty()),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    })
}
