//! Only time in which somebody looked is watched time, and what a health answer says of itself counts.

use std::process::Command;

use crate::sandbox::{Sandbox, wait_until};

#[test]
fn a_runner_that_was_stopped_in_a_soak_watches_as_long_as_it_should() {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, timeout: 500ms, consecutive: 2 }\n    attest: { consecutive: 3, interval: 20ms }\n    soak: { for: 3s, interval: 100ms }",
    );
    let child =
        sandbox.command(&["deploy", "development", "--release", "1.0.0", "--yes"]).spawn().unwrap();
    let pid = child.id().to_string();
    let kill = |signal: &str| {
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    };
    wait_until("it soaks", || {
        let facts = sandbox.run(&["events", "1"]).out;
        facts.lines().last().is_some_and(|line| line.contains("soak"))
    });
    kill("-STOP");
    // Longer than the soak, and than what counts as a late sample.
    assert!(Command::new("sleep").arg("5").status().unwrap().success());
    kill("-CONT");
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let facts = sandbox.run(&["events", "1"]).exits(0).out;
    let soak = facts.lines().find(|line| line.contains("soak says pass")).unwrap();
    assert!(soak.contains("without samples not counted"), "{soak}");
    let events = sandbox.run(&["events", "1", "--json"]).exits(0).out;
    let at = |kind: &str, step: &str| {
        let line = events.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        let found = line.filter(|f| f["kind"] == kind && f["step"] == step).next_back().unwrap();
        found["elapsed_ms"].as_u64().unwrap()
    };
    let took = at("step-finished", "soak") - at("step-started", "soak");
    assert!(took >= 8_000, "3 s watched and 5 s that nobody saw: {took} ms");
}
