//! Only time between samples counts as watched, and the health word of an answer counts.

use std::process::Command;

use crate::sandbox::{Sandbox, wait_until};

#[test]
fn stopped_runner_completes_its_soak_time() {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, timeout: 500ms, consecutive: 2 }\n    attest: { consecutive: 3, interval: 20ms }\n    soak: { for: 3s, interval: 100ms }",
    );
    let child =
        sandbox.command(&["deploy", "development", "--release", "1.0.0", "--yes"]).spawn().unwrap();
    let pid = child.id().to_string();
    let kill = |signal: &str| {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    // A gap lies between two rounds of samples, so the first one must be complete. The fact that the soak started
    // comes before it.
    wait_until("it soaks", || {
        let facts = sandbox.run(&["events", "1"]).out;
        let soaks = facts.lines().last().is_some_and(|line| line.contains("soak"));
        let progress = std::fs::read_to_string(sandbox.state().join("runs/1/progress.json"));
        soaks && progress.is_ok_and(|told| told.contains("samples"))
    });
    kill("-STOP");
    // Longer than the soak, and than what counts as a late sample.
    assert!(Command::new("sleep").arg("5").status().unwrap().success());
    kill("-CONT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let facts = sandbox.run(&["events", "1"]).exits(0).out;
    let soak = facts.lines().find(|line| line.contains("soak passed")).unwrap();
    assert!(soak.contains("without samples not counted"), "{soak}");
    let events = sandbox.run(&["events", "1", "--json"]).exits(0).out;
    let at = |kind: &str, step: &str| {
        let mut line =
            events.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        let found = line.rfind(|f| f["kind"] == kind && f["step"] == step).unwrap();
        found["elapsed_ms"].as_u64().unwrap()
    };
    let took = at("step-finished", "soak") - at("step-started", "soak");
    assert!(took >= 8_000, "3 s watched and 5 s without samples: {took} ms");
}

/// Controls by number alone answer while no name is found.
#[test]
fn unnamed_control_probes_warn() {
    let sandbox = Sandbox::new();
    sandbox.write_config("soak: { for: 1s }", "{ kind: list }");
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let with = |controls: &str| {
        let key = format!("    control: [{controls}]\n    protection: open");
        std::fs::write(&file, text.replacen("    protection: open", &key, 1)).unwrap();
        sandbox.run(&["check", "--json"]).exits(0).json()["findings"].clone()
    };
    let found = with("'tcp://1.1.1.1:443', 'tcp://[2606:4700::1111]:443'");
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("no control target has a name"), "{found}");
    assert_eq!(found[0]["severity"], "warning");
    assert!(found[0]["line"].as_u64().unwrap() > 1, "{found}");
    assert_eq!(with("'tcp://1.1.1.1:443', 'tcp://dns.google:443'"), serde_json::json!([]));
}
