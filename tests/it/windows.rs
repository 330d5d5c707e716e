//! Files saved by Windows editors, with a byte order mark and CRLF line endings, read like any others.

use std::fs;
use std::path::{Path, PathBuf};

use super::sandbox::Sandbox;

/// Copies a folder with a byte order mark and CRLF in every file.
fn saved_there(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(|entry| entry.unwrap()) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            saved_there(&from, &to);
        } else {
            fs::write(to, marked(&fs::read_to_string(&from).unwrap())).unwrap();
        }
    }
}

fn marked(text: &str) -> String {
    format!("\u{feff}{}", text.replace('\n', "\r\n"))
}

/// A sandbox with a converted copy of the example's files, and a database.
fn place() -> (Sandbox, PathBuf) {
    let sandbox = Sandbox::new();
    let folder = sandbox.folder.path().to_owned();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    saved_there(&root, &folder.join("toto"));
    let file = folder.join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text.replace(&root.display().to_string(), "toto").replacen(
        "  production:",
        "    databases: { main: { kind: firestore, project: demo-toto, endpoint: emulator, migrations: toto/migrations } }\n  production:",
        1,
    );
    fs::write(&file, marked(&text)).unwrap();
    (sandbox, folder)
}

#[test]
fn files_with_bom_and_crlf_read_alike() {
    let (sandbox, folder) = place();
    let check = sandbox.run(&["check"]);
    assert_eq!(check.code, 0, "{}{}", check.out, check.err);
    let theirs = sandbox.run(&["lint", "--json"]).out;
    assert!(!theirs.contains("feff") && !theirs.contains("cannot be read"), "{theirs}");
    sandbox.deploy("1.0.0").exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
    let status = ["migrate", "status", "development", "--json"];
    let before = sandbox.run(&status).exits(0).json();
    assert!(
        before["databases"][0]["migrations"].as_array().is_some_and(|all| all.len() == 3),
        "{before}"
    );
    // If git converts line endings, the migrations do not count as edited.
    for name in ["1.0.0_initial-schema", "1.1.0_user-roles", "1.2.0_drop-legacy-role"] {
        let file = folder.join(format!("toto/migrations/{name}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.trim_start_matches('\u{feff}').replace("\r\n", "\n")).unwrap();
    }
    assert_eq!(sandbox.run(&status).exits(0).json(), before);
}

#[test]
fn theme_with_bom_and_crlf_loads() {
    let sandbox = Sandbox::new();
    let theme = sandbox.folder.path().join("own.YAML");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("themes/nord.yaml");
    fs::write(&theme, marked(&fs::read_to_string(shipped).unwrap())).unwrap();
    sandbox.run(&["theme", "check", theme.to_str().unwrap()]).exits(0);
}
