//! A release manager's work, with the real binary, real processes and a real proxy.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use pointsman::domain::release::ReleaseLabel;
use serde_json::{Value, json};

use super::sandbox::{Sandbox, get, wait_until};

fn both(sandbox: &Sandbox, release: &str) {
    for port in [sandbox.app, sandbox.bo] {
        assert_eq!(Sandbox::who(port).unwrap().0, release, "port {port}");
    }
}

#[test]
fn two_releases_deploy_and_one_rolls_back() {
    let sandbox = Sandbox::new();
    let first = sandbox.deploy("1.0.0").exits(0).json();
    assert_eq!((&first["outcome"], &first["run"]), (&json!("promoted"), &json!(1)));
    both(&sandbox, "1.0.0");
    sandbox.deploy("1.1.0").exits(0);
    both(&sandbox, "1.1.0");

    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    for service in status["services"].as_array().unwrap() {
        assert_eq!(service["live"]["release"], "1.1.0");
        assert_eq!(service["health"], "ok");
        let back = &service["rollback"];
        assert_eq!((&back["ready"], &back["target"]), (&json!(true), &json!("1.0.0")));
        assert_eq!(back["why"], Value::Null);
    }
    assert_eq!(status["run"], Value::Null);

    let back = sandbox.run(&["rollback", "development", "--yes", "--json"]).exits(0).json();
    assert_eq!(back["outcome"], "rolled_back");
    both(&sandbox, "1.0.0");
    for service in back["services"].as_array().unwrap() {
        let port = if service["service"] == "toto-app" { sandbox.app } else { sandbox.bo };
        assert_eq!(Sandbox::who(port).unwrap().1, service["serving"].as_str().unwrap());
    }

    let history = sandbox.run(&["history", "--json"]).exits(0).json();
    let outcomes: Vec<_> =
        history.as_array().unwrap().iter().map(|r| r["outcome"].clone()).collect();
    assert_eq!(outcomes, ["rolled_back", "promoted", "promoted"]);
    assert_eq!(history[0]["actor"], "ana@laptop-1 (local)");
    sandbox.run(&["verify", "#2"]).exits(0);
    let events = sandbox.run(&["events", "2", "--json"]).exits(0);
    let events: Vec<Value> = events.out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(events[0]["kind"], "run-started");
    assert!(events.windows(2).all(|w| w[1]["prev"] == w[0]["hash"]));
    let log = sandbox.run(&["logs", "2"]).exits(0).out;
    assert!(log.contains("INFO toto-app 1.1.0 listens"), "{log}");
}

#[test]
fn broken_release_gets_no_traffic_and_shows_its_error() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let failed = sandbox.deploy("1.2.0-broken").exits(1).json();
    both(&sandbox, "1.0.0");
    assert_eq!(
        (&failed["outcome"], &failed["failure"]["step"]),
        (&json!("failed"), &json!("probe"))
    );
    let why = failed["failure"]["problem"]["why"].as_str().unwrap();
    assert!(why.contains("ERROR /api/health 503: users.roles is missing"), "{why}");
    let events = sandbox.run(&["events", "2", "--json"]).exits(0).out;
    assert!(!events.contains("switch-requested"));

    let flaky = sandbox.deploy("1.5.0-flaky").exits(5).json();
    assert_eq!(flaky["failure"]["class"], "inconclusive");
    both(&sandbox, "1.0.0");
}

#[test]
fn leaky_release_rolls_back_automatically() {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, consecutive: 3 }\n    attest: { consecutive: 3, interval: 20ms }\n    \
         soak: { for: 30s, interval: 100ms, failures: 2 }",
    );
    // A short soak for the first release, which has no rollback target.
    sandbox.write_config("soak: { for: 300ms, interval: 100ms }\n    health: { interval: 100ms }\n    attest: { consecutive: 3 }", "{ kind: list }");
    sandbox.deploy("1.0.0").exits(0);
    sandbox.write_config(
        "health: { attempts: 8, interval: 100ms, consecutive: 3 }\n    attest: { consecutive: 3, interval: 20ms }\n    \
         soak: { for: 30s, interval: 100ms, failures: 2 }",
        "{ kind: list }",
    );
    let leaky = sandbox.deploy("1.3.0-leaky").exits(6).json();
    assert_eq!(leaky["outcome"], "rolled_back");
    both(&sandbox, "1.0.0");
    assert!(leaky["undone_because"].as_str().unwrap().contains("out of memory"));
    let refused =
        sandbox.run(&["rollback", "development", "--to", "1.3.0-leaky", "--yes"]).exits(3);
    assert!(
        refused.err.contains("marked bad") && refused.err.contains("--override bad --reason TEXT"),
        "{}",
        refused.err
    );
}

