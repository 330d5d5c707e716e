//! Leases: runners that are stopped, killed, waited for and driven by hand, all as real processes.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::sandbox::{Sandbox, wait_until};

fn live(sandbox: &Sandbox) -> [Result<String, u16>; 2] {
    [sandbox.app, sandbox.bo].map(|port| Sandbox::who(port).map(|who| who.0))
}

fn both(release: &str) -> [Result<String, u16>; 2] {
    [Ok(release.to_owned()), Ok(release.to_owned())]
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn facts(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    let out = sandbox.run(&["events", run, "--json"]).out;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn slow_soak(sandbox: &Sandbox) {
    sandbox.write_config(
        "soak: { for: 60s, interval: 100ms }\n    health: { interval: 100ms }\n    \
         attest: { consecutive: 3, interval: 20ms }",
        "{ kind: list, labels: [\"1.0.0\", \"1.1.0\"] }",
    );
}

/// Makes the lease look expired, as after a long suspension of the runner.
fn age_lease(sandbox: &Sandbox, run: &str) {
    let connection = rusqlite::Connection::open(sandbox.state().join("store.db")).unwrap();
    let changed = connection
        .execute("UPDATE runs SET renewed = '2020-01-01T00:00:00Z' WHERE number = ?1", [run])
        .unwrap();
    assert_eq!(changed, 1);
}

#[test]
fn runner_stopped_past_its_lease_has_no_effect() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    slow_soak(&sandbox);
    let detached = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach", "--json"];
    let pid = sandbox.run(&detached).exits(0).json()["pid"].to_string();
    let soaks = || facts(&sandbox, "2").last().is_some_and(|f| f["step"] == "soak");
    wait_until("it soaks", soaks);
    kill("-STOP", &pid);
    age_lease(&sandbox, "2");
    let refused = sandbox.run(&["rollback", "development", "--yes"]).exits(4);
    assert!(refused.err.contains("its lease expired"), "{}", refused.err);
    let reason = ["rollback", "development", "--yes", "--take-over", "--reason", "it hangs"];
    sandbox.run(&reason).exits(0);
    assert_eq!(live(&sandbox), both("1.0.0"));
    let before = facts(&sandbox, "2").len();
    kill("-CONT", &pid);
    let gone = || !std::path::Path::new("/proc").join(&pid).join("exe").exists();
    wait_until("the woken runner has gone", gone);
    assert_eq!(facts(&sandbox, "2").len(), before, "not one fact more");
    assert_eq!(live(&sandbox), both("1.0.0"), "and no effect");
}

/// Runs a command and kills it with SIGKILL once its run has a number of facts. `false`: the run ended before.
fn killed_at(sandbox: &Sandbox, arguments: &[&str], run: &str, at: usize) -> bool {
    let mut child = sandbox.command(arguments).spawn().unwrap();
    wait_until("it is far enough, or over", || {
        facts(sandbox, run).len() >= at || child.try_wait().unwrap().is_some()
    });
    let _ = child.kill();
    let _ = child.wait();
    sandbox.run(&["status", "development", "--json"]).json()["run"]["state"] == "in_doubt"
}

#[test]
fn killed_rollback_finishes_from_any_point() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let mut doubts = 0;
    for (n, at) in (2..=16).step_by(2).enumerate() {
        let (to, run) = (["1.0.0", "1.1.0"][n % 2], (n + 3).to_string());
        let to_bad = ["--override", "bad", "--reason", "sweep"];
        let arguments = [&["rollback", "development", "--to", to, "--yes"], &to_bad[..]].concat();
        if killed_at(&sandbox, &arguments, &run, at) {
            doubts += 1;
            sandbox.run(&["resume", &run, "--yes"]).exits(0);
        }
        assert_eq!(live(&sandbox), both(to), "killed at fact {at}");
        let built = facts(&sandbox, &run).iter().any(|f| f["kind"] == "build-requested");
        assert!(!built, "a rollback builds nothing");
    }
    assert!(doubts > 2, "{doubts} kills came in time");
}

#[test]
fn killed_clean_up_finishes_and_keeps_live_builds() {
    let sandbox = Sandbox::new();
    let mut doubts = 0;
    for (n, at) in [2, 4, 6, 8].into_iter().enumerate() {
        let release = format!("1.{n}.0");
        sandbox.deploy(&release).exits(0);
        let run = (2 * n + 2).to_string();
        let arguments = ["cleanup", "development", "--reason", "sweep", "--yes"];
        if killed_at(&sandbox, &arguments, &run, at) {
            doubts += 1;
            sandbox.run(&["resume", &run, "--yes"]).exits(0);
        }
        assert_eq!(live(&sandbox), both(&release), "killed at fact {at}");
    }
    assert!(doubts > 0, "no kill came in time");
}

