//! What a fuzzer feeds: everything that reads what others wrote. Each module has `run`, which must neither panic nor hang,
//! whatever its input. `cargo test` runs each on its corpus and on small changes of it (`tests/it/corpus.rs`);
//! `cargo fuzz run NAME` finds more from there (CONTRIBUTING.md).

/// A config that is valid in any folder.
pub(crate) const CONFIG: &str = "version: 1
projects: { toto-f9d2f: { environment: production, region: us-central1 } }
services:
  toto-app: { root: ., backend: toto-app, health: { path: /api/health, version: /version, revision: /revision } }
environments:
  development:
    protection: open
    platform: { kind: app-hosting, endpoint: emulator, project: demo-toto, location: us-central1 }
    services: { toto-app: { url: 'http://localhost:4000' } }
  production:
    protection: typed
    platform: { kind: app-hosting, location: us-central1, project: toto-f9d2f }
    services: { toto-app: { url: 'https://app.invalid' } }
releases: { kind: list, labels: ['1.0.0'] }
";

pub mod answers;
pub mod apphosting;
pub mod config;
pub mod journal;
pub mod keys;
pub mod log_text;
pub mod migrations;