#[test]
fn crashing_release_is_not_promoted() {
    let slow_gate = "health: { attempts: 20, interval: 500ms, consecutive: 12 }\n    attest: { consecutive: 3 }\n    soak: { for: 300ms, interval: 100ms }";
    let sandbox = Sandbox::with_deploy(slow_gate);
    let crash = sandbox.deploy("1.4.0-crash").json();
    assert_ne!(crash["outcome"], "promoted");
    assert_ne!(crash["exit"], 0);
    wait_until("the platform has seen it die and started it again", || {
        let status = sandbox.emulator();
        let services = status["services"].as_array().unwrap().iter();
        let mut slots = services.flat_map(|s| s["slots"].as_array().unwrap());
        slots.any(|slot| slot["restarts"].as_u64() > Some(0))
    });
}

#[test]
fn without_a_terminal_nothing_prompts() {
    let sandbox = Sandbox::new();
    let refused = sandbox.run(&["deploy", "development", "--release", "1.0.0"]).exits(3);
    assert!(refused.err.contains("--yes"), "{}", refused.err);
    let deploy = ["deploy", "production", "--release", "1.0.0", "--yes"];
    let reason = ["--reason", "the emulator is broken"];
    let proven = [&reason[..], &["--override", "promotion"]].concat();
    let refused = sandbox.run(&[&deploy[..], &proven].concat()).exits(3);
    assert!(refused.err.contains("--confirm production"), "{}", refused.err);
    let wrong = [&deploy[..], &proven, &["--confirm", "development"]].concat();
    let refused = sandbox.run(&wrong).exits(3);
    assert!(refused.err.contains("but this is production"), "{}", refused.err);
    let unproven = [&deploy[..], &["--confirm", "production"]].concat();
    let refused = sandbox.run(&unproven).exits(3);
    assert!(refused.err.contains("was not promoted on development"), "{}", refused.err);
    // A reason alone does not override a guard.
    let explained = [&unproven[..], &reason].concat();
    let refused = sandbox.run(&explained).exits(3);
    assert!(refused.err.contains("--override promotion"), "{}", refused.err);
    let reasoned = [&explained[..], &["--override", "promotion"]].concat();
    let refused = sandbox.run(&reasoned).exits(1);
    assert!(refused.err.contains("no Google credentials"), "{}", refused.err);
    sandbox.run(&["rollback", "production", "--yes"]).exits(1);
    assert_eq!(sandbox.run(&["history", "--json"]).json(), json!([]), "no run was ever made");
}

#[test]
fn usage_errors_exit_2_and_list_valid_names() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["deploy", "prod", "--release", "1.0.0", "--yes"]).exits(2);
    assert!(said.err.contains("development, production"), "{}", said.err);
    let said = sandbox
        .run(&["deploy", "development", "--release", "1.0.0", "--service", "toto", "--yes"])
        .exits(2);
    assert!(said.err.contains("toto-bo, toto-app"), "{}", said.err);
    sandbox.run(&["deploy", "development", "--release", "a//b", "--yes"]).exits(2);
    sandbox.run(&["events", "99"]).exits(2);
    sandbox.run(&["verify", "x"]).exits(2);
    std::fs::write(sandbox.folder.path().join("config.yaml"), "version: [").unwrap();
    let said = sandbox.run(&["check", "--json"]).exits(2);
    assert!(said.json()["findings"][0]["line"].is_u64());
}

#[test]
fn read_only_verbs_start_nothing() {
    let sandbox = Sandbox::new();
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(status["services"][0]["health"], "off");
    // An unreachable platform is `stale`, not `off`.
    let status = sandbox.run(&["status", "production", "--json"]).exits(0).json();
    assert_eq!(status["services"][0]["health"], "stale");
    let text = sandbox.run(&["status", "production"]).exits(0).out;
    assert!(text.contains("unknown: there are no") && !text.contains("nothing serves"), "{text}");
    sandbox.run(&["check"]).exits(0);
    let plan =
        sandbox.run(&["plan", "development", "--release", "1.0.0", "--json"]).exits(0).json();
    assert_eq!(plan["hash"].as_str().unwrap().len(), 64);
    assert_eq!(sandbox.emulator()["running"], false);
}

