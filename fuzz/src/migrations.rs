//! Migration files, as people write them.

use pointsman::config::migrations;

/// Reads a folder with one migration.
pub fn run(data: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("1.0.0_x.yaml"), data).unwrap();
    match migrations(folder.path()) {
        Ok(read) => {
            for migration in read {
                let _ = serde_json::to_string(&migration).unwrap();
            }
        }
        Err(findings) => {
            assert!(!findings.findings.is_empty(), "refused without a reason");
            let _ = findings.to_string();
        }
    }
}
