//! `config.yaml`, as people write it.

use std::path::Path;

use pointsman::config::load_text;

/// Loads a config, and resolves each of its environments.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match load_text(&text, Path::new("config.yaml")) {
        Ok(loaded) => {
            for name in loaded.environments() {
                let _ = loaded.spec(name);
            }
        }
        Err(findings) => {
            assert!(!findings.findings.is_empty(), "refused without a reason");
            // YAML ends a line at a carriage return too.
            let lines = text.matches(['\n', '\r']).count() + 1;
            for finding in &findings.findings {
                assert!(finding.line <= lines + 1, "{} is not in {lines} lines", finding.line);
            }
            let _ = findings.to_string();
        }
    }
}
