//! What is refused before there is a run: the exit code, the words, JSON and screen tell the same, and nothing was
//! begun, recorded or alerted.

use std::fs;

use pointsman::domain::error::Problem;
use pointsman::domain::guard::Refused;
use pointsman::domain::policy::Protection;
use pointsman::tui::effect::Effect;
use pointsman::tui::keys::Code;
use pointsman::tui::msg::Msg;

use super::told::words;
use crate::sandbox::Sandbox;
use crate::screen::{Screen, plain};

struct Row {
    /// The kind: what must not be taken for allowed.
    kind: &'static str,
    prepare: fn(&Sandbox),
    more: &'static [&'static str],
    exit: i32,
    says: &'static str,
}

fn nothing(_: &Sandbox) {}

fn frozen(sandbox: &Sandbox) {
    let freeze = "freeze: [{ name: always, from: 'Mon 00:00', to: 'Mon 00:00', zone: UTC }]";
    config(sandbox, "    protection: open\n", &format!("    protection: open\n    {freeze}\n"));
}

fn unpromoted(sandbox: &Sandbox) {
    let from = "    protection: open\n    promote_from: production\n";
    config(sandbox, "    protection: open\n", from);
}

fn config(sandbox: &Sandbox, from: &str, to: &str) {
    let file = sandbox.folder.path().join("config.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from));
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
}

fn locked(sandbox: &Sandbox) {
    sandbox.run(&["lock", "development", "take", "--reason", "demo at ten"]).exits(0);
}

fn no_such_folder(sandbox: &Sandbox) {
    config(sandbox, "examples/toto/toto-app", "examples/toto/gone");
}

const ROWS: &[Row] = &[
    Row {
        kind: "A3: a freeze",
        prepare: frozen,
        more: &[],
        exit: 3,
        says: "development is frozen",
    },
    Row {
        kind: "A3: a reason explains, and waives nothing",
        prepare: frozen,
        more: &["--reason", "INC-12"],
        exit: 3,
        says: "--override freeze",
    },
    Row {
        kind: "A3: an override of another guard waives nothing",
        prepare: unpromoted,
        more: &["--override", "freeze=INC-12"],
        exit: 3,
        says: "--override promotion",
    },
    Row {
        kind: "A11: a plan other than the reviewed one",
        prepare: nothing,
        more: &["--plan", "0123456789ab"],
        exit: 3,
        says: "the plan differs from the reviewed one",
    },
    Row { kind: "a lock of a person", prepare: locked, more: &[], exit: 4, says: "demo at ten" },
    Row {
        kind: "A7: a folder that is not there is not an empty one",
        prepare: no_such_folder,
        more: &[],
        exit: 2,
        says: "examples/toto/gone",
    },
];

#[test]
fn refusals_are_identical_everywhere_and_start_nothing() {
    for row in ROWS {
        let sandbox = Sandbox::new();
        (row.prepare)(&sandbox);
        let deploy = ["deploy", "development", "--release", "1.0.0", "--yes"];
        let deploy = [&deploy[..], row.more].concat();
        let said = sandbox.run(&deploy).exits(row.exit);
        assert!(said.err.contains(row.says), "{}: {}", row.kind, said.err);
        let json = sandbox.run(&[&deploy[..], &["--json"]].concat()).exits(row.exit).json();
        assert_eq!(json["exit"], row.exit, "{}: {json}", row.kind);
        assert!(json.to_string().contains(row.says), "{}: {json}", row.kind);
        if let Ok(problem) = serde_json::from_value::<Problem>(json["error"].clone()) {
            let drawn = on_screen(&problem);
            for part in [&problem.what, &problem.why, &problem.todo] {
                assert!(drawn.contains(&words(part)), "{}: {part:?} is not in {drawn}", row.kind);
            }
        }
        let none = serde_json::json!([]);
        assert_eq!(sandbox.run(&["history", "--json"]).exits(0).json(), none, "{}", row.kind);
        let alerts = sandbox.run(&["alerts", "--json"]).exits(0).json();
        assert_eq!(alerts["alerts"], none, "{}: {alerts}", row.kind);
        assert!(!sandbox.state().join("emulator/address.json").exists(), "{}", row.kind);
    }
}

/// The box of a deploy that was refused so.
fn on_screen(problem: &Problem) -> String {
    let mut screen = Screen::new(Protection::Open);
    let _ = screen.char('D');
    let effects = screen.key(Code::Enter);
    let [Effect::Propose(ticket, _)] = effects.as_slice() else { panic!("{effects:?}") };
    let refused = Refused { problem: problem.clone(), guards: Vec::new() };
    screen.send(Msg::Proposed(*ticket, Err(refused)));
    words(&screen.draw(&plain()))
}