#[test]
fn detached_run_has_its_own_process() {
    let sandbox = Sandbox::new();
    let arguments = ["deploy", "development", "--release", "1.0.0", "--yes", "--detach", "--json"];
    let said = sandbox.run(&arguments).exits(0).json();
    assert_eq!(said["run"], 1);
    wait_until("the run is over", || {
        let history = sandbox.run(&["history", "--json"]).json();
        history[0]["outcome"] == "promoted"
    });
    both(&sandbox, "1.0.0");
}

#[test]
fn deploys_a_single_service() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let only = ["deploy", "development", "--release", "1.1.0", "--service", "toto-bo", "--yes"];
    sandbox.run(&only).exits(0);
    assert_eq!(Sandbox::who(sandbox.bo).unwrap().0, "1.1.0");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");
    sandbox.run(&["rollback", "development", "--service", "toto-bo", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
}

#[test]
fn killed_emulator_restores_its_state() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let before = sandbox.emulator();
    let pid = before["pid"].as_u64().unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    wait_until("it is dead", || sandbox.emulator()["running"] == false);
    sandbox.run(&["emulator", "start"]).exits(0);
    let after = sandbox.emulator();
    assert_ne!(after["pid"], before["pid"]);
    assert_eq!(after["services"], before["services"], "the same slots, pids and traffic");
    both(&sandbox, "1.1.0");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
}

#[test]
fn stopped_emulator_leaves_no_process_and_restarts_slots() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let slots = sandbox.emulator()["services"][0]["slots"].clone();
    let pid = slots[0]["pid"].as_u64().unwrap();
    sandbox.run(&["emulator", "stop"]).exits(0);
    let alive = Command::new("kill").args(["-0", &pid.to_string()]).output().unwrap();
    assert!(!alive.status.success());
    assert_eq!(get(sandbox.app, "/").0, 0);
    sandbox.run(&["emulator", "start"]).exits(0);
    both(&sandbox, "1.0.0");
}

#[test]
fn dead_slot_is_restarted() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    let slot = |n: usize| sandbox.emulator()["services"][0]["slots"][n].clone();
    let before = slot(0);
    let pid = before["pid"].as_u64().unwrap().to_string();
    assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    wait_until("it was restarted", || slot(0)["restarts"] == 1);
    wait_until("it answers", || {
        Sandbox::who(sandbox.app).is_ok() && Sandbox::who(sandbox.bo).is_ok()
    });
    assert_ne!(slot(0)["pid"], before["pid"]);
    both(&sandbox, "1.0.0");
}

#[test]
fn clean_up_stops_blue_and_rollback_restarts_it() {
    let sandbox = Sandbox::new();
    for release in ["1.0.0", "1.1.0"] {
        sandbox.deploy(release).exits(0);
    }
    let refused = sandbox.run(&["cleanup", "development", "--yes"]).exits(3);
    assert!(refused.err.contains("kept warm"), "{}", refused.err);
    let said = sandbox.run(&["cleanup", "development", "--yes", "--reason", "a test", "--json"]);
    assert_eq!(said.exits(0).json()["outcome"], "cleaned_up");
    assert_eq!(sandbox.emulator()["services"][0]["slots"].as_array().unwrap().len(), 1);
    both(&sandbox, "1.1.0");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
}

#[test]
fn taken_port_refuses_a_deploy_and_is_served_once_it_is_free() {
    let sandbox = Sandbox::new();
    let hold = || std::net::TcpListener::bind(("127.0.0.1", sandbox.app)).unwrap();
    let holder = hold();
    let refused = sandbox.deploy("1.0.0").exits(3).json();
    let why = refused["error"]["why"].to_string();
    let own = std::process::id().to_string();
    assert!(
        why.contains(&format!("port {} is used by", sandbox.app)) && why.contains(&own),
        "{why}"
    );
    drop(holder);
    sandbox.deploy("1.0.0").exits(0);
    both(&sandbox, "1.0.0");
    sandbox.run(&["emulator", "stop"]).exits(0);
    let holder = hold();
    sandbox.run(&["emulator", "start"]).exits(0);
    wait_until("the other service is served", || get(sandbox.bo, "/").0 == 200);
    drop(holder);
    wait_until("the port is taken over", || get(sandbox.app, "/").0 == 200);
    both(&sandbox, "1.0.0");
}

