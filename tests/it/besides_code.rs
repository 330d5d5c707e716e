//! What a build carries besides its code: shown before a switch, and refused where it is that of another environment.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::misbehaving::{Platform, changed};
use super::sandbox::Sandbox;

/// Copies toto-app's files into the sandbox, so that a test may change them.
pub(crate) fn own_folder(sandbox: &Sandbox) -> PathBuf {
    let from = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/toto/toto-app");
    let to = sandbox.folder.path().join("toto-app");
    fs::create_dir_all(&to).unwrap();
    for name in ["apphosting.yaml", "apphosting.emulator.yaml"] {
        fs::copy(format!("{from}/{name}"), to.join(name)).unwrap();
    }
    let config = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replace(from, &to.display().to_string())).unwrap();
    to
}

fn compared(sandbox: &Sandbox, run: &str) -> Vec<Value> {
    let events = sandbox.run(&["events", run, "--json"]).exits(0).out;
    let facts = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    facts.filter(|fact| fact["kind"] == "config-compared").map(|f| f["data"].clone()).collect()
}

#[test]
fn changed_variables_and_limits_are_shown_before_the_switch() {
    let sandbox = Sandbox::new();
    let folder = own_folder(&sandbox);
    sandbox.deploy("1.0.0").exits(0);
    assert_eq!(compared(&sandbox, "1"), Vec::<Value>::new(), "there was nothing to compare with");
    let file = folder.join("apphosting.emulator.yaml");
    let text = fs::read_to_string(&file).unwrap();
    let text = text
        .replace("NODE_ENV, value: \"development\"", "NODE_ENV, value: \"test\"")
        .replace("JWT_SECRET, value: \"dummy\"", "JWT_SECRET, value: \"hush-hush\"");
    let text = format!(
        "runConfig: {{ cpu: 4, memoryMiB: 2048 }}\n{text}  - {{ variable: NEW_FLAG, value: \"on\" }}\n"
    );
    fs::write(&file, text).unwrap();
    let plan = sandbox.run(&["plan", "development", "--release", "1.1.0"]).exits(0).out;
    assert!(plan.contains("Besides code, toto-app: NODE_ENV: development → test."), "{plan}");
    assert!(!plan.contains("toto-bo: ") && !plan.contains("hush-hush"), "{plan}");
    let said = sandbox.deploy("1.1.0").exits(0);
    let facts = compared(&sandbox, "2");
    let of = |service: &str| facts.iter().find(|fact| fact["service"] == service).unwrap();
    assert_eq!(of("toto-bo")["changes"], json!([]));
    let changes: Vec<String> = of("toto-app")["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| format!("{} {} {}", c["item"], c["from"], c["to"]).replace('"', ""))
        .collect();
    assert_eq!(
        changes,
        [
            "cpu the default 4",
            "memory MiB the default 2048",
            "JWT_SECRET a value that is not shown another value that is not shown",
            "NEW_FLAG null on",
            "NODE_ENV development test",
        ]
    );
    // The log of the run and the report say it too; a hidden value is nowhere.
    let report = sandbox.run(&["report", "2"]).exits(0).out;
    assert!(report.contains("| toto-app | NODE_ENV | development | test |"), "{report}");
    let events = sandbox.run(&["events", "2", "--json"]).exits(0).out;
    assert!(events.contains("besides code: cpu, memory MiB, JWT_SECRET and 2 more"), "{events}");
    assert!(!format!("{}{}{report}{events}", said.out, said.err).contains("hush-hush"));

    // A rollback restores the earlier settings and reports the difference.
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    let back = compared(&sandbox, "3");
    let back = back.iter().find(|fact| fact["service"] == "toto-app").unwrap();
    assert!(back["changes"].to_string().contains("\"from\":\"test\""), "{back}");
}

/// A platform with a typed environment that has an apphosting file.
fn typed() -> Platform {
    let platform = Platform::new();
    let folder = own_folder(&platform.sandbox);
    fs::write(
        folder.join("apphosting.development.yaml"),
        "env: [{ variable: NODE_ENV, value: development }]\n",
    )
    .unwrap();
    let config = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("protection: open", "protection: typed", 1)).unwrap();
    platform
}

const DEPLOY: [&str; 7] =
    ["deploy", "development", "--release", "2.0.0", "--yes", "--confirm", "development"];

#[test]
fn backend_without_an_environment_name_is_refused_with_the_command_that_sets_it() {
    let platform = typed();
    let port = platform.port;
    platform.misbehaves(move |asked| {
        let backend = asked.method == "GET" && asked.path.ends_with("backends/toto-app");
        backend.then(|| {
            changed(asked, port, |backend| {
                backend.as_object_mut().unwrap().remove("environment");
            })
        })
    });
    let said = platform.sandbox.run(&DEPLOY);
    assert_eq!(said.code, 1, "{}", said.err);
    assert!(said.err.contains("the backend of toto-app has no environment name"), "{}", said.err);
    assert!(said.err.contains("?updateMask=environment"), "{}", said.err);
    assert_eq!(platform.builds("2.0.0"), 0, "nothing was built");

    // Other environments get a warning.
    let config = platform.sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, text.replacen("protection: typed", "protection: open", 1)).unwrap();
    let run = platform.sandbox.deploy("2.0.0").exits(0).json()["run"].to_string();
    let events = platform.sandbox.run(&["events", &run, "--json"]).exits(0).out;
    assert!(events.contains("apphosting.development.yaml is not read"), "{events}");
}

#[test]
fn build_without_the_file_of_its_environment_gets_no_traffic() {
    // The emulator builds with its own file, so that the file of the environment is not applied.
    let platform = typed();
    let said = platform.sandbox.run(&DEPLOY);
    assert_eq!(said.code, 1, "{}", said.err);
    let words = "apphosting.development.yaml was not applied to b-2-0-0";
    assert!(said.err.contains(words) && said.err.contains("NODE_ENV"), "{}", said.err);
    platform.serves("1.0.0");
}
