//! A store that is damaged, replaced or shared is said to be, and stops as little as it can.

use std::fs;

use crate::sandbox::{Sandbox, wait_until};

fn sql(sandbox: &Sandbox, statement: &str) {
    let store = rusqlite::Connection::open(sandbox.state().join("store.db")).unwrap();
    assert!(store.execute(statement, []).unwrap() > 0, "{statement}");
}

#[test]
fn damaged_record_blocks_only_its_run() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    sql(&sandbox, "UPDATE facts SET data = replace(data, 'promoted', 'promotet') WHERE run = 1");
    let named = "run #1 is damaged and left out";
    let status = sandbox.run(&["status", "development"]).exits(0);
    assert!(status.err.contains(named) && status.out.contains("to 1.0.0"), "{}", status.out);
    for verb in [&["history"][..], &["plan", "development", "--release", "1.2.0"], &["handover"]] {
        let said = sandbox.run(verb).exits(0);
        assert!(verb[0] == "plan" || said.err.contains(named), "{verb:?}: {}", said.err);
    }
    let json = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert!(json["damaged"][0].as_str().unwrap().contains(named), "{json}");
    let doctor = sandbox.run(&["doctor"]);
    assert!(
        format!("{}{}", doctor.out, doctor.err).contains("run #1 is damaged"),
        "{}",
        doctor.out
    );
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
}

#[test]
fn rollback_works_with_every_run_damaged() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    sql(&sandbox, "UPDATE facts SET data = replace(data, 'promoted', 'promotet')");
    let back = sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert!(back.err.contains("run #2 is damaged"), "{}", back.err);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
}

#[test]
fn deleted_or_replaced_store_stops_the_run() {
    for replace in [false, true] {
        let sandbox = Sandbox::with_deploy(
            "health: { attempts: 8, interval: 100ms, consecutive: 2 }\n    attest: { consecutive: 3, interval: 20ms }\n    soak: { for: 60s, interval: 100ms }",
        );
        let file = sandbox.state().join("store.db");
        sandbox.run(&["history"]).exits(0);
        let copy = sandbox.state().join("copy");
        fs::copy(&file, &copy).unwrap();
        let child = sandbox
            .command(&["deploy", "development", "--release", "1.0.0", "--yes"])
            .spawn()
            .unwrap();
        wait_until("it soaks", || {
            let facts = sandbox.run(&["events", "1"]).out;
            facts.lines().last().is_some_and(|line| line.contains("soak"))
        });
        fs::remove_file(&file).unwrap();
        if replace {
            fs::rename(&copy, &file).unwrap();
        }
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(7), "{said}");
        assert!(said.contains("the store was deleted or replaced"), "{said}");
        assert!(said.contains("rollback"), "the way out is printed: {said}");
    }
}

#[test]
fn stuck_writer_blocks_no_reader() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let writer = rusqlite::Connection::open(sandbox.state().join("store.db")).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    sandbox.run(&["status", "development"]).exits(0);
    assert!(sandbox.run(&["history"]).exits(0).out.contains("promoted"));
    sandbox.run(&["verify", "1"]).exits(0);
}

/// What a disk without room does, done without one: `SQLite` cannot make its WAL.
#[test]
fn read_only_store_is_reported_as_old() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    let file = sandbox.state().join("store.db");
    let store = rusqlite::Connection::open(&file).unwrap();
    store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(store);
    let wal = sandbox.state().join("store.db-wal");
    let _ = fs::remove_file(&wal);
    fs::create_dir(&wal).unwrap();
    let old = "the store can only be read, as it was at its last checkpoint";
    for verb in [&["status", "development"][..], &["handover", "development"], &["history"]] {
        let said = sandbox.run(verb).exits(0);
        assert!(said.err.contains(old), "{verb:?}: {}", said.err);
    }
    let json = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert!(json["behind"].as_str().unwrap().contains(old), "{json}");
    let back = sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    assert!(
        back.err.contains(&format!("Part of the history could not be read: {old}")),
        "{}",
        back.err
    );
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
    fs::remove_dir(&wal).unwrap();
    let json = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(json["behind"], serde_json::Value::Null);
    // Another trouble is no reason to show an old state.
    fs::write(&file, "no database").unwrap();
    sandbox.run(&["history"]).exits(1);
}

#[test]
fn projects_have_separate_state() {
    let (a, b) = (Sandbox::new(), Sandbox::new());
    let home = tempfile::tempdir().unwrap();
    let run = |sandbox: &Sandbox, arguments: &[&str]| {
        let program = env!("CARGO_BIN_EXE_pointsman");
        let mut command = std::process::Command::new(program);
        command.arg("--config").arg(sandbox.folder.path().join("config.yaml")).args(arguments);
        command.env("XDG_STATE_HOME", home.path()).env_remove("POINTSMAN_STATE_DIR");
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    run(&a, &["lock", "development", "take", "--reason", "only a"]);
    assert!(run(&a, &["status", "development"]).contains("only a"));
    assert!(!run(&b, &["status", "development"]).contains("only a"));
    for sandbox in [&a, &b] {
        let file = sandbox.folder.path().join("config.yaml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("name: shop\n{text}")).unwrap();
    }
    run(&a, &["lock", "development", "take", "--reason", "of the shop"]);
    assert!(run(&b, &["status", "development"]).contains("of the shop"), "one project, two places");
    assert!(home.path().join("pointsman/shop/store.db").exists());
    // What an earlier version kept for all projects is still found: a rollback needs it.
    let old = tempfile::tempdir().unwrap();
    let store = old.path().join("pointsman/store.db");
    fs::create_dir_all(store.parent().unwrap()).unwrap();
    fs::copy(home.path().join("pointsman/shop/store.db"), &store).unwrap();
    let said = |config: &std::path::Path, verb: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_pointsman"));
        command.arg("--config").arg(config).args(verb);
        command.env("XDG_STATE_HOME", old.path()).env_remove("POINTSMAN_STATE_DIR");
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let config = a.folder.path().join("config.yaml");
    assert!(said(&config, &["status", "development"]).contains("of the shop"));
    // Without a config none is made there that would be taken for one.
    fs::remove_file(&store).unwrap();
    said(&old.path().join("none.yaml"), &["history"]);
    assert!(!store.exists());
}