#[test]
fn two_concurrent_deploys_run_one() {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 300ms, consecutive: 3 }\n    attest: { consecutive: 3 }\n    soak: { for: 1s }",
    );
    let first = ["deploy", "development", "--release", "1.0.0", "--yes", "--detach"];
    sandbox.run(&first).exits(0);
    let second = sandbox.deploy("1.1.0").exits(4);
    assert!(second.err.contains("run #1 of ana@laptop-1 (local) is under way"), "{}", second.err);
    wait_until("the first is over", || {
        sandbox.run(&["history", "--json"]).json()[0]["outcome"] == "promoted"
    });
    both(&sandbox, "1.0.0");
}

#[test]
fn builds_the_commit_of_a_local_repository() {
    let sandbox = Sandbox::new();
    let repository = sandbox.folder.path().join("repository");
    let service = repository.join("web");
    std::fs::create_dir_all(&service).unwrap();
    let yaml = "scripts: { runCommand: 'pointsman sample-app', buildCommand: 'test -f good' }\n";
    std::fs::write(service.join("apphosting.yaml"), yaml).unwrap();
    std::fs::write(service.join("good"), "").unwrap();
    let git = |arguments: &[&str]| {
        let identity = ["-c", "user.name=ana", "-c", "user.email=ana@example.com"];
        let output = Command::new("git")
            .current_dir(&repository)
            .args(identity)
            .args(arguments)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "--quiet", "-b", "main"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "good"]);
    git(&["tag", "v1.0.0"]);
    let commit = git(&["rev-parse", "HEAD"]);
    std::fs::remove_file(service.join("good")).unwrap();
    git(&["commit", "--quiet", "-am", "bad"]);

    let config = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&config).unwrap();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto");
    let text = ["toto-app", "toto-bo"].iter().fold(text, |text, name| {
        text.replace(&root.join(name).display().to_string(), &service.display().to_string())
    });
    let text =
        text.replace("{ kind: list, labels: [\"1.0.0\"] }", "{ kind: git, dir: repository }");
    std::fs::write(&config, text).unwrap();

    sandbox.deploy("v1.0.0").exits(0);
    both(&sandbox, "v1.0.0");
    let events = sandbox.run(&["events", "1", "--json"]).out;
    assert!(events.contains(&format!("{{\"commit\":\"{commit}\"}}")), "{events}");
    let label = |name: &str| ReleaseLabel::new(name.to_owned()).unwrap();
    let changes = |from: &str, to: &str| {
        let loaded = pointsman::config::load(&config).unwrap();
        loaded.changes(&label(from), &label(to)).map(Option::unwrap)
    };
    let newer = changes("v1.0.0", "main").unwrap();
    assert_eq!((newer.added, newer.left, newer.latest[0].subject.as_str()), (1, 0, "bad"));
    assert_eq!(changes("main", "v1.0.0").unwrap().left, 1);
    assert!(changes("v1.0.0", "gone").unwrap_err().what.contains("names no commit"));
    let failed = sandbox.deploy("main").exits(1);
    assert!(failed.out.contains("fah/failed-framework-build"), "{}", failed.out);
    sandbox.deploy("no-such-tag").exits(2);
    assert_eq!(git(&["status", "--porcelain"]), "", "the work tree is as it was");
}

#[test]
fn open_requests_survive_a_switch() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);

    let mut stream = TcpStream::connect(("127.0.0.1", sandbox.app)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET /stream HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while !line.contains("0 1.1.0") {
        line.clear();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the stream ended early");
    }
    let mut socket = web_socket(sandbox.app);
    echo(&mut socket, b"before");

    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("9 1.1.0") && !rest.contains("1.0.0"), "{rest}");
    echo(&mut socket, b"after");
}