#[test]
fn lock_wait_gets_the_lock_when_free() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    slow_soak(&sandbox);
    let detached = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach"];
    sandbox.run(&detached).exits(0);
    let waits = ["deploy", "development", "--release", "1.2.0", "--yes", "--lock-wait", "300ms"];
    sandbox.run(&waits).exits(4);
    // The command waits for a live lease instead of taking it over.
    let waits = "rollback development --to 1.0.0 --yes --lock-wait 60s --take-over --reason stuck"
        .split(' ');
    let waits: Vec<_> = waits.collect();
    let waiting = sandbox.command(&waits).spawn().unwrap();
    wait_until("it soaks", || facts(&sandbox, "2").last().is_some_and(|f| f["step"] == "soak"));
    sandbox.run(&["abort", "2"]).exits(0);
    // The abort already rolled back, so the waiting rollback fails for that reason and not with "locked".
    let ended = waiting.wait_with_output().unwrap();
    assert_ne!(ended.status.code(), Some(4), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(live(&sandbox), both("1.0.0"));
}

#[test]
fn plain_terminal_drives_a_run() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    slow_soak(&sandbox);
    let detached = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach"];
    sandbox.run(&detached).exits(0);
    let mut attached =
        sandbox.command(&["attach", "2", "--plain"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut words = attached.stdin.take().unwrap();
    let state = || sandbox.run(&["status", "development", "--json"]).json()["run"]["state"].clone();
    wait_until("it soaks", || facts(&sandbox, "2").last().is_some_and(|f| f["step"] == "soak"));
    // A declined rollback, an unknown command, and then a confirmed rollback.
    for line in ["rollback", "n", "roll it", "rollback", "y"] {
        writeln!(words, "{line}").unwrap();
    }
    wait_until("it is over", || state().is_null());
    let ended = attached.wait_with_output().unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert_eq!(ended.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("command: roll back") && out.contains("ended: rolled back"), "{out}");
    assert!(err.contains("nothing was sent") && err.contains("unknown command"), "{err}");
    assert_eq!(live(&sandbox), both("1.0.0"));
}

#[test]
fn failed_step_skips_with_a_reason_where_allowed() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let detached = ["deploy", "development", "--release", "1.2.0-broken", "--yes", "--detach"];
    sandbox.run(&detached).exits(0);
    let state = || sandbox.run(&["status", "development", "--json"]).json()["run"]["state"].clone();
    wait_until("it failed and waits", || state() == "step_failed");
    sandbox.run(&["skip", "2"]).exits(2);
    let empty = sandbox.run(&["skip", "2", "--reason", " "]).exits(3);
    assert!(empty.err.contains("needs a reason"), "{}", empty.err);
    // Skipping the verification promotes an unverified build; the soak rolls it back automatically.
    sandbox.run(&["skip", "2", "--reason", "the check itself is wrong"]).exits(0);
    wait_until("it is over, or waits again", || state() == "step_failed" || state().is_null());
    let kinds = facts(&sandbox, "2");
    assert!(kinds.iter().any(|f| f["kind"] == "step-skipped"));
    assert_eq!(live(&sandbox), both("1.0.0"));
}

#[test]
fn typed_gate_needs_its_name_on_the_command_line() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let config = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replacen("protection: open", "protection: typed", 1)).unwrap();
    slow_soak_typed(&sandbox);
    let detached = [
        "deploy",
        "development",
        "--release",
        "1.1.0",
        "--yes",
        "--confirm",
        "development",
        "--detach",
    ];
    sandbox.run(&detached).exits(0);
    wait_until("it soaks", || facts(&sandbox, "2").last().is_some_and(|f| f["step"] == "soak"));
    let refused = sandbox.run(&["retry", "2", "--yes"]).exits(3);
    assert!(refused.err.contains("development"), "{}", refused.err);
    sandbox.run(&["approve", "2", "--confirm", "production", "--yes"]).exits(3);
    // With the right name, the run itself refuses, because it is at no gate.
    let asked = sandbox.run(&["approve", "2", "--confirm", "development", "--yes"]).exits(3);
    assert!(asked.err.contains("run #2 refuses"), "{}", asked.err);
}

fn slow_soak_typed(sandbox: &Sandbox) {
    let config = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(
        &config,
        text.replace("for: 300ms", "for: 60s").replace("[\"1.0.0\"]", "[\"1.0.0\", \"1.1.0\"]"),
    )
    .unwrap();
}

#[test]
fn concurrent_store_creation_succeeds_everywhere() {
    for _ in 0..8 {
        let sandbox = Sandbox::new();
        let take = ["lock", "development", "take", "--reason", "race"];
        let all: Vec<_> = (0..10).map(|_| sandbox.command(&take).spawn().unwrap()).collect();
        for child in all {
            let output = child.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(matches!(output.status.code(), Some(0 | 4)), "{said}");
        }
    }
}
