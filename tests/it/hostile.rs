//! A world in which every source of text sends terminal control sequences: platform, services, probes, programs,
//! commits, databases and people. The test checks the bytes that every command and pane sends to a terminal.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use pointsman::domain::migration::{Holder, LockState, lock_document};
use pointsman::engine::database::lock_seen;
use pointsman::ports::database::{Database, Expected, Write};
use portable_pty::CommandBuilder;
use serde_json::json;

use super::firestore::block_on;
use super::leaks::{HOSTILE, odd};
use super::sandbox::Sandbox;
use super::stand_in::{Reply, StandIn};
use super::terminal::Terminal;

/// A command platform with hostile output. Release 2 cannot be built, and release 3 gets no traffic.
const PLATFORM: &str = r#"#!/bin/sh
cd "$(dirname "$0")"
case "$POINTSMAN_VERB" in
  traffic) [ -s live ] && printf '{"live": "%s"}' "$(cat live)" || printf '{"live": null}' ;;
  builds)
    sep=""; printf '{"builds": ['
    for file in builds/*; do
      [ -e "$file" ] || continue
      read -r release state < "$file"
      printf '%s{"id": "%s", "state": "%s", "release": "%s", "problem": %s}' \
        "$sep" "$(basename "$file")" "$state" "$release" "$(cat hostile.json)"; sep=","
    done; printf ']}' ;;
  create_build)
    state=ready; case "$POINTSMAN_RELEASE" in 2*) state=failed;; esac
    echo "$POINTSMAN_RELEASE $state" > "builds/$1" ;;
  set_active)
    case "$1" in *3-0-0*) cat hostile >&2; exit 3;; esac
    printf %s "$1" > live ;;
  delete_build) cat hostile >&2; exit 3 ;;
  log) cat hostile; echo ;;
esac
"#;

struct World {
    sandbox: Sandbox,
    answers: StandIn,
}

/// The sequence that overwrites a progress line.
const OVER: &str = "\r\u{1b}[2K";

/// The hostile sequences in terminal output. On the screen, our own colours and cursor moves do not count.
fn driven(raw: &[u8], screen: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(raw);
    if !screen {
        return odd(&text.replace(OVER, "").replace('\r', ""))
            .iter()
            .map(|c| format!("{c:?}"))
            .collect();
    }
    let marks = ["[77;77H", "]52;", "]8;", "]0;t", "P1$r", "_x"];
    let found = marks
        .iter()
        .filter(|mark| text.contains(&format!("\u{1b}{mark}")))
        .map(ToString::to_string);
    let plain = text.replace(['\u{1b}', '\r', '\u{8}', '\u{7}'], "");
    found.chain(odd(&plain).iter().map(|c| format!("{c:?}"))).collect()
}

impl World {
    fn new() -> Self {
        let sandbox = Sandbox::new();
        let folder = sandbox.folder.path().to_owned();
        fs::create_dir_all(folder.join("builds")).unwrap();
        let file = |name: &str, text: &str| fs::write(folder.join(name), text).unwrap();
        file("hostile", HOSTILE);
        file("hostile.json", &json!(HOSTILE).to_string());
        file("verb", PLATFORM);
        fs::set_permissions(folder.join("verb"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(folder.join("migrations")).unwrap();
        let program = |exit: u8| {
            format!(
                "description: Says\nphase: expand\nreversibility: none\nup:\n  - run: [sh, -c, 'cat hostile; cat hostile >&2; exit {exit}']\n"
            )
        };
        file("migrations/1.0.0_says.yaml", &program(0));
        file("fails.yaml", &program(1));
        let live = folder.join("live");
        let answers = StandIn::new(move |asked, _| {
            if asked.path.contains("bad") {
                return Reply::Says(503, String::new(), HOSTILE.to_owned());
            }
            let serving = fs::read_to_string(&live).unwrap_or_default();
            let green = asked.path.strip_prefix("/green/").and_then(|rest| rest.split('/').next());
            let version = green.unwrap_or(&serving).split("-r").next().unwrap_or_default();
            let version = version.trim_start_matches("b-").replace('-', ".");
            Reply::json(200, &json!({"status": "ok", "version": version, "said": HOSTILE}))
        });
        let world = Self { sandbox, answers };
        world.commits();
        world.configure();
        world
    }

    fn commits(&self) {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.args(["-c", "user.email=a@example.com", "-c"]).arg(format!("user.name={HOSTILE}"));
            let out = git.current_dir(self.sandbox.folder.path()).args(arguments).output().unwrap();
            assert!(out.status.success(), "{out:?}");
        };
        let folder = self.sandbox.folder.path().join("toto-app");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("apphosting.yaml"), "scripts: { runCommand: node . }\n").unwrap();
        git(&["init", "--quiet"]);
        git(&["add", "toto-app", "migrations"]);
        for tag in ["1.0.0", "1.1.0", "2.0.0", "3.0.0"] {
            git(&["commit", "--quiet", "--allow-empty", "-m", HOSTILE]);
            git(&["tag", "-a", tag, "-m", HOSTILE]);
        }
    }

    fn configure(&self) {
        let file = self.sandbox.folder.path().join("config.yaml");
        let text = fs::read_to_string(&file).unwrap();
        let (from, to) = (text.find("    platform:").unwrap(), text.find("  production:").unwrap());
        let url = self.answers.url();
        let environment = format!(
            "    platform: {{ kind: command, verbs: {{ traffic: [./verb], builds: [./verb], create_build: [./verb, '{{build}}'], \
             set_active: [./verb, '{{build}}'], delete_build: [./verb, '{{build}}'], log: [./verb, '{{build}}'] }} }}\n    \
             services: {{ toto-app: {{ url: '{url}', green_url: '{url}/green/{{build}}' }} }}\n    \
             databases: {{ main: {{ kind: firestore, project: demo-toto, endpoint: emulator, migrations: migrations }} }}\n    \
             probes:\n      - {{ name: page, url: '{url}/bad', interval: 1s }}\n      - {{ name: program, command: [sh, -c, 'cat hostile; cat hostile >&2; exit 1'], interval: 1s }}\n    \
             pipeline: {{ kind: local, jobs: {{ test: {{ steps: [[sh, -c, 'cat hostile; exit 3']] }} }} }}\n"
        );
        let text = format!("{}{environment}{}", &text[..from], &text[to..]);
        let text = text.replace("order: [toto-bo, toto-app]", "order: [toto-app]");
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/toto/toto-app");
        let text = text.replace(&shipped.display().to_string(), "toto-app");
        let text = text.replace(
            "{ kind: list, labels: [\"1.0.0\"] }",
            "{ kind: git, dir: . }\ncommands:\n  - { name: says, run: [sh, -c, 'cat hostile; cat hostile >&2; exit 1'] }\nchecklists:\n  pre:\n    - { text: Asked, auto: { command: says } }\n    - { text: Looked }",
        );
        fs::write(file, text).unwrap();
    }

    /// Runs a verb in a new terminal; returns its exit code and output.
    fn verb(&self, arguments: &[&str]) -> (u32, String) {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pointsman"));
        command.arg("--config");
        command.arg(self.sandbox.folder.path().join("config.yaml"));
        command.arg("--state-dir");
        command.arg(self.sandbox.state());
        command.args(arguments);
        command.cwd(self.sandbox.folder.path());
        let (code, raw) = Terminal::of(command, 30, 100).ended();
        let said = String::from_utf8_lossy(&raw).into_owned();
        assert_eq!(driven(&raw, false), Vec::<String>::new(), "{arguments:?}: {said:?}");
        (code, said)
    }
}

impl World {
    /// Another machine holds the database lock, under a hostile name.
    fn locked_elsewhere(&self) {
        let started = self.sandbox.run(&["emulator", "start", "--json"]).exits(0).json();
        let token = self.sandbox.run(&["emulator", "token"]).exits(0).out.trim().to_owned();
        let base = started["url"].as_str().unwrap().to_owned();
        let bearer = pointsman::adapters::auth::Auth::Fixed(token.into());
        let database =
            pointsman::adapters::firestore::Firestore::new(base, "demo-toto", "(default)", bearer)
                .unwrap();
        let told = HOSTILE.to_owned();
        let holder = Holder {
            id: "another".to_owned(),
            host: told.clone(),
            actor: told.clone(),
            purpose: told.clone(),
            ..Holder::default()
        };
        let before = block_on(lock_seen(&database)).unwrap().unwrap();
        let lock = LockState { holder, step: told, lease_seconds: 600, ..before };
        let write = Write::whole(lock_document(), Expected::There, lock.fields());
        block_on(database.commit(&[write])).unwrap();
    }
}

/// Commands that only show what the earlier ones recorded.
const LOOKS: [&str; 24] = [
    "status",
    "status development",
    "handover",
    "history",
    "lock development",
    "alerts",
    "health development",
    "doctor",
    "check",
    "lint",
    "pipeline development",
    "pipeline development log",
    "commands",
    "commands log 1",
    "migrate status development",
    "plan development --release 2.0.0",
    "events RUN",
    "logs RUN",
    "report RUN",
    "card RUN",
    "checklist RUN",
    "attach RUN --plain",
    "replay RUN --plain",
    "verify RUN",
];

#[test]
fn hostile_output_never_reaches_the_terminal() {
    let world = World::new();
    let acts = [
        (0, "check"),
        (0, "deploy development --release 1.0.0 --yes"),
        (0, "deploy development --release 1.1.0 --yes"),
        (1, "deploy development --release 2.0.0 --yes"),
        (6, "deploy development --release 3.0.0 --yes"),
        (0, "rollback development --yes"),
        (0, "cleanup development --yes --reason now"),
        (1, "pipeline development run"),
        (1, "commands run says --environment development --yes"),
    ];
    for (code, act) in acts {
        let arguments: Vec<_> = act.split(' ').collect();
        let (ended, said) = world.verb(&arguments);
        assert_eq!(ended, code, "{act}: {said}");
    }
    for look in LOOKS {
        for run in if look.contains("RUN") { 1..=6 } else { 1..=1 } {
            let look = look.replace("RUN", &run.to_string());
            world.verb(&look.split(' ').collect::<Vec<_>>());
        }
    }
    let fails = "migrations/2.0.0_fails.yaml";
    fs::rename(
        world.sandbox.folder.path().join("fails.yaml"),
        world.sandbox.folder.path().join(fails),
    )
    .unwrap();
    let up: Vec<_> = "migrate up development --yes".split(' ').collect();
    assert_eq!(world.verb(&up).0, 1);
    world.locked_elsewhere();
    for look in [
        "migrate status development",
        "doctor",
        "status development",
        "migrate up development --yes",
    ] {
        world.verb(&look.split(' ').collect::<Vec<_>>());
    }

    let mut terminal = Terminal::open(&world.sandbox, 45, 160);
    terminal.wants("abcdefghijklm");
    for key in ["1", "2", "3", "4", "5", "6", "7", "8", "!", "?"] {
        // Open the pane, maximize it, open its first row and close that.
        for keys in [key, key, "\r", "\u{1b}"] {
            let before = terminal.text();
            terminal.press(keys);
            settles(&terminal, &before);
        }
    }
    assert_eq!(driven(&terminal.raw(), true), Vec::<String>::new());
}

/// Waits until a key press changes the screen, for at most 500 ms.
fn settles(terminal: &Terminal, before: &str) {
    let began = Instant::now();
    while terminal.text() == before && began.elapsed() < Duration::from_millis(500) {
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