/// A WebSocket handshake (RFC 6455 §4) through the proxy.
fn web_socket(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(
        stream,
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    stream
}

/// Sends a masked text frame and expects the same text back, unmasked.
fn echo(stream: &mut TcpStream, text: &[u8]) {
    let mut frame = vec![0x81, 0x80 | u8::try_from(text.len()).unwrap(), 0, 0, 0, 0];
    frame.extend_from_slice(text);
    stream.write_all(&frame).unwrap();
    let mut answer = vec![0; text.len() + 2];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer[2..], text);
}

/// Kills the runner of a detached run once the run has a number of facts. Returns whether the run is in doubt.
fn kill_runner(sandbox: &Sandbox, release: &str, at: usize) -> bool {
    let arguments = ["deploy", "development", "--release", release, "--yes", "--detach", "--json"];
    let started = sandbox.run(&arguments).exits(0).json();
    let (run, pid) = (started["run"].to_string(), started["pid"].to_string());
    wait_until("it is far enough", || sandbox.run(&["events", &run]).out.lines().count() >= at);
    let _ = Command::new("kill").args(["-9", &pid]).output().unwrap();
    wait_until("it is dead", || {
        let status = sandbox.run(&["status", "development", "--json"]).json();
        status["run"]["state"] == "in_doubt" || status["run"].is_null()
    });
    sandbox.run(&["status", "development", "--json"]).json()["run"]["state"] == "in_doubt"
}

#[test]
fn run_of_a_killed_runner_is_in_doubt_and_converges() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    for (n, at) in [5, 9, 14, 18, 22, 26].into_iter().enumerate() {
        let release = format!("1.1.{n}");
        if !kill_runner(&sandbox, &release, at) {
            continue;
        }
        let run = sandbox.run(&["history", "--json"]).json()[0]["run"].to_string();
        let shown = sandbox.run(&["resume", &run, "--json"]).exits(7).json();
        assert_eq!(shown["choices"][0], "continue", "{shown}");
        let refused = sandbox.deploy("2.0.0").exits(7);
        assert!(refused.err.contains(&format!("pointsman resume {run}")), "{}", refused.err);
        let resumed = sandbox.run(&["resume", &run, "--yes", "--json"]).exits(0).json();
        assert_eq!(resumed["outcome"], "promoted");
        both(&sandbox, &release);
        let events = sandbox.run(&["events", &run, "--json"]).out;
        assert_eq!(events.matches("build-requested").count(), 2, "one build per service");
    }
}

#[test]
fn run_in_doubt_can_be_rolled_back_or_superseded() {
    let sandbox = Sandbox::with_deploy(
        "health: { attempts: 8, interval: 100ms, consecutive: 3 }\n    attest: { consecutive: 3, interval: 20ms }\n    \
         soak: { for: 60s, interval: 100ms }",
    );
    sandbox.write_config(
        "soak: { for: 300ms }\n    health: { interval: 100ms }\n    attest: { consecutive: 3 }",
        "{ kind: list }",
    );
    sandbox.deploy("1.0.0").exits(0);
    sandbox.write_config(
        "soak: { for: 60s }\n    health: { interval: 100ms }\n    attest: { consecutive: 3 }",
        "{ kind: list }",
    );
    assert!(kill_runner(&sandbox, "1.1.0", 27));
    sandbox.run(&["resume", "2", "--choose", "go-back", "--yes"]).exits(1);
    both(&sandbox, "1.0.0");
    assert!(kill_runner(&sandbox, "1.2.0", 27));
    both(&sandbox, "1.2.0");
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
    let history = sandbox.run(&["history", "--json"]).json();
    let outcomes: Vec<_> = history.as_array().unwrap().iter().map(|r| &r["outcome"]).collect();
    assert_eq!(outcomes, ["rolled_back", "superseded", "rolled_back", "promoted"]);
}

