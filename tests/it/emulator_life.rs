//! The emulator's processes: however it ends, it leaves none behind, and pending work continues after a restart.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::emulator_api::Caller;
use super::sandbox::{Sandbox, wait_until};

/// A source whose build writes its pid to a file and waits for another file.
struct Slow {
    folder: tempfile::TempDir,
}

impl Slow {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let slow = Self { folder };
        let (go, pid) = (slow.file("go"), slow.file("pid"));
        let yaml = format!(
            "scripts:\n  buildCommand: 'echo $$ > {}; while ! test -f {}; do sleep 0.05; done'\n  runCommand: pointsman sample-app\n",
            pid.display(),
            go.display(),
        );
        std::fs::create_dir(slow.source()).unwrap();
        std::fs::write(slow.source().join("apphosting.yaml"), yaml).unwrap();
        slow
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self) -> PathBuf {
        self.file("source")
    }

    fn go(&self) {
        std::fs::write(self.file("go"), "").unwrap();
    }

    /// The process of the build command, once it runs.
    fn process(&self) -> PathBuf {
        let read = || std::fs::read_to_string(self.file("pid")).unwrap_or_default();
        wait_until("the build command runs", || read().ends_with('\n'));
        let process = Path::new("/proc").join(read().trim());
        std::fs::remove_file(self.file("pid")).unwrap();
        process
    }
}

fn state(api: &Caller, name: &str, schema: &str) -> String {
    api.get(name, schema)["state"].as_str().unwrap().to_owned()
}

#[test]
fn build_continues_after_kill_9_and_its_first_process_ends() {
    let mut api = Caller::new();
    let backend = api.backend();
    let slow = Slow::new();
    api.order(&backend, "slow", slow.source().to_str().unwrap());
    let first = slow.process();
    let emulator = api.sandbox.emulator()["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &emulator]).status().unwrap();
    api.start();
    let second = slow.process();
    wait_until("the first process is gone", || !first.exists());
    assert!(second.exists());
    slow.go();
    let name = format!("{backend}/builds/slow");
    wait_until("the build is ready", || state(&api, &name, "Build") == "READY");
}

#[test]
fn stopping_during_a_build_leaves_no_process() {
    let api = Caller::new();
    let backend = api.backend();
    let slow = Slow::new();
    api.order(&backend, "slow", slow.source().to_str().unwrap());
    let process = slow.process();
    api.sandbox.run(&["emulator", "stop"]).exits(0);
    wait_until("the build command is gone", || !process.exists());
}

#[test]
fn overtaken_rollout_never_lands() {
    let api = Caller::new();
    let backend = api.backend();
    let slow = Slow::new();
    api.build(&backend, "blue");
    api.order(&backend, "slow", slow.source().to_str().unwrap());
    let first = api.roll_out(&backend, "first", "slow");
    let second = api.roll_out(&backend, "second", "blue");
    assert_eq!(api.done(&second, "Rollout")["state"], "SUCCEEDED");
    slow.go();
    assert_eq!(api.done(&first, "Rollout")["state"], "SKIPPED");
    let traffic = api.get(&format!("{backend}/traffic"), "Traffic");
    let build = Value::String(format!("{backend}/builds/blue"));
    assert_eq!(traffic["current"]["splits"][0]["build"], build);
    assert_eq!(Sandbox::who(api.sandbox.app).unwrap().1, "blue");
}

/// Another program may take the port of a build while the build starts. Its answers are not those of the build.
#[test]
fn answer_of_another_program_does_not_make_a_build_ready() {
    let api = Caller::new();
    let backend = api.backend();
    let folder = tempfile::tempdir().unwrap();
    // `setsid` takes the listener out of the group of the build, and `timeout` ends it after the test.
    let run = "setsid timeout 20 pointsman sample-app & sleep 60";
    let yaml = format!("scripts: {{ runCommand: '{run}' }}\n");
    std::fs::write(folder.path().join("apphosting.yaml"), yaml).unwrap();
    let operation = api.order(&backend, "taken", folder.path().to_str().unwrap());
    let build = api.done(&operation, "Build");
    assert_eq!(build["state"], "FAILED");
    let said = build["errors"][0]["error"]["message"].as_str().unwrap();
    assert!(
        said.contains(" was taken by ") && said.contains("while the process started"),
        "{said}"
    );
}

/// `localhost` has two addresses. A program that holds the other one would answer some requests.
#[test]
fn port_conflict_is_named_before_building() {
    let sandbox = Sandbox::new();
    for address in ["[::1]", "127.0.0.1"] {
        let Ok(other) = std::net::TcpListener::bind(format!("{address}:{}", sandbox.app)) else {
            // Without IPv6 there is only one address.
            continue;
        };
        let held = format!("port {} is used by", sandbox.app);
        for (verb, code) in [("doctor", 1), ("check", 0)] {
            let said = sandbox.run(&[verb]);
            assert_eq!(said.code, code, "{}", said.out);
            assert!(said.out.contains(&held), "{verb} with {address}: {}", said.out);
        }
        let said = sandbox.deploy("1.0.0");
        assert_eq!(said.code, 3, "{}", said.err);
        assert!(said.err.contains(&held), "{address}: {}", said.err);
        assert!(!said.err.contains("requested build"), "{address}: {}", said.err);
        drop(other);
        sandbox.run(&["emulator", "stop"]);
    }
    sandbox.deploy("1.0.0").exits(0);
}
