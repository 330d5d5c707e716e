//! End-to-end tests: keys pressed in a terminal, with the real binary and real services.

use super::sandbox::{Sandbox, wait_until};
use super::terminal::Terminal;

/// Starts a deploy: D, the release picker and the confirmation.
#[track_caller]
fn deploy(terminal: &mut Terminal, downs: usize) {
    terminal.opens("D", "Deploy which release?");
    terminal.press(&"j".repeat(downs));
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.picture("Enter or T", &format!("gate-{}", terminal.size()));
    terminal.press("T");
    terminal.picture("n  No", &format!("switch-{}", terminal.size()));
    terminal.says_yes("Switch traffic to GREEN");
    terminal.picture("RUN  Soak for 1.0s", &format!("soak-{}", terminal.size()));
    terminal.wants("PROMOTED");
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_config(
        "health: { attempts: 8, interval: 100ms, timeout: 2s, consecutive: 3 }\n    \
         attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
         soak: { for: 1s, interval: 100ms, failures: 2 }",
        "{ kind: list, labels: [\"1.0.0\", \"1.1.0\"] }",
    );
    sandbox
}

fn live(sandbox: &Sandbox) -> [String; 2] {
    [sandbox.app, sandbox.bo].map(|port| Sandbox::who(port).unwrap().0)
}

#[test]
fn two_releases_go_live_and_b_rolls_back() {
    let sandbox = sandbox();
    let mut terminal = Terminal::open(&sandbox, 45, 160);
    terminal.picture("No runs yet for development. D starts one.", "first-160x45");
    deploy(&mut terminal, 0);
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
    terminal.resize(30, 100);
    deploy(&mut terminal, 1);
    assert_eq!(live(&sandbox), ["1.1.0", "1.1.0"]);
    terminal.resize(24, 80);
    terminal.opens("B", "Roll back to which release?");
    terminal.picture("stable, previous", "rollback-80x24");
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Roll back");
    terminal.wants("ROLLED BACK");
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
    terminal.press("q");
    wait_until("the terminal is restored", || terminal.given_back());
    terminal.wants("pointsman emulator stop");
    assert!(terminal.child.wait().unwrap().success());
}

