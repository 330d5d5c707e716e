//! Session recordings: they replay what the screen drew, hold no secrets, and survive a crash.

use std::fs;

use pointsman::domain::redact::know;
use pointsman::tui::msg::Msg;
use pointsman::tui::session::{Recorder, Session, Setup};
use serde_json::json;

use super::sandbox::Sandbox;
use super::terminal::Terminal;

/// The lines of a text with all digits set to 0, because clocks change them.
fn still(text: &str) -> Vec<String> {
    let line = |line: &str| {
        let digits = line.chars().map(|c| if c.is_ascii_digit() { '0' } else { c });
        digits.collect::<String>().trim_end().to_owned()
    };
    text.lines().map(line).collect()
}

#[test]
fn recording_of_a_killed_screen_draws_its_last_frame() {
    let sandbox = Sandbox::new();
    let file = sandbox.folder.path().join("screen.jsonl");
    let path = file.display().to_string();
    let arguments = ["--demo", "gate", "--record", path.as_str()];
    let program = env!("CARGO_BIN_EXE_pointsman");
    let mut terminal = Terminal::run(&sandbox, program, &arguments, 30, 100);
    terminal.wants("WAITING FOR YOU");
    terminal.press("?");
    terminal.wants("Help ·");
    terminal.press("roll");
    terminal.wants("filter: roll");
    terminal.kill();
    let drawn = terminal.text();
    // A crash may cut off the last line.
    let mut recorded = fs::read(&file).unwrap();
    recorded.extend_from_slice(b"{\"Key\":{\"co");
    fs::write(&file, recorded).unwrap();

    let replayed = sandbox.run(&["--replay-session", &path]).exits(0).out;
    let (drawn, replayed) = (still(&drawn), still(&replayed));
    assert_eq!(drawn[2..], replayed[2..drawn.len()], "below the lines with clocks");

    let again = sandbox.run(&["--demo", "gate", "--record", &path]).exits(2);
    assert!(again.err.contains("needs a terminal"), "{}", again.err);
}

#[test]
fn recording_is_private_and_holds_no_known_secret() {
    use std::os::unix::fs::PermissionsExt as _;
    know("correct-horse-battery");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("screen.jsonl");
    let setup = setup();
    let mut recorder = Recorder::create(&file, &setup).unwrap();
    recorder.message(&Msg::Tell("token correct-horse-battery refused".to_owned())).unwrap();
    drop(recorder);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("correct-horse") && text.contains("refused"), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(Session::read(&file).unwrap().messages.len(), 1);

    let taken = Recorder::create(&file, &setup).unwrap_err();
    assert!(taken.to_string().contains("cannot be recorded to"), "{taken}");
    fs::write(&file, "not a recording\n{}\n").unwrap();
    let unread = Session::read(&file).unwrap_err();
    assert!(unread.to_string().contains("line 1"), "{unread}");
}

/// The initial state of a screen with one environment.
fn setup() -> Setup {
    serde_json::from_value(json!({
        "version": "0.0.0", "actor": "ana", "own": "pointsman", "offered": [], "custom_commands": [],
        "environments": [{"name": "development", "protection": "open", "services": ["toto-app"], "tested": false}],
        "keys": {}, "zone": "UTC", "read_only": false, "connection_alone": false, "mouse": false,
        "motion": "full", "rehearsal": false, "remembered": {}
    }))
    .unwrap()
}