#[test]
fn run_commands_are_bound_to_seen_facts() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.write_config("soak: { for: 2s, interval: 100ms }\n    health: { interval: 300ms }\n    attest: { consecutive: 3 }", "{ kind: list }");
    let detached = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach"];
    sandbox.run(&detached).exits(0);
    sandbox.run(&["pause", "2"]).exits(0);
    wait_until("it is paused", || {
        sandbox.run(&["status", "development", "--json"]).json()["run"]["state"] == "paused"
    });
    let late = sandbox.run(&["retry", "2", "--seen", "1"]).exits(3);
    assert!(late.err.contains("moved on"), "{}", late.err);
    let senseless = sandbox.run(&["approve", "2"]).exits(3);
    assert!(senseless.err.contains("paused before"), "{}", senseless.err);
    sandbox.run(&["resume", "2"]).exits(0);
    let attached = sandbox.run(&["attach", "2"]).exits(0);
    assert!(
        attached.out.contains("paused by ana@laptop-1 (local)")
            && attached.out.contains("ended: promoted")
    );
    both(&sandbox, "1.1.0");

    let detached = ["deploy", "development", "--release", "1.2.0", "--yes", "--detach"];
    sandbox.run(&detached).exits(0);
    sandbox.run(&["abort", "3"]).exits(0);
    assert_eq!(sandbox.run(&["attach", "3"]).code, 1);
    both(&sandbox, "1.1.0");
    sandbox.run(&["pause", "3"]).exits(3);
}

#[test]
fn locked_environment_refuses_runs_until_released() {
    let sandbox = Sandbox::new();
    sandbox.run(&["lock", "development", "take"]).exits(2);
    sandbox.run(&["lock", "development", "take", "--reason", "demo at noon"]).exits(0);
    let refused = sandbox.deploy("1.0.0").exits(4);
    assert!(
        refused.err.contains("locked by ana@laptop-1 (local)")
            && refused.err.contains("demo at noon"),
        "{}",
        refused.err
    );
    let again = sandbox.run(&["lock", "development", "take", "--reason", "mine"]).exits(4);
    assert!(again.err.contains("demo at noon"), "{}", again.err);
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(status["lock"]["reason"], "demo at noon");
    sandbox.run(&["lock", "development", "release", "--reason", "over"]).exits(0);
    sandbox.deploy("1.0.0").exits(0);
}

