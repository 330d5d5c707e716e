//! `--read-only` changes nothing, with or without a screen.

use super::sandbox::Sandbox;

#[test]
fn read_only_refuses_every_act_and_allows_every_read() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let before = sandbox.run(&["events", "1", "--json"]).exits(0).out;
    let acts: [&[&str]; 20] = [
        &["deploy", "development", "--release", "1.0.0", "--yes"],
        &["rollback", "development", "--yes"],
        &["cleanup", "development", "--yes"],
        &["resume", "1", "--yes"],
        &["approve", "1", "--yes"],
        &["pause", "1"],
        &["retry", "1", "--yes"],
        &["skip", "1", "--reason", "x", "--yes"],
        &["abort", "1"],
        &["lock", "development", "take", "--reason", "x"],
        &["migrate", "up", "development", "--yes"],
        &["migrate", "down", "development", "--to", "0.0.0", "--yes"],
        &["checklist", "1", "tick", "x"],
        &["health", "development", "--mute", "toto-app", "--for", "1h", "--reason", "x"],
        &["alerts", "test"],
        &["alerts", "silence", "--for", "1h", "--reason", "x"],
        &["pipeline", "development", "dispatch", "--yes"],
        &["pipeline", "development", "run"],
        &["emulator", "stop"],
        &["runner", "1"],
    ];
    for act in acts {
        let mut arguments = vec!["--read-only"];
        arguments.extend(act);
        let refused = sandbox.run(&arguments).exits(3);
        assert!(refused.err.contains("--read-only refuses changes"), "{act:?}: {}", refused.err);
    }
    let looks: [&[&str]; 10] = [
        &["check"],
        &["plan", "development", "--release", "1.0.0"],
        &["status", "development"],
        &["history"],
        &["report", "1"],
        &["logs", "1"],
        &["verify", "1"],
        &["lock", "development"],
        &["alerts"],
        &["emulator", "status"],
    ];
    for look in looks {
        let mut arguments = vec!["--read-only"];
        arguments.extend(look);
        sandbox.run(&arguments).exits(0);
    }
    assert_eq!(sandbox.run(&["events", "1", "--json"]).exits(0).out, before);
    assert_eq!(sandbox.run(&["history", "--json"]).json().as_array().unwrap().len(), 1);
    assert!(Sandbox::who(sandbox.app).is_ok());
}