#[test]
fn killed_screen_keeps_its_run_and_killed_runner_asks() {
    let sandbox = sandbox();
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("No runs yet");
    terminal.press("D");
    terminal.wants("Deploy which release?");
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.wants("WAITING FOR YOU");
    terminal.signal("-9");
    terminal.child.wait().unwrap();
    let status = sandbox.run(&["status", "development", "--json"]).exits(0).json();
    assert_eq!(status["run"]["state"], "waiting", "{status}");

    // The runner dies while no screen is open.
    let pid = status["run"]["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("IN DOUBT: the process of run #1 is gone");
    terminal.wants("recorded");
    for (rows, columns) in [(45, 160), (24, 80), (30, 100)] {
        terminal.resize(rows, columns);
        for answer in ["live ", "IN DOUBT", "undo: ", "Enter decide"] {
            terminal.wants(answer);
        }
        terminal.picture("IN DOUBT", &format!("interrupted-{columns}x{rows}"));
    }
    terminal.wants("recommended");
    terminal.press("D");
    terminal.wants("is in doubt; decide about it first");
    terminal.press("\r");
    terminal.says_yes("Take the run over");
    // The run does not pass the approval gate by itself.
    terminal.wants("WAITING FOR YOU");
    assert_eq!(Sandbox::who(sandbox.app), Err(503), "traffic never moved");
    terminal.press("T");
    terminal.says_yes("Switch traffic to GREEN");
    terminal.wants("PROMOTED");
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
}

#[test]
fn resume_no_wait_stops_at_the_gate() {
    let sandbox = Sandbox::new();
    sandbox.write_config(
        "health: { attempts: 40, interval: 300ms, timeout: 2s, consecutive: 8 }\n    \
         attest: { consecutive: 3, interval: 20ms, within: 20s }\n    \
         soak: { for: 300ms, interval: 100ms, failures: 2 }",
        "{ kind: list, labels: [\"1.0.0\"] }",
    );
    let mut terminal = Terminal::open(&sandbox, 30, 100);
    terminal.wants("No runs yet");
    terminal.opens("D", "Deploy which release?");
    terminal.press("\r");
    terminal.says_yes("DEVELOPMENT · Deploy ");
    terminal.wants("Check green's health");
    let status = || sandbox.run(&["status", "development", "--json"]).json();
    wait_until("it asks green", || status()["run"]["step"] == "probe");
    terminal.signal("-9");
    terminal.child.wait().unwrap();
    let pid = status()["run"]["pid"].to_string();
    std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    // First resume before the gate, then at the gate itself.
    for _ in 0..2 {
        let left = sandbox.run(&["resume", "1", "--yes", "--no-wait"]).exits(5);
        assert!(left.err.contains("waits for approval"), "{}", left.err);
        assert!(left.err.contains("pointsman approve 1"), "{}", left.err);
        assert_eq!(Sandbox::who(sandbox.app), Err(503), "traffic never moved");
    }
    let mut waits = sandbox.command(&["resume", "1", "--yes"]).spawn().unwrap();
    wait_until("the run is driven again", || sandbox.run(&["approve", "1"]).code == 0);
    assert!(waits.wait().unwrap().success());
    assert_eq!(live(&sandbox), ["1.0.0", "1.0.0"]);
}

#[test]
fn signals_restore_the_terminal_and_keep_the_run() {
    let sandbox = sandbox();
    sandbox.run(&["emulator", "start"]).exits(0);
    for (name, code) in [("-TERM", 143), ("-HUP", 0)] {
        let mut terminal = Terminal::open(&sandbox, 24, 80);
        terminal.wants("No runs yet");
        assert!(!terminal.given_back());
        terminal.signal(name);
        assert_eq!(terminal.child.wait().unwrap().exit_code(), code, "{name}");
        wait_until("the terminal is restored", || terminal.given_back());
    }
}

#[test]
fn suspended_screen_redraws() {
    let sandbox = sandbox();
    // An interactive shell with job control.
    let mut terminal = Terminal::run(&sandbox, "bash", &["--norc", "-i", "-s", "--"], 24, 80);
    let command = format!(
        "{} --config {} --state-dir {}\r",
        env!("CARGO_BIN_EXE_pointsman"),
        sandbox.folder.path().join("config.yaml").display(),
        sandbox.state().display()
    );
    terminal.press(&command);
    terminal.wants("No runs yet");
    terminal.press("\u{1a}");
    terminal.wants("Stopped");
    assert!(terminal.usual_screen());
    terminal.press("fg\r");
    terminal.wants("No runs yet");
    terminal.wants("2 Deploy");
    // The shell may take a key typed before the screen has the terminal again, so repeat it.
    wait_until("the terminal is restored", || {
        terminal.press("q");
        terminal.usual_screen()
    });
}

#[test]
fn missing_config_shows_next_steps() {
    let sandbox = sandbox();
    std::fs::remove_file(sandbox.folder.path().join("config.yaml")).unwrap();
    let mut terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("No config found");
    terminal.wants("Try a rehearsal");
    terminal.wants("Try a rehearsal");
    terminal.take("first-run");
    terminal.press("q");
    assert_eq!(terminal.child.wait().unwrap().exit_code(), 2);
    terminal.wants("there is no config at");
    terminal.wants("--demo gate");
    assert!(terminal.given_back());

    let project = sandbox.folder.path();
    std::fs::write(project.join("Procfile"), "web: pointsman sample-app\n").unwrap();
    let mut terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("Create a config");
    terminal.press("c");
    terminal.wants("Firebase project of production");
    terminal.press("\r");
    assert_eq!(terminal.child.wait().unwrap().exit_code(), 0);
    terminal.wants("pointsman deploy development");
    sandbox.run(&["check"]).exits(0);

    std::fs::remove_file(sandbox.folder.path().join("config.yaml")).unwrap();
    let mut terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("Try a rehearsal");
    terminal.press("d");
    terminal.wants("REHEARSAL");
    terminal.wants("WAIT");
}

#[test]
fn broken_config_is_reported_with_its_place() {
    let sandbox = sandbox();
    let file = sandbox.folder.path().join("config.yaml");
    let text =
        std::fs::read_to_string(&file).unwrap().replace("protection: open", "protection: opne");
    std::fs::write(&file, text).unwrap();
    let mut terminal = Terminal::open(&sandbox, 24, 80);
    terminal.wants("opne");
    assert_eq!(terminal.child.wait().unwrap().exit_code(), 2);
    assert!(terminal.given_back());
}

#[test]
fn ended_run_replays_fact_by_fact() {
    let sandbox = sandbox();
    sandbox.deploy("1.0.0").exits(0);
    sandbox.deploy("1.1.0-broken").exits(1);
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut terminal = Terminal::run(&sandbox, program, &["replay", "2"], 30, 100);
    terminal.wants("REPLAY");
    terminal.press("\x1b[H");
    // Check both in the same frame, because a replay also starts at fact 1 and also stops at the last fact.
    wait_until("the replay stops at the first fact", || {
        let text = terminal.text();
        text.contains("fact 1/") && text.contains("REPLAY stopped")
    });
    assert!(!terminal.text().contains("✗"), "nothing had failed yet: {}", terminal.text());
    // Each fact is shown, in both directions, also where several were recorded within a millisecond.
    let facts = sandbox.run(&["events", "2", "--json"]).exits(0).out.lines().count();
    for fact in 2..=facts {
        terminal.press(".");
        terminal.wants(&format!("fact {fact}/{facts}"));
    }
    for fact in (1..facts).rev() {
        terminal.press(",");
        terminal.wants(&format!("fact {fact}/{facts}"));
    }
    terminal.press("D");
    terminal.wants("read-only");
    terminal.press("\x1b[F");
    terminal.wants("FAILED");
    terminal.wants("1.0.0 stayed live");
    terminal.press("q");
    wait_until("the terminal is restored", || terminal.given_back());
    let told = sandbox.run(&["replay", "2"]).exits(0).out;
    assert!(told.contains("ended: failed"), "without a terminal its facts are printed: {told}");
}

#[test]
fn resize_during_typing_draws_the_last_size() {
    let sandbox = sandbox();
    let mut terminal = Terminal::open(&sandbox, 45, 160);
    terminal.wants("No runs yet");
    for _ in 0..20 {
        for (rows, cols, shows) in [(10, 50, "too small"), (45, 160, "7 History")] {
            terminal.press("jkjkjk");
            terminal.resize(rows, cols);
            terminal.press("jkjkjk");
            terminal.wants(shows);
        }
    }
}