#[test]
fn of_ten_concurrent_deploys_one_runs_and_nine_name_the_holder() {
    let sandbox = Sandbox::new();
    // Neither the store nor the emulator exists yet, so the processes race to create them too.
    let all: Vec<_> = (0..10)
        .map(|n| {
            let release = format!("1.{n}.0");
            let arguments = ["deploy", "development", "--release", &release, "--yes"];
            sandbox.command(&arguments).spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = all.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let code = |o: &std::process::Output| o.status.code().unwrap();
    let won: Vec<_> = ended.iter().filter(|o| code(o) == 0).collect();
    assert_eq!(won.len(), 1, "{:?}", ended.iter().map(code).collect::<Vec<_>>());
    for refused in ended.iter().filter(|o| code(o) != 0) {
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(code(refused), 4, "{said}");
        assert!(
            said.contains("of ana@laptop-1 (local) is under way") && said.contains("since"),
            "{said}"
        );
    }
}

#[test]
fn terminated_runner_leaves_a_resumable_run() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.write_config("soak: { for: 60s }\n    health: { interval: 100ms }\n    attest: { consecutive: 3, interval: 500ms }", "{ kind: list }");
    let detached = ["deploy", "development", "--release", "1.1.0", "--yes", "--detach", "--json"];
    let pid = sandbox.run(&detached).exits(0).json()["pid"].to_string();
    wait_until("it is probing", || sandbox.run(&["events", "2"]).out.contains("probe"));
    // The runner ignores a hang-up.
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let state = || sandbox.run(&["status", "development", "--json"]).json()["run"]["state"].clone();
    wait_until("it has gone", || state() == "in_doubt");
    let shown = sandbox.run(&["resume", "2", "--json"]).exits(7).json();
    assert!(
        shown["recorded"].as_str().unwrap().contains("about to start"),
        "a safe point: {shown}"
    );
    sandbox.run(&["resume", "2", "--choose", "leave", "--yes"]).exits(1);
    both(&sandbox, "1.0.0");
}

#[test]
fn doctor_names_problems_and_fixes() {
    let sandbox = Sandbox::new();
    let said = sandbox.run(&["doctor", "--json"]).exits(1).json();
    let looks = said["looked_at"].as_array().unwrap();
    let of = |what: &str| looks.iter().find(|l| l["what"] == what).unwrap();
    assert_eq!(of("development")["ok"], true);
    assert!(of("production")["problem"]["todo"].as_str().unwrap().contains("gcloud auth"));
    assert!(sandbox.run(&["completions", "bash"]).exits(0).out.contains("pointsman"));
    assert!(sandbox.run(&["man"]).exits(0).out.contains(".TH pointsman"));
}

/// A sandbox with its store on a small separate disk; the platform uses another disk, as in production. Dropped after
/// the sandbox has stopped the emulator. `None` if disks cannot be mounted here.
#[cfg(target_os = "linux")]
fn on_small_disk() -> Option<(Unmount, Sandbox)> {
    let sandbox = Sandbox::new();
    let (state, platform) = (sandbox.state(), sandbox.folder.path().join("platform"));
    std::fs::create_dir_all(&state).unwrap();
    std::fs::create_dir_all(&platform).unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(&state).output();
    if !mounted.is_ok_and(|o| o.status.success()) {
        return None;
    }
    std::os::unix::fs::symlink(&platform, state.join("emulator")).unwrap();
    Some((Unmount(state), sandbox))
}

#[cfg(target_os = "linux")]
fn fill(disk: &std::path::Path) {
    let mut filler = std::fs::File::create(disk.join("filler")).unwrap();
    while filler.write_all(&[0; 4096]).is_ok() {}
}

#[test]
#[cfg(target_os = "linux")]
fn full_disk_refuses_deploys_and_allows_rollbacks() {
    let Some((_small_disk, sandbox)) = on_small_disk() else {
        println!("skipped: a small disk cannot be mounted here");
        return;
    };
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    fill(&sandbox.state());

    let refused = sandbox.deploy("1.2.0").exits(1);
    assert!(refused.err.contains("disk"), "{}", refused.err);
    both(&sandbox, "1.1.0");
    let said = sandbox.run(&["rollback", "development", "--yes", "--json"]).exits(0);
    assert!(
        said.err.contains("THE JOURNAL CANNOT BE WRITTEN") && said.err.contains("not recorded")
    );
    both(&sandbox, "1.0.0");
}

#[test]
#[cfg(target_os = "linux")]
fn disk_filling_up_stops_the_run_and_prints_the_card() {
    let Some((_small_disk, sandbox)) = on_small_disk() else {
        println!("skipped: a small disk cannot be mounted here");
        return;
    };
    sandbox.deploy("1.0.0").exits(0);
    sandbox.write_config("soak: { for: 3s, interval: 100ms }\n    health: { interval: 100ms }\n    attest: { consecutive: 3 }", "{ kind: list }");
    let deploy = ["deploy", "development", "--release", "1.1.0", "--yes"];
    let running = sandbox.command(&deploy).spawn().unwrap();
    let soaks = || sandbox.run(&["events", "2"]).out.contains("soak");
    wait_until("it soaks", soaks);
    fill(&sandbox.state());
    let ended = running.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(7), "{said}");
    assert!(said.contains("disk") && said.contains("pointsman rollback ENV works"), "{said}");
    both(&sandbox, "1.1.0");
    sandbox.run(&["rollback", "development", "--to", "1.0.0", "--yes"]).exits(0);
    both(&sandbox, "1.0.0");
}

/// Unmounts the small disk on drop, even if the test fails.
#[cfg(target_os = "linux")]
struct Unmount(std::path::PathBuf);

#[cfg(target_os = "linux")]
impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap_or(&self.0));
    }
}

#[test]
fn rollback_accepts_a_release_of_another_machine() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    for file in ["store.db", "store.db-wal", "store.db-shm"] {
        let _ = std::fs::remove_file(sandbox.state().join(file));
    }
    sandbox.run(&["rollback", "development", "--yes"]).exits(3);
    let to = ["rollback", "development", "--to", "1.0.0", "--yes"];
    sandbox.run(&to).exits(3);
    sandbox.run(&[&to[..], &["--reason", "deployed elsewhere"]].concat()).exits(0);
    both(&sandbox, "1.0.0");
}

#[test]
fn never_live_release_is_no_rollback_target() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.2.0-broken").exits(1);
    let to = ["rollback", "development", "--to", "1.2.0-broken", "--yes", "--reason", "try"];
    sandbox.run(&to).exits(3);
    both(&sandbox, "1.0.0");
}

#[test]
fn incident_card_rolls_back_by_hand() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.1.0");
    let card = sandbox.run(&["card", "2"]).exits(0).out;
    assert!(card.contains("rollback development --yes"), "{card}");
    let kept = sandbox.state().join("runs/2/break-glass.txt");
    assert!(std::fs::read_to_string(kept).unwrap().contains("by-hand-"));
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_pointsman"));
    let path =
        format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
    let by_hand: Vec<&str> = card.lines().filter(|line| line.contains("rollouts")).collect();
    assert_eq!(by_hand.len(), 2, "{card}");
    for line in by_hand {
        let done = Command::new("sh").args(["-c", line]).env("PATH", &path).output();
        let done = done.unwrap();
        assert!(done.status.success(), "{line}: {done:?}");
    }
    for port in [sandbox.app, sandbox.bo] {
        wait_until("1.0.0 answers", || {
            Sandbox::who(port).is_ok_and(|(release, _)| release == "1.0.0")
        });
    }
    let first = sandbox.run(&["card", "1"]).exits(0).out;
    assert!(first.contains("no rollback target"), "{first}");

    // The card's first command works from any folder without PATH, and the stored card has the same command.
    sandbox.deploy("1.2.0").exits(0);
    let told = sandbox.run(&["card", "3"]).exits(0).out;
    let kept = std::fs::read_to_string(sandbox.state().join("runs/3/break-glass.txt")).unwrap();
    let first = |card: &str| {
        card.lines().find(|l| l.contains("rollback development --yes")).unwrap().to_owned()
    };
    assert_eq!(first(&told), first(&kept));
    let done = Command::new("sh").args(["-c", &first(&told)]).current_dir("/").output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(Sandbox::who(sandbox.app).unwrap().0, "1.0.0");

    // The card of a rollback names its target, and is done once the run is.
    let kept = std::fs::read_to_string(sandbox.state().join("runs/4/break-glass.txt")).unwrap();
    assert!(kept.contains("rollback development --to 1.0.0 --yes"), "{kept}");
    let ended = sandbox.run(&["card", "4"]).exits(0).out;
    assert!(ended.contains("1. Nothing to do: this run has rolled back"), "{ended}");

    // Deploying it again prints a warning.
    let plan =
        |release: &str| sandbox.run(&["plan", "development", "--release", release]).exits(0).out;
    let bad = "1.2.0 is marked BAD here: run #4 rolled it back.";
    assert!(plan("1.2.0").contains(bad), "{}", plan("1.2.0"));
    assert!(!plan("1.3.0").contains("BAD"));
    let again = sandbox.run(&["deploy", "development", "--release", "1.2.0", "--yes"]).exits(0);
    assert!(again.err.contains(bad), "{}", again.err);
    assert!(!plan("1.2.0").contains("BAD"), "it served and held");
}

#[test]
fn stale_assets_are_checked_before_clean_up() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("config.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("backend: toto-app,", "backend: toto-app, pages: [/],"))
        .unwrap();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    let events = sandbox.run(&["events", "2"]).exits(0).out;
    assert!(events.contains("toto-app: pages of the live build load 1 file"), "{events}");
    let gone =
        "toto-app: 1 of 1 files of BLUE's pages are gone at the public address (/assets/1.0.0.js)";
    assert!(events.contains(gone), "{events}");
    let cleanup = ["cleanup", "development", "--yes", "--reason", "tested"];
    let said = sandbox.run(&cleanup).exits(0);
    assert!(said.err.contains(gone), "{}", said.err);
}

#[test]
fn dora_metrics_are_shown_with_their_base() {
    let sandbox = Sandbox::new();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0").exits(0);
    sandbox.deploy("1.2.0-broken").exits(1);
    sandbox.run(&["rollback", "development", "--yes"]).exits(0);
    let figures = ["history", "development", "--figures"];
    let told = sandbox.run(&figures).exits(0).out;
    for part in [
        "0.4 per week: 2 deploys switched traffic, 1 stopped",
        "50 %: 0 rolled back in their run",
        "1 by a later rollback",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let json = sandbox.run(&["history", "development", "--figures", "--json"]).exits(0).json();
    assert_eq!(json["lead_seconds_p50"], Value::Null, "a list of labels tells no commit");
    assert!(json["recovery_seconds_p50"].as_f64().unwrap() > 0.3, "{json}");
    sandbox.run(&["history", "--figures"]).exits(2);
}
